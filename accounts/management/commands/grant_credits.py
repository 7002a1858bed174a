import json
import uuid
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts import administration
from accounts.ledger_refusals import Refusal
from accounts.management.asked import find_person


class Command(BaseCommand):
    """`manage.py grant_credits me@example.com 100 --reason "for March"`."""

    help = "Give credits to a person, recorded like an admin's grant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("amount", type=int, help="whole credits")
        parser.add_argument("--reason", required=True, help="the person sees it in the statement")
        parser.add_argument("--by", metavar="EMAIL", help="the admin who gives; nobody when left out")
        parser.add_argument("--key", help="the same key gives once; a new one when left out")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of a line")

    def handle(self, *args: Any, **options: Any) -> None:
        user = find_person(options["email"])
        by = find_person(options["by"]) if options["by"] else None
        key = options["key"] or str(uuid.uuid4())
        try:
            entry = administration.grant(
                by=by, user=user, amount=options["amount"], reason=options["reason"], key=key
            )
        except Refusal as refusal:
            raise CommandError(str(refusal)) from refusal
        facts = {
            "email": user.email,
            "amount": entry.amount,
            "balance": entry.destination_balance,
            "entry": entry.pk,
            "key": key,
        }
        if options["json"]:
            self.stdout.write(json.dumps(facts))
        else:
            self.stdout.write(f"{user.email} was given {entry.amount:,} credits: {facts['balance']:,} now.")
