"""Credits for many people at once: a plan to look at first, then a batch that is given once, all or nothing.

A plan comes from a file, a selection or a team. The same rows of a file are the same batch, however they are
written and whoever sends them, so a file that is sent twice gives once.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from accounts import acts, ledger
from accounts.acts import HERE, Origin
from accounts.administration.permission import GRANT, OwnAccount, check_permission
from accounts.bulk_files import ROWS_MAX, Line, Problem, lines_of
from accounts.ledger_refusals import Refusal, check_amount, check_words
from accounts.models import GrantBatch, Team, User

__all__ = [
    "ROWS_MAX",
    "Plan",
    "PlanHasProblems",
    "Problem",
    "Row",
    "apply",
    "for_people",
    "for_team",
    "keep",
    "read",
]

_CHUNK = 500


class PlanHasProblems(Refusal):
    """The plan gives to nobody, or has lines that cannot be given."""

    code = "plan_has_problems"

    def __init__(self, problems: int) -> None:
        super().__init__(
            f"{problems} lines have problems; nothing was given." if problems else "This gives to nobody."
        )
        self.problems = problems


@dataclass(frozen=True)
class Row:
    """What one person is to be given, in whole credits; `line` is its line in the file, from 1."""

    line: int
    user_id: int
    email: str
    amount: int
    reason: str


@dataclass(frozen=True)
class Plan:
    """What would be given, and what stands in the way; `total` is the credits of all rows."""

    title: str
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    # Tells one selection from the next; a file has none.
    nonce: str = ""

    @property
    def total(self) -> int:
        return sum(row.amount for row in self.rows)

    @property
    def digest(self) -> str:
        """SHA-256 of who is given what and why, in no order."""
        facts = sorted((row.user_id, row.amount, row.reason) for row in self.rows)
        return hashlib.sha256(json.dumps([self.nonce, facts]).encode()).hexdigest()


def read(*, data: bytes, title: str, reason: str = "", by: User | None) -> Plan:
    """The plan of a CSV file: `email,amount[,reason]`, see `accounts.bulk_files`.

    `reason` is for lines that give none. Nothing is refused here: what is wrong is a problem with its line.
    """
    lines, problems = lines_of(data, reason=reason)
    people = _people(line.email for line in lines)
    rows: list[Row] = []
    first: dict[int, int] = {}
    for line in lines:
        person = people.get(line.email)
        if wrong := _wrong(line, person, first, by):
            problems.append(Problem(line.number, wrong))
        elif person is not None:
            first[person.pk] = line.number
            rows.append(Row(line.number, person.pk, person.email, line.amount, line.reason))
    return Plan(title[:120], tuple(rows), tuple(sorted(problems, key=lambda problem: problem.line)))


def for_people(
    *, people: Sequence[User], amount: int, reason: str, title: str, key: str, by: User | None
) -> Plan:
    """The plan of a selection: the same for each. By the form's key, a form that is sent twice gives once.

    :raises InvalidAmount: :raises InvalidReason:
    """
    check_amount(amount)
    check_words(reason=reason)
    rows, problems = [], []
    for number, person in enumerate(people, 1):
        if wrong := _may_not_be_given(person, by):
            problems.append(Problem(number, f"{person.email}: {wrong}"))
        else:
            rows.append(Row(number, person.pk, person.email, amount, reason))
    if len(rows) > ROWS_MAX:
        problems.append(Problem(0, f"Choose at most {ROWS_MAX:,} people at once."))
    return Plan(title[:120], tuple(rows), tuple(problems), nonce=key)


def for_team(*, team: Team, amount: int, reason: str, key: str, by: User | None) -> Plan:
    """The plan for the members of a team who are active, but not for the admin who gives.

    :raises InvalidAmount: :raises InvalidReason:
    """
    members = User.objects.filter(membership__team=team, is_active=True).order_by("email")
    given = [member for member in members if not _is_self(member, by)]
    return for_people(people=given, amount=amount, reason=reason, title=f"Team {team.name}", key=key, by=by)


def keep(*, plan: Plan, by: User, now: datetime) -> GrantBatch:
    """Keep a plan without problems to be given; the same plan is the same batch, given already or not.

    :raises PlanHasProblems:
    """
    if plan.problems or not plan.rows:
        raise PlanHasProblems(len(plan.problems))
    batch, _ = GrantBatch.objects.get_or_create(
        digest=plan.digest,
        defaults={
            "title": plan.title,
            "rows": [{"user": row.user_id, "amount": row.amount, "reason": row.reason} for row in plan.rows],
            "total": plan.total,
            "created_by": by,
            "created_at": now,
        },
    )
    return batch


@transaction.atomic
def apply(*, batch: GrantBatch, by: User, now: datetime, origin: Origin = HERE) -> bool:
    """Give a batch, every row or none; False when it was given before.

    :raises NotAllowed: :raises OwnAccount: :raises Refusal: those of `ledger.grant`.
    """
    check_permission(by, GRANT)
    kept = GrantBatch.objects.select_for_update().get(pk=batch.pk)
    if kept.applied_at is not None:
        return False
    people = User.objects.in_bulk([row["user"] for row in kept.rows])
    grants = [ledger.Grant(people[row["user"]], row["amount"], row["reason"]) for row in kept.rows]
    if any(_is_self(grant.user, by) for grant in grants):
        raise OwnAccount
    entries = ledger.grant_each(grants=grants, key=f"batch:{kept.digest}", by=by)
    kept.applied_at = batch.applied_at = now
    kept.save(update_fields=["applied_at"])
    _record(kept, grants, entries, by, origin)
    return True


def _record(
    batch: GrantBatch,
    grants: Sequence[ledger.Grant],
    entries: Sequence[Any],
    by: User,
    origin: Origin,
) -> None:
    acts.record(
        by=by,
        verb="grant_batch",
        subject=batch,
        before={},
        after={"people": len(grants), "total": batch.total},
        reason=grants[0].reason,
        origin=origin,
    )
    acts.record_each(
        (
            acts.act(
                by=by,
                verb="grant",
                subject=grant.user,
                before={"balance": entry.destination_balance - grant.amount},
                after={"balance": entry.destination_balance, "entry": entry.pk, "batch": batch.pk},
                reason=grant.reason,
                origin=origin,
            )
            for grant, entry in zip(grants, entries, strict=True)
        )
    )


def _people(emails: Iterable[str]) -> dict[str, User]:
    """By address in lower case, which is how addresses are kept."""
    wanted = sorted(set(emails))
    found: dict[str, User] = {}
    for start in range(0, len(wanted), _CHUNK):
        for person in User.objects.filter(email__in=wanted[start : start + _CHUNK]):
            found[person.email.lower()] = person
    return found


def _wrong(line: Line, person: User | None, first: dict[int, int], by: User | None) -> str:
    if person is None:
        return f"Nobody here has the address {line.email}."
    if person.pk in first:
        return f"{line.email} is in line {first[person.pk]} already."
    return _may_not_be_given(person, by)


def _may_not_be_given(person: User, by: User | None) -> str:
    if not person.is_active:
        return "This person is switched off."
    return "You can't give credits to yourself. Ask another admin." if _is_self(person, by) else ""


def _is_self(person: User, by: User | None) -> bool:
    return by is not None and person.pk == by.pk and not settings.ADMINS_MAY_GRANT_THEMSELVES
