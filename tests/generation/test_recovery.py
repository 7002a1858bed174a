"""The sweep: much to end is ended in small steps, one bad row keeps no other, and old rows are forgotten."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from accounts import events, idempotency, ledger
from accounts.models import Event, IdempotentRequest
from gallery.models import Upload
from generation import execution, recovery
from generation.models import Chore, Generation
from tests import factories

pytestmark = pytest.mark.django_db


def over(count: int) -> datetime:
    """So many generations that wait, and a moment at which all are past their deadline."""
    user = factories.person()
    for _ in range(count):
        factories.generation(user)
    return timezone.now() + timedelta(hours=1)


def left() -> int:
    return Generation.objects.filter(status="queued").count()


@pytest.mark.django_db(transaction=True)
def test_each_is_ended_in_a_transaction_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    now = over(5)
    monkeypatch.setattr(recovery, "BATCH", 2)
    inside: list[bool] = []
    ended: list[int] = []
    reap = execution.reap

    def watched(*args: Any, **options: Any) -> bool:
        inside.append(connection.in_atomic_block)
        ended.append(5 - left())
        return reap(*args, **options)

    monkeypatch.setattr(execution, "reap", watched)

    assert recovery.sweep(now=now).reaped == 5
    assert (inside, ended) == ([False] * 5, [0, 1, 2, 3, 4])
    assert left() == 0


def test_it_reads_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Callable[[int], Any]
) -> None:
    now = over(5)
    monkeypatch.setattr(recovery, "BATCH", 2)
    monkeypatch.setattr(execution, "reap", lambda *_, **__: False)

    with django_assert_num_queries(4):  # of two, two, one and none
        assert recovery.reap(now=now) == (0, 0)


def test_one_sweep_ends_so_many_and_the_next_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = over(5)

    assert [recovery.sweep(now=now, reaped_max=2).reaped for _ in range(4)] == [2, 2, 1, 0]


def test_one_that_cannot_be_ended_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = over(5)
    bad = set(Generation.objects.order_by("pk").values_list("pk", flat=True)[:2])
    reap = execution.reap

    def fails(pk: int, *args: Any, **options: Any) -> bool:
        if pk in bad:
            raise ValueError(f"row {pk} is damaged")
        return reap(pk, *args, **options)

    monkeypatch.setattr(execution, "reap", fails)
    swept = recovery.sweep(now=now, reaped_max=3)

    assert (swept.reaped, swept.failed) == (3, 2)
    assert set(Generation.objects.filter(status="queued").values_list("pk", flat=True)) == bad
    assert f"row {min(bad)} is damaged" in caplog.text


def test_a_row_that_is_damaged_is_met_in_earnest() -> None:
    now = over(3)
    damaged = Generation.objects.order_by("pk")[1]
    ledger.capture(hold=damaged.hold, amount=1, reason="it never was")

    swept = recovery.sweep(now=now)

    assert (swept.reaped, swept.failed) == (2, 1)


def test_a_database_that_is_away_is_not_asked_for_every_row(monkeypatch: pytest.MonkeyPatch) -> None:
    now = over(3)
    asked = []

    def away(*args: Any, **options: Any) -> bool:
        asked.append(args)
        raise OperationalError("away")

    monkeypatch.setattr(execution, "reap", away)

    with pytest.raises(OperationalError):
        recovery.sweep(now=now)
    assert len(asked) == 1


# --- Tidying ----------------------------------------------------------------------------------------


def task(name: str, *, stopped: datetime, success: bool) -> None:
    Task.objects.create(
        id=name, name=name, func="generation.tasks.run", started=stopped, stopped=stopped, success=success
    )


def test_rows_of_the_queue_are_kept_for_thirty_days() -> None:
    now = timezone.now()
    for days in (29, 31):
        at = now - timedelta(days=days)
        task(f"failed {days}", stopped=at, success=False)
        task(f"done {days}", stopped=at, success=True)
        OrmQ.objects.create(key=f"queued {days}", payload="", lock=at)

    assert recovery.tidy(now=now) == 3

    assert set(Task.objects.values_list("id", flat=True)) == {"failed 29", "done 29"}
    assert OrmQ.objects.get().key == "queued 29"


def test_chores_that_are_done_are_kept_for_a_week() -> None:
    now = timezone.now()
    for days in (6, 8):
        for status in Chore.Status:
            period = now - timedelta(days=days)
            Chore.objects.create(name=f"{status} {days}", period=period, again_at=now, status=status)

    recovery.tidy(now=now)

    assert set(Chore.objects.values_list("name", flat=True)) == {
        "due 6", "due 8", "taken 6", "taken 8", "done 6",
    }  # fmt: skip


def test_much_is_forgotten_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "FORGOTTEN_AT_ONCE", 2)
    user = factories.person(credits=0)
    for _ in range(5):
        events.record(user_id=user.pk, kind=events.Kind.NOTICE)
    old = Event.objects.filter(user=user)

    assert recovery.tidy(now=timezone.now() + timedelta(days=1)) == 0
    assert recovery.tidy(now=timezone.now() + timedelta(days=3)) == 5
    assert not old.exists()


def test_loose_uploads_and_keys_are_forgotten() -> None:
    user = factories.person(credits=0)
    factories.upload(user)
    key = idempotency.key_of("once", method="POST", path="/", body=b"")
    idempotency.keep(owner=user, key=key, reference="1")

    assert recovery.tidy(now=timezone.now() + timedelta(hours=49)) >= 2
    assert not Upload.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_what_cannot_be_forgotten_keeps_nothing_else(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*, now: datetime) -> int:
        raise ValueError("damaged")

    monkeypatch.setattr(idempotency, "prune", fails)
    now = timezone.now()
    task("old", stopped=now - timedelta(days=31), success=False)

    assert recovery.tidy(now=now) == 1
    assert "damaged" in caplog.text
