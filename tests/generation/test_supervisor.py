"""The supervisor's own sweep: one thing that fails or is held keeps nothing else, and one clock counts."""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import CreditAccount
from generation import chores, claims, heartbeats, queue, recovery, supervisor
from generation.models import Chore, Generation, Heartbeat
from generation.supervisor import Supervisor
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

Hold = Callable[[Any], None]


@pytest.fixture
def hold() -> Iterator[Hold]:
    """Lock rows from another connection, as a process that stopped half-way, until the test ends."""
    let_go = threading.Event()
    threads: list[threading.Thread] = []

    def locked(rows: Any) -> None:
        has_them = threading.Event()

        def keep() -> None:
            with transaction.atomic():
                list(rows.select_for_update())
                has_them.set()
                let_go.wait(60)
            connection.close()

        threads.append(threading.Thread(target=keep, daemon=True))
        threads[-1].start()
        assert has_them.wait(10)

    yield locked
    let_go.set()
    for thread in threads:
        thread.join(20)


@pytest.fixture
def stalled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clusters that were started again; the first has a part that stands still."""
    restarted: list[str] = []
    monkeypatch.setattr(supervisor.Cluster, "stalled", lambda self, *, now: ["workers"])
    monkeypatch.setattr(supervisor.Cluster, "restart", lambda self, why: restarted.append(self.name))
    return restarted


def over() -> Generation:
    generation = factories.generation()
    Generation.objects.filter(pk=generation.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    return generation


def status(generation: Generation) -> str:
    return Generation.objects.get(pk=generation.pk).status


def away(*args: Any, **options: Any) -> Any:
    raise OperationalError("away")


def test_what_cannot_be_ended_keeps_no_worker_asleep_no_chore_and_no_cluster_alone(
    stalled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    over()
    factories.generation()
    OrmQ.objects.all().delete()
    monkeypatch.setattr(recovery.execution, "reap", away)

    Supervisor()._sweep()

    tasks = [task.task["func"] for task in OrmQ.objects.order_by("pk")]
    assert tasks == ["generation.tasks.run"] + ["generation.tasks.chore"] * len(chores.CHORES)
    assert stalled == ["generations"]


def test_chores_that_cannot_be_sent_leave_no_cluster_alone(
    stalled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chores, "send_due", away)

    Supervisor()._sweep()

    assert stalled == ["generations"]


@pytest.mark.needs_postgres
def test_a_row_that_somebody_holds_is_left_and_the_others_are_ended(hold: Hold) -> None:
    held, free = over(), over()
    hold(Generation.objects.filter(pk=held.pk))
    began = time.monotonic()

    assert recovery.reap(now=timezone.now()) == (1, 0)

    assert time.monotonic() - began < 1.5, "it waited"
    assert (status(held), status(free)) == ("queued", "failed")


@pytest.mark.needs_postgres
def test_an_account_that_somebody_holds_keeps_only_its_own_for_a_moment(hold: Hold) -> None:
    held, free = over(), over()
    also_held = factories.generation(held.user)
    Generation.objects.filter(pk=also_held.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    hold(CreditAccount.objects.filter(user=held.user))

    assert recovery.reap(now=timezone.now()) == (1, 1)
    assert [status(each) for each in (held, also_held, free)] == ["queued", "queued", "failed"]


@pytest.mark.needs_postgres
def test_a_chore_that_somebody_holds_is_left_and_the_others_are_sent(hold: Hold) -> None:
    now = timezone.now()
    chores.send_due(now=now)
    hold(Chore.objects.filter(name="audit"))

    assert chores.send_due(now=now + timedelta(minutes=1)) == [
        "allowances",
        "late",
        "orphans",
        "tidy",
        "trash",
        "unfinished",
        "unused",
    ]


# --- One clock --------------------------------------------------------------------------------------


@pytest.fixture
def ahead(monkeypatch: pytest.MonkeyPatch) -> datetime:
    """This machine is ten minutes ahead of the database; the database's time."""
    now = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now + timedelta(minutes=10))
    for module in (claims, supervisor):
        monkeypatch.setattr(module, "database_now", lambda: now)
    return now


def test_a_machine_that_is_ahead_ends_nothing_that_is_alive(ahead: datetime) -> None:
    from django.core.management import call_command

    from generation.management.commands import sweep

    generation = factories.generation()
    Generation.objects.update(deadline_at=ahead + timedelta(minutes=5), wake_at=ahead + timedelta(minutes=1))

    Supervisor()._sweep()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep, "database_now", lambda: ahead)
        call_command("sweep", "--only", "reap", "--only", "wake")

    assert status(generation) == "queued"
    assert not [task for task in OrmQ.objects.all() if task.task["args"] == ("sweep",)]


def test_a_machine_that_is_ahead_starts_no_cluster_again_that_is_alive(
    ahead: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    restarted: list[str] = []
    monkeypatch.setattr(supervisor.Cluster, "restart", lambda self, why: restarted.append(why))
    monkeypatch.setattr(supervisor.Cluster, "ended", lambda self: False)
    runs = Supervisor()
    generations = runs._clusters[0]
    generations._started = -float("inf")
    factories.generation()
    Generation.objects.update(deadline_at=ahead + timedelta(hours=1), created_at=ahead - timedelta(hours=1))
    heartbeats.beat(generations.id, Heartbeat.Part.WORKER, now=ahead)

    runs._sweep()

    assert restarted == []
    assert supervisor._works(generations)


def test_a_machine_that_is_ahead_sees_who_stands_by(ahead: datetime) -> None:
    heartbeats.stand_by("elsewhere", places=2, serving=0, stands_by=True, now=ahead)

    queue.wake("nobody needs it")

    assert not OrmQ.objects.exists()


def test_a_machine_that_is_ahead_beats_by_the_shared_clock(
    ahead: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(heartbeats.CLUSTER, "mine")

    heartbeats._monitor_saved("django_q")

    assert Heartbeat.objects.get(cluster="mine").beat_at == ahead


def test_a_cluster_that_ends_while_the_database_is_away_is_started_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    started: list[list[str]] = []

    class Process:
        pid = 0

        def __init__(self, command: list[str], **options: Any) -> None:
            started.append(command)

    monkeypatch.setattr(heartbeats, "forget", away)
    monkeypatch.setattr(supervisor.subprocess, "Popen", Process)

    supervisor.Cluster("generations", run_folder=tmp_path).start()

    assert len(started) == 1


def test_nobody_is_found_to_stand_still_soon_after_the_database_was_away(
    stalled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    watching = Supervisor()
    with monkeypatch.context() as patch:
        patch.setattr(supervisor, "database_now", away)
        watching._sweep()
    watching._sweep()

    assert stalled == []


def test_work_that_only_just_came_makes_no_cluster_look_stalled() -> None:
    now = claims.database_now()
    Heartbeat.objects.create(cluster="c", part="worker", beat_at=now - timedelta(seconds=61))
    generation = factories.generation()
    assert heartbeats.stalled("c", now=now, seconds=60) == []

    Generation.objects.filter(pk=generation.pk).update(created_at=now - timedelta(seconds=61))
    assert heartbeats.stalled("c", now=now, seconds=60) == ["workers"]
