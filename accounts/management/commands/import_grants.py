import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts import bulk
from accounts.ledger_refusals import Refusal
from accounts.management.asked import find_person


class Command(BaseCommand):
    """`manage.py import_grants march.csv --by me@example.com --dry-run`, then without `--dry-run`."""

    help = "Give credits by a CSV file (email,amount[,reason]): every line or none, and the same file once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--by", metavar="EMAIL", required=True, help="the admin who gives")
        parser.add_argument("--reason", default="", help="for lines that give none")
        parser.add_argument("--dry-run", action="store_true", help="look at the file and give nothing")
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        by = find_person(options["by"])
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} can't be read: {error.strerror}.") from error
        plan = bulk.read(data=data, title=options["file"].name, reason=options["reason"], by=by)
        given = False
        if not plan.problems and not options["dry_run"]:
            try:
                batch = bulk.keep(plan=plan, by=by, now=timezone.now())
                given = bulk.apply(batch=batch, by=by, now=timezone.now())
            except Refusal as refusal:
                raise CommandError(str(refusal)) from refusal
        self._tell(plan, given=given, **options)
        if plan.problems:
            raise SystemExit(1)

    def _tell(self, plan: bulk.Plan, *, given: bool, dry_run: bool, **options: Any) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(_facts(plan, given), indent=2))
            return
        for problem in plan.problems:
            self.stdout.write(f"line {problem.line}: {problem.detail}")
        if plan.problems:
            self.stdout.write(f"{len(plan.problems):,} problems; nothing was given.")
            return
        for row in plan.rows if dry_run else ():
            self.stdout.write(f"{row.email}: {row.amount:,} ({row.reason})")
        what = f"{plan.total:,} credits to {len(plan.rows):,} people"
        if dry_run:
            self.stdout.write(f"This would give {what}.")
        else:
            self.stdout.write(f"Gave {what}." if given else f"Given before: {what}. Nothing was given now.")


def _facts(plan: bulk.Plan, given: bool) -> dict[str, Any]:
    return {
        "given": given,
        "people": len(plan.rows),
        "total": plan.total,
        "rows": [{"email": row.email, "amount": row.amount, "reason": row.reason} for row in plan.rows],
        "problems": [{"line": problem.line, "detail": problem.detail} for problem in plan.problems],
    }
