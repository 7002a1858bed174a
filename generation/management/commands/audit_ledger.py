"""`manage.py audit_ledger`: proof of the ledger's rules, or the rows at fault and exit code 1."""

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from accounts.audit import Totals
from generation import audit


class Command(BaseCommand):
    help = "Prove the ledger: prints every row that breaks a rule and exits with 1; repairs nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        totals, found = audit.whole(timezone.now())
        if options["json"]:
            report = {"totals": asdict(totals), "findings": [asdict(finding) for finding in found]}
            self.stdout.write(json.dumps(report, indent=2))
        else:
            for finding in found:
                self.stdout.write(str(finding))
            self.stdout.write(_summary(totals, len(found)))
        if found:
            raise SystemExit(1)


def _summary(totals: Totals, found: int) -> str:
    verdict = f"{found} findings" if found else "The ledger is right"
    return (
        f"{verdict}: {totals.accounts:,} accounts, {totals.holds:,} holds and {totals.entries:,} entries"
        f" checked; {totals.issued:,} issued = {totals.balances:,} in balances + {totals.spent:,} spent"
        f" + {totals.expired:,} expired."
    )
