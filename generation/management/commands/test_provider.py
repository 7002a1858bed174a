import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from generation import provider_tests
from generation.models import Provider, ProviderTest


class Command(BaseCommand):
    """`manage.py test_provider google`."""

    help = (
        "Makes one small real call to a provider, which the vendor may charge for. Ends with 1 if it fails."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the provider's name in the API")
        parser.add_argument("--json", action="store_true", help="print the outcome as JSON")

    def handle(self, *, name: str, **options: Any) -> None:
        provider = Provider.objects.filter(name=name).first()
        if provider is None:
            names = ", ".join(Provider.objects.values_list("name", flat=True)) or "none yet"
            raise CommandError(f"There is no provider {name}. There are: {names}.")
        try:
            test = provider_tests.begin(by=None, provider=provider, now=timezone.now())
        except provider_tests.AlreadyRunning as running:
            raise CommandError("A test of it is running. Wait for its end, two minutes at most.") from running
        done = provider_tests.run(test.public_id)
        assert done is not None, "a test that was only just begun is nobody else's"
        self.say(done, as_json=options["json"])
        if not done.ok:
            sys.exit(1)

    def say(self, test: ProviderTest, *, as_json: bool) -> None:
        """Print how it ended."""
        assert test.ended_at is not None
        seconds = (test.ended_at - test.started_at).total_seconds()
        if as_json:
            facts = {
                "provider": test.provider.name,
                "ok": test.ok,
                "seconds": round(seconds, 1),
                "code": test.code or None,
                "detail": test.detail,
                "vendor_text": test.vendor_text or None,
                "cost_usd": None if test.cost_usd is None else str(test.cost_usd),
            }
            self.stdout.write(json.dumps(facts))
            return
        words = "works" if test.ok else "failed"
        self.stdout.write(f"{test.provider.title} {words} after {seconds:.1f} s. {test.detail}")
        if test.vendor_text:
            self.stdout.write(f"In its own words: {test.vendor_text}")
        if test.cost_usd is not None:
            self.stdout.write(f"It cost ${test.cost_usd:f}.")
