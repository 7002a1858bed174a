"""A rule as a query for the rows that break it, and what was found by it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection

# More rows of one rule add nothing: they have one cause.
FOUND_MAX = 1_000


@dataclass(frozen=True)
class Finding:
    """A row that breaks a rule: `subject` names it, as in "hold 17"."""

    rule: str
    subject: str
    detail: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.subject} {self.detail}"


@dataclass(frozen=True)
class Check:
    """A rule as a query for the rows that break it: their id first, then what `detail` tells of them."""

    rule: str
    table: str
    detail: str
    sql: str


def found_by(checks: Iterable[Check], *parameters: Any) -> Iterator[Finding]:
    """What the checks' queries answer, each at most FOUND_MAX rows."""
    for check in checks:
        with connection.cursor() as cursor:
            cursor.execute(check.sql, parameters or None)
            for key, *facts in cursor.fetchmany(FOUND_MAX):
                yield Finding(check.rule, f"{check.table} {key}", check.detail.format(*facts))
