"""What comes back by the clock is sent once each time, however many look."""

from datetime import UTC, datetime, timedelta

import pytest
from django_q.models import OrmQ

from accounts import periods
from accounts.models import Cap, CapUse, Notice
from generation import chores, tasks
from generation.models import Chore
from tests.accounts.racing import race
from tests.factories import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)


def sent() -> list[str]:
    return [task.task["func"] for task in OrmQ.objects.order_by("pk")]


def test_at_the_first_look_all_is_due() -> None:
    assert chores.send_due(now=NOW) == ["allowances", "audit"]
    assert sent() == ["generation.tasks.allowances", "generation.tasks.audit"]


def test_a_second_supervisor_sends_nothing() -> None:
    chores.send_due(now=NOW)

    assert chores.send_due(now=NOW) == []
    assert len(sent()) == 2


@pytest.mark.parametrize(
    ("later", "due"),
    [
        (timedelta(seconds=39), []),
        (timedelta(seconds=40), ["allowances"]),
        (timedelta(hours=14, minutes=59), ["allowances"]),
        (timedelta(hours=15), ["allowances", "audit"]),
        (timedelta(days=9), ["allowances", "audit"]),
    ],
)
def test_allowances_come_each_minute_and_the_audit_each_night(later: timedelta, due: list[str]) -> None:
    chores.send_due(now=NOW)

    assert chores.send_due(now=NOW + later) == due


def test_the_night_after_an_audit_at_night_is_the_next_one() -> None:
    at_night = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)

    chores.send_due(now=at_night)

    assert Chore.objects.get(name="audit").due_at == at_night + timedelta(days=1)


def test_each_chore_is_a_task_that_runs_twice_without_harm() -> None:
    person()

    for name in [*chores.CHORES, *chores.CHORES]:
        getattr(tasks, name)("by the clock")

    assert not Notice.objects.exists()


def test_the_audit_raises_one_notice_for_admins_until_it_is_mended() -> None:
    cap = Cap.objects.create(user=person(), period="total", allowed=9, reason="budget")
    use = CapUse.objects.create(cap=cap, period_start=periods.EVER, used=5)
    tasks.audit("by the clock")
    tasks.audit("by the clock")

    [notice] = Notice.objects.filter(resolved_at__isnull=True)
    assert (notice.user, notice.kind) == (None, "audit")
    assert notice.text == (
        "The audit of the ledger found one thing, such as: cap_used_is_sum_of_holds: "
        f"use {use.pk} of cap {cap.pk} says 5; the holds it counts sum to 0"
    )

    CapUse.objects.update(used=0)
    tasks.audit("by the clock")

    notice.refresh_from_db()
    assert notice.resolved_at is not None


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_eight_supervisors_at_once_send_each_chore_once() -> None:
    for day in range(3):
        now = (NOW + timedelta(days=day)).isoformat()

        assert race("chores", threads=8, now=now) == {"allowances": 1, "audit": 1}
