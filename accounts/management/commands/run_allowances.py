import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts import allowances


class Command(BaseCommand):
    """Workers do this each minute; by hand it may run at any time, also beside them."""

    help = "Give the allowances that are due. Each person's period is given once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a line")

    def handle(self, *args: Any, **options: Any) -> None:
        given = allowances.run(now=timezone.now())
        self.stdout.write(json.dumps({"people": given}) if options["json"] else f"Gave to {given:,} people.")
