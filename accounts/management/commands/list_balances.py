import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Team, User


class Command(BaseCommand):
    """`manage.py list_balances --team Atelier --json`."""

    help = "List everybody's credits: balance, held and available."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--team", help="only the members of the team of this name")
        parser.add_argument("--json", action="store_true", help="a JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        people = User.objects.select_related("credit_account", "membership__team").order_by("email")
        if options["team"]:
            team = Team.objects.filter(name__iexact=options["team"]).first()
            if team is None:
                raise CommandError(f"There is no team called {options['team']}.")
            people = people.filter(membership__team=team)
        for person in people.iterator():
            facts = _facts(person)
            shown = "{email}\t{balance}\t{held}\t{available}\t{team}".format(**facts)
            self.stdout.write(json.dumps(facts) if options["json"] else shown)


def _facts(person: User) -> dict[str, Any]:
    account, membership = getattr(person, "credit_account", None), getattr(person, "membership", None)
    return {
        "email": person.email,
        "team": membership.team.name if membership else "",
        "balance": account.balance if account else 0,
        "held": account.held if account else 0,
        "available": account.available if account else 0,
    }
