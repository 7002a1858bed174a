"""Any order of verbs, repeated and refused ones too, beside a model of what a person should have."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from accounts import audit, ledger, limits, teams
from accounts.models import Hold, Team, User
from tests.accounts.racing import LONG
from tests.factories import person

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(3_600)]

AMOUNTS = st.integers(1, 40)
PEOPLE = st.integers(0, 1)
KEYS = st.sampled_from("abcdef")


@dataclass
class Expected:
    """What a person should have, kept by plain arithmetic."""

    balance: int = 0
    held: int = 0
    # What counts against a cap: spent or held, less what came back.
    used: int = 0
    keys: dict[tuple[str, str], int] = field(default_factory=dict)


@dataclass
class ExpectedHold:
    hold: Hold
    owner: int
    captured: int | None = None
    refunds: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        return (self.captured or 0) - sum(self.refunds.values())


class Ledger(RuleBasedStateMachine):
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.rollback = transaction.atomic()
        self.rollback.__enter__()
        self.people: list[User] = [person(credits=0), person(credits=0)]
        self.expected = [Expected(), Expected()]
        self.team = Team.objects.create(name="Studio")
        for one in self.people:
            teams.put(one, self.team, role="member", now=timezone.now())
        self.allowed: int | None = None

    def teardown(self) -> None:
        assert audit.findings(timezone.now()) == []
        transaction.set_rollback(True)
        self.rollback.__exit__(None, None, None)

    @rule(who=PEOPLE, amount=AMOUNTS, key=KEYS)
    def grant(self, who: int, amount: int, key: str) -> None:
        self._once(who, ("grant", key), amount, ledger.grant)

    @rule(who=PEOPLE, amount=AMOUNTS, sign=st.sampled_from([1, -1]), key=KEYS)
    def adjust(self, who: int, amount: int, sign: int, key: str) -> None:
        self._once(who, ("adjust", key), sign * amount, ledger.adjust)

    def _once(self, who: int, key: tuple[str, str], amount: int, verb: Any) -> None:
        mine = self.expected[who]
        terms = {"user": self.people[who], "amount": amount, "key": key[1], "reason": "r", "by": None}
        if key in mine.keys and mine.keys[key] != amount:
            self._refused(ledger.KeyReused, verb, **terms)
        elif key not in mine.keys and mine.balance - mine.held + amount < 0:
            self._refused(ledger.InsufficientCredits, verb, **terms)
        else:
            verb(**terms)
            mine.balance += 0 if key in mine.keys else amount
            mine.keys[key] = amount

    @rule(allowed=st.integers(0, 120))
    def cap(self, allowed: int) -> None:
        terms = {"period": "total", "reason": "r", "by": self.people[0], "now": timezone.now()}
        limits.set_cap(team=self.team, allowed=allowed, **terms)
        self.allowed = allowed

    @rule(target=holds, who=PEOPLE, amount=AMOUNTS)
    def hold(self, who: int, amount: int) -> ExpectedHold | None:
        mine, number = self.expected[who], str(len(self.expected[who].keys))
        terms = {"user": self.people[who], "amount": amount, "key": number, "reason": "r"}
        if mine.balance - mine.held < amount:
            self._refused(ledger.InsufficientCredits, ledger.hold, **terms)
            return None
        if self.allowed is not None and self._used() + amount > self.allowed:
            self._refused(ledger.LimitReached, ledger.hold, **terms)
            return None
        made = ledger.hold(**terms)
        assert ledger.hold(**terms) == made
        mine.held += amount
        mine.used += amount
        mine.keys[("hold", number)] = amount
        return ExpectedHold(made, who)

    @rule(held=holds, amount=AMOUNTS)
    def capture(self, held: ExpectedHold | None, amount: int) -> None:
        if held is None:
            return
        mine, terms = self.expected[held.owner], {"hold": held.hold, "amount": amount, "reason": "r"}
        if held.captured is not None:
            if held.captured == amount:
                assert ledger.capture(**terms) == ledger.capture(**terms)
            else:
                self._refused(ledger.HoldSettled, ledger.capture, **terms)
        elif amount > held.hold.amount:
            self._refused(ledger.ExceedsHold, ledger.capture, **terms)
        else:
            ledger.capture(**terms)
            mine.held -= held.hold.amount
            mine.balance -= amount
            mine.used -= held.hold.amount - amount
            held.captured = amount

    @rule(held=holds)
    def release(self, held: ExpectedHold | None) -> None:
        if held is None:
            return
        if held.captured:
            self._refused(ledger.HoldSettled, ledger.release, hold=held.hold)
            return
        ledger.release(hold=held.hold)
        if held.captured is None:
            self.expected[held.owner].held -= held.hold.amount
            self.expected[held.owner].used -= held.hold.amount
            held.captured = 0

    @precondition(lambda self: any(mine.keys for mine in self.expected))
    @rule(held=holds, amount=AMOUNTS, key=KEYS)
    def refund(self, held: ExpectedHold | None, amount: int, key: str) -> None:
        if held is None:
            return
        terms = {"hold": held.hold, "amount": amount, "key": key, "reason": "r", "by": None}
        if key in held.refunds:
            if held.refunds[key] == amount:
                ledger.refund(**terms)
            else:
                self._refused(ledger.KeyReused, ledger.refund, **terms)
        elif amount > held.left:
            self._refused(ledger.ExceedsCaptured, ledger.refund, **terms)
        else:
            ledger.refund(**terms)
            held.refunds[key] = amount
            self.expected[held.owner].balance += amount
            self.expected[held.owner].used -= amount

    def _used(self) -> int:
        return sum(mine.used for mine in self.expected)

    def _refused(self, refusal: type[ledger.Refusal], verb: Any, **terms: Any) -> None:
        with pytest.raises(refusal):
            verb(**terms)

    @invariant()
    def every_person_has_what_the_arithmetic_says(self) -> None:
        for one, mine in zip(self.people, self.expected, strict=True):
            assert ledger.standing(one) == ledger.Standing(balance=mine.balance, held=mine.held)

    @invariant()
    def the_teams_cap_has_used_what_the_arithmetic_says(self) -> None:
        used = [standing.used for standing in limits.standings(team=self.team, now=timezone.now())]
        assert used == ([] if self.allowed is None else [self._used()])

    @invariant()
    def no_row_is_at_fault(self) -> None:
        assert list(audit.found_by(audit.CHECKS)) == []


def test_any_order_of_verbs_keeps_the_books_right() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=1_000 if LONG else 50,
            stateful_step_count=50 if LONG else 40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
