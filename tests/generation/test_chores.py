"""What comes back by the clock is done once a period, however many look, and whatever is lost on the way."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone
from django_q.models import OrmQ

from accounts import periods
from accounts.models import Cap, CapUse, Notice
from generation import chores, queue, tasks
from generation.chores import CHORES, Kind
from generation.models import Chore
from tests.accounts.racing import race
from tests.factories import person

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, 12, 0, 20, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ALL = ["allowances", "audit", "late", "orphans", "tidy", "trash", "unfinished", "unused"]


@pytest.fixture
def only(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[datetime]]:
    """Make one chore all there is, with what it does; answers the moments at which it was done."""

    def made(act: Callable[[str], str] = lambda place: "", *, name: str = "audit") -> list[datetime]:
        done: list[datetime] = []

        def work(now: datetime, place: str) -> str:
            done.append(now)
            return act(place)

        monkeypatch.setattr(chores, "CHORES", {name: Kind(CHORES[name].period, work)})
        return done

    return made


def sent() -> list[str]:
    return [task.task["func"] for task in OrmQ.objects.order_by("pk")]


def row(name: str = "audit") -> Chore:
    return Chore.objects.filter(name=name).latest("period")


# --- When -------------------------------------------------------------------------------------------


def test_at_the_first_look_all_is_due() -> None:
    assert chores.send_due(now=NOW) == ALL
    assert sent() == ["generation.tasks.chore"] * 8
    assert [task.task["args"] for task in OrmQ.objects.order_by("pk")] == [(str(row(n).pk),) for n in ALL]


def test_one_that_cannot_be_sent_keeps_no_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    do = queue.do

    def fails(chore_id: int) -> None:
        if Chore.objects.get(pk=chore_id).name == "allowances":
            raise OperationalError("the row is held")
        do(chore_id)

    monkeypatch.setattr(queue, "do", fails)

    assert chores.send_due(now=NOW) == ALL[1:]
    assert "the row is held" in caplog.text
    monkeypatch.undo()
    assert chores.send_due(now=NOW) == ALL[:1]


def test_a_second_supervisor_sends_nothing() -> None:
    chores.send_due(now=NOW)

    assert chores.send_due(now=NOW) == []
    assert len(sent()) == 8


@pytest.mark.parametrize(
    ("later", "due"),
    [
        (timedelta(seconds=39), []),
        (timedelta(seconds=40), ["allowances"]),
        (timedelta(minutes=4, seconds=40), ["allowances", "late", "trash", "unfinished"]),
        (timedelta(minutes=59, seconds=40), ["allowances", "late", "tidy", "trash", "unfinished"]),
        (timedelta(hours=13, minutes=59), ["allowances", "late", "tidy", "trash", "unfinished"]),
        (timedelta(hours=14, minutes=59), [one for one in ALL if one not in ("audit", "orphans")]),
        (timedelta(hours=15), ALL),
        (timedelta(days=9), ALL),
    ],
)
def test_each_comes_back_in_its_time(
    later: timedelta, due: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        chores, "CHORES", {name: Kind(kind.period, lambda *_: "") for name, kind in CHORES.items()}
    )
    for chore in map(row, chores.send_due(now=NOW)):
        assert chores.do(chore.pk, now=NOW)

    assert chores.send_due(now=NOW + later) == due


def test_the_night_after_an_audit_at_night_is_the_next_one(only: Any) -> None:
    only()
    at_night = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)

    assert chores.do_due("audit", now=at_night)

    assert row().period == at_night
    assert chores.send_due(now=at_night + timedelta(hours=23, minutes=59)) == []
    assert chores.send_due(now=at_night + timedelta(hours=24)) == ["audit"]


# --- Once -------------------------------------------------------------------------------------------


def test_a_task_that_comes_twice_finds_it_done(only: Any) -> None:
    done = only()
    chores.send_due(now=NOW)

    assert [chores.do(row().pk, now=NOW) for _ in range(3)] == [True, False, False]
    assert len(done) == 1


def test_a_task_that_comes_while_another_is_at_it_does_nothing(only: Any) -> None:
    again: list[bool] = []
    done = only(lambda place: again.append(chores.do(row().pk, now=NOW + MINUTE)) or "")
    chores.send_due(now=NOW)

    assert chores.do(row().pk, now=NOW)

    assert (again, len(done)) == ([False], 1)


def test_the_task_of_a_row_that_is_gone_or_of_another_version_does_nothing() -> None:
    other = Chore.objects.create(name="of tomorrow", period=NOW, again_at=NOW)

    tasks.chore(str(other.pk))
    tasks.chore(str(other.pk + 1))

    assert Chore.objects.get().status == Chore.Status.DUE


# --- What is lost -----------------------------------------------------------------------------------


def test_a_task_that_the_broker_lost_is_sent_again_less_and_less_often(only: Any) -> None:
    only()
    ticks = [NOW + n * timedelta(seconds=15) for n in range(60 * 4)]

    at = [(moment - NOW) // MINUTE for moment in ticks if chores.send_due(now=moment)]

    assert at == [0, 1, 3, 7, 15, 31, 47]


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_is_no_error_and_gets_it_later(
    only: Any, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    only()
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "redis": "redis://127.0.0.1:1/0"}
    del settings.Q_CLUSTER["orm"]
    arrived: list[str] = []

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(queue, "async_task", away)
    chores.send_due(now=NOW)
    assert "the broker is away" in caplog.text

    monkeypatch.setattr(queue, "async_task", lambda task, argument, **_: arrived.append(argument))
    chores.send_due(now=NOW + MINUTE)
    assert arrived == [str(row().pk)]


def test_one_that_is_killed_half_way_is_done_again_when_its_lease_is_over(only: Any) -> None:
    def killed(place: str) -> str:
        raise KeyboardInterrupt

    only(killed)
    chores.send_due(now=NOW)
    with pytest.raises(KeyboardInterrupt):
        chores.do(row().pk, now=NOW)
    done = only()

    over = NOW + chores.lease()
    assert chores.send_due(now=over - MINUTE) == []
    assert not chores.do(row().pk, now=over - MINUTE)
    assert chores.send_due(now=over) == ["audit"]
    assert chores.do(row().pk, now=over)
    assert done == [over]


def test_the_lease_is_longer_than_a_task_may_take(settings: Any) -> None:
    assert chores.lease().total_seconds() > settings.Q_CLUSTER["ALT_CLUSTERS"]["short"]["timeout"] + 30


def test_who_comes_back_after_the_lease_does_not_end_what_another_is_at(only: Any) -> None:
    over = NOW + chores.lease()

    def slow(place: str) -> str:
        chores.send_due(now=over)
        assert chores._take(row().pk, over)
        return ""

    only(slow)
    chores.send_due(now=NOW)
    chores.do(row().pk, now=NOW)

    assert row().status == Chore.Status.TAKEN


def test_one_that_fails_is_done_again_after_a_pause_and_says_so(only: Any) -> None:
    def fails(place: str) -> str:
        raise ValueError("a bug")

    only(fails)
    chores.send_due(now=NOW)

    with pytest.raises(ValueError, match="a bug"):
        chores.do(row().pk, now=NOW)

    assert chores.send_due(now=NOW + MINUTE) == []
    assert chores.send_due(now=NOW + 2 * MINUTE) == ["audit"]


def test_what_was_missed_is_made_up_for_once(only: Any) -> None:
    done = only(name="allowances")
    for minute in range(30):  # nobody takes anything
        assert chores.send_due(now=NOW + minute * MINUTE) == ["allowances"]

    later = NOW + 29 * MINUTE
    assert chores.do(row("allowances").pk, now=later)
    assert chores.send_due(now=later) == []
    assert done == [later]
    assert [chore.period for chore in Chore.objects.all()] == [later.replace(second=0)]


def test_a_new_period_waits_for_who_is_still_at_the_one_before(only: Any) -> None:
    def slow(place: str) -> str:
        assert chores.send_due(now=NOW + MINUTE) == []
        return ""

    only(slow, name="allowances")
    chores.send_due(now=NOW)
    chores.do(row("allowances").pk, now=NOW)

    assert chores.send_due(now=NOW + MINUTE) == ["allowances"]


def test_what_is_done_in_several_goes_goes_on_where_it_stopped(only: Any) -> None:
    places: list[str] = []

    def in_goes(place: str) -> str:
        places.append(place)
        return {"": "b", "b": "c", "c": ""}[place]

    only(in_goes)
    for number in range(5):
        now = NOW + number * timedelta(seconds=15)
        for _ in chores.send_due(now=now):
            chores.do(row().pk, now=now)

    assert places == ["", "b", "c"]
    assert (row().status, row().place) == (Chore.Status.DONE, "")


# --- What they do -----------------------------------------------------------------------------------


def test_all_of_them_run_twice_without_harm() -> None:
    person()

    for kind in [*CHORES.values(), *CHORES.values()]:
        assert kind.work(timezone.now(), "") == ""

    assert not Notice.objects.exists()


def audit() -> None:
    CHORES["audit"].work(timezone.now(), "")


def test_the_audit_raises_one_notice_for_admins_until_it_is_mended() -> None:
    cap = Cap.objects.create(user=person(), period="total", allowed=9, reason="budget")
    use = CapUse.objects.create(cap=cap, period_start=periods.EVER, used=5)
    audit()
    audit()

    [notice] = Notice.objects.filter(resolved_at__isnull=True)
    assert (notice.user, notice.kind) == (None, "audit")
    assert notice.text == (
        "The audit of the ledger found one thing, such as: cap_used_is_sum_of_holds: "
        f"use {use.pk} of cap {cap.pk} says 5; the holds it counts sum to 0"
    )

    CapUse.objects.update(used=0)
    audit()

    notice.refresh_from_db()
    assert notice.resolved_at is not None


# --- At once ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_eight_supervisors_at_once_send_each_chore_once() -> None:
    for day in range(3):
        now = (NOW + timedelta(days=day)).isoformat()

        assert race("chores", threads=8, now=now) == dict.fromkeys(ALL, 1)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_four_processes_do_each_period_once() -> None:
    """Each ticks every 15 s of an hour, and every task reaches all of them."""
    told = race("periods", processes=4, now=NOW.isoformat(), ticks=240, lost=0.0, user=person().pk)

    assert set(told.values()) == {1}
    assert periods_of(told) == {
        "allowances": 61,
        "audit": 1,
        "late": 13,
        "orphans": 1,
        "tidy": 2,
        "trash": 13,
        "unfinished": 13,
        "unused": 1,
    }


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_with_half_of_the_tasks_lost_no_period_is_done_twice_and_no_long_one_is_missed() -> None:
    told = race("periods", processes=4, now=NOW.isoformat(), ticks=240, lost=0.5, user=person().pk)

    assert set(told.values()) == {1}
    counted = periods_of(told)
    assert 15 < counted["allowances"] < 50
    assert counted["late"] >= 9
    assert (counted["audit"], counted["orphans"]) == (1, 1)


def periods_of(told: Counter[str]) -> Counter[str]:
    return Counter(name.split()[0] for name in told)
