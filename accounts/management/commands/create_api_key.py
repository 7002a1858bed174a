from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import keys
from accounts.models import ApiKey, User


class Command(BaseCommand):
    """`KEY=$(manage.py create_api_key me@example.com)`: only the key goes to stdout, all else to stderr."""

    help = "Make an API key for a person and print it. It is shown this once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--name", default="Command line", help="what people see in the list of keys")
        parser.add_argument(
            "--scope", action="append", choices=ApiKey.Scope.values, help="may be repeated; all when left out"
        )
        parser.add_argument("--spend-limit", type=int, help="credits the key may spend in all")
        parser.add_argument("--expires-days", type=int, help="days until it ends; never when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email__iexact=options["email"].strip(), is_active=True).first()
        if user is None:
            raise CommandError(f"Nobody active has the e-mail address {options['email']}.")
        days = options["expires_days"]
        if days is not None and not 1 <= days <= 36_500:
            raise CommandError("--expires-days is a number from 1 to 36,500.")
        try:
            created = keys.create(
                user=user,
                name=options["name"],
                scopes=options["scope"] or ApiKey.Scope.values,
                spend_limit=options["spend_limit"],
                expires_at=None if days is None else timezone.now() + timedelta(days=days),
            )
        except keys.InvalidKey as refusal:
            raise CommandError(refusal.detail) from refusal
        self.stderr.write(f"{created.key} for {user.email}. Keep it safe: it can't be shown again.")
        self.stdout.write(created.secret)
