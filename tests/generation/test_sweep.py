"""`manage.py sweep` does by hand what the worker does by the clock, and says what it did."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import OrmQ

from gallery import ingest, walking
from generation import chores, recovery
from generation.models import Chore, Generation
from tests import factories
from tests.accounts.racing import race
from tests.generation.test_orphans import every_file, make_old, names_of, store

pytestmark = pytest.mark.django_db


def sweep(*arguments: str) -> list[str]:
    out = StringIO()
    call_command("sweep", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_with_nothing_to_do_it_says_so() -> None:
    assert sweep() == [
        "0 generations past the deadline or tried too often ended.",
        "Nothing waits for a worker.",
        "Chores done: allowances, audit, late, trash, unfinished, unused.",
        "0 old rows forgotten.",
        "0 files of 0 were removed: no row names them.",
    ]


def test_it_does_all_that_is_to_be_done() -> None:
    over, waits = factories.generation(), factories.generation()
    Generation.objects.filter(pk=over.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))
    OrmQ.objects.all().delete()
    kept, lost = store(seed=1), store(seed=2)
    ingest.record(kept)
    make_old(*names_of(kept), *names_of(lost))
    chores.do_due("allowances", now=timezone.now() - timedelta(days=8))

    said = sweep()

    assert said[0] == "1 generation past the deadline or tried too often ended."
    assert said[1] == "A worker was woken for what waits."
    assert said[3] == "1 old row forgotten."
    assert said[4] == "2 files of 4 were removed: no row names them."
    assert Generation.objects.get(pk=over.pk).error_code == "deadline_passed"
    assert Generation.objects.get(pk=waits.pk).status == "queued"
    assert [task.task["func"] for task in OrmQ.objects.all()] == ["generation.tasks.run"]
    assert {name for name in every_file() if not name.startswith("aside/")} == names_of(kept)


def test_chores_of_this_period_are_not_done_twice() -> None:
    sweep("--only", "chores")

    said = sweep("--only", "chores")

    assert "audit" not in said[0]


def test_it_does_what_was_sent_and_not_what_a_worker_is_at() -> None:
    now = timezone.now()
    chores.send_due(now=now)
    Chore.objects.filter(name="audit").update(status=Chore.Status.TAKEN, again_at=now + chores.lease())

    assert sweep("--only", "chores") == ["Chores done: allowances, late, trash, unfinished, unused."]


def test_a_chore_that_fails_is_told_and_the_others_are_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(now: Any, place: str) -> str:
        raise ValueError("a bug")

    kinds = dict(chores.CHORES)
    kinds["allowances"] = chores.Kind(kinds["allowances"].period, fails)
    monkeypatch.setattr(chores, "CHORES", kinds)

    assert sweep("--only", "chores") == [
        "Chores done: audit, late, trash, unfinished, unused. allowances failed: a bug."
    ]


def test_one_that_cannot_be_ended_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recovery, "reap", lambda now: (3, 1))

    assert sweep("--only", "reap") == [
        "3 generations past the deadline or tried too often ended; 1 could not be ended, the log says why."
    ]


def test_a_dry_run_counts_orphans_and_leaves_them() -> None:
    kept, lost = store(seed=1), store(seed=2)
    ingest.record(kept)
    make_old(*names_of(lost))

    assert sweep("--only", "orphans", "--dry-run") == ["2 files of 4 would be removed: no row names them."]
    assert every_file() == names_of(kept) | names_of(lost)
    assert sweep("--only", "orphans", "--only", "reap")[1] == "2 files of 4 were removed: no row names them."
    assert len(list(walking.walk("aside"))) == 2


@pytest.mark.parametrize("others", [[], ["--only", "orphans", "--only", "tidy"], ["--only", "reap"]])
def test_a_dry_run_of_what_cannot_be_run_dry_is_refused_and_does_nothing(others: list[str]) -> None:
    over = factories.generation()
    Generation.objects.filter(pk=over.pk).update(deadline_at=timezone.now() - timedelta(seconds=1))

    with pytest.raises(CommandError, match="sweep --only orphans --dry-run"):
        sweep("--dry-run", *others)

    assert Generation.objects.get(pk=over.pk).status == "queued"
    assert not Chore.objects.exists()


def test_it_does_only_parts_that_there_are() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'everything'"):
        sweep("--only", "everything")


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_eight_at_once_beside_workers_do_each_thing_once() -> None:
    user = factories.person()
    for _ in range(20):
        factories.generation(user)
    Generation.objects.update(deadline_at=timezone.now() - timedelta(seconds=1))

    told = race("sweeps", threads=8)

    assert (told["reaped"], told["audit"], told["errors"]) == (20, 1, 0)
