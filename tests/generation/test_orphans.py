"""Files that no row names go a day after they were stored; one that a row names, or will, never does."""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from gallery import ingest, leftovers, storage, walking
from gallery.models import Image, Original, Rendition
from generation import chores, claimed, claims, orphans, recovery
from generation.models import Attempt, Generation
from tests import factories
from tests.api import rows
from tests.generation import test_crash_points as crashes

pytestmark = pytest.mark.django_db

DAY = timedelta(hours=25)


def tomorrow() -> datetime:
    return timezone.now() + DAY


def every_file() -> set[str]:
    folder = Path(default_storage.path(""))
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def named_files() -> set[str]:
    return {
        *Original.objects.values_list("name", flat=True),
        *Rendition.objects.values_list("name", flat=True),
        *Attempt.objects.exclude(state="").values_list("state", flat=True),
    }


def store(seed: int = 0) -> ingest.Stored:
    return ingest.store(factories.picture(seed=seed), keep_bytes=True, max_bytes=10_000_000)


def names_of(stored: ingest.Stored) -> set[str]:
    return {stored.name, *(copy.name for copy in stored.renditions)}


def make_old(*names: str, days: float = 2) -> None:
    """As if they had been stored so long ago."""
    at = time.time() - days * 86_400
    for name in names:
        os.utime(default_storage.path(name), (at, at))


@pytest.fixture
def kept() -> ingest.Stored:
    """A picture with its row; a database without any is taken for the wrong one."""
    stored = store(seed=77)
    ingest.record(stored)
    return stored


# --- Pictures ---------------------------------------------------------------------------------------


def test_a_picture_without_a_row_goes_after_a_day_and_for_good_after_another(kept: ingest.Stored) -> None:
    lost = store()

    assert orphans.remove(now=timezone.now()).removed == 0
    assert orphans.remove(now=tomorrow()).removed == 2
    assert every_file() == names_of(kept) | {f"aside/{Path(name).name}" for name in names_of(lost)}

    orphans.remove(now=tomorrow())
    assert every_file() == names_of(kept)


def test_what_is_aside_stays_for_a_day(kept: ingest.Stored) -> None:
    lost = store()
    make_old(*names_of(lost))
    orphans.remove(now=timezone.now())

    orphans.look_aside(now=timezone.now() + timedelta(hours=23))
    assert len(every_file()) == 4

    orphans.look_aside(now=tomorrow())
    assert every_file() == names_of(kept)


def test_what_gets_its_row_while_it_is_aside_is_put_back(kept: ingest.Stored) -> None:
    late = store()
    orphans.remove(now=tomorrow())
    ingest.record(late)

    assert orphans.look_aside(now=tomorrow()).put_back == 2

    assert every_file() == names_of(kept) | names_of(late)
    assert storage.get(late.name) == factories.picture()


def test_what_is_stored_again_while_it_is_aside_is_its_own_file(kept: ingest.Stored) -> None:
    store()
    orphans.remove(now=tomorrow())
    again = store()
    ingest.record(again)

    orphans.look_aside(now=tomorrow())

    assert every_file() == names_of(kept) | names_of(again)


def test_storing_again_makes_it_new(kept: ingest.Stored) -> None:
    lost = store()
    make_old(*names_of(lost))

    store()

    assert orphans.remove(now=timezone.now()).removed == 0


def test_a_row_that_comes_between_the_look_and_the_move_keeps_its_file(
    kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = store()
    make_old(*names_of(lost))
    real = storage.set_aside

    def late(*args: Any, **options: Any) -> bool:
        moved = real(*args, **options)
        ingest.record(lost)
        return moved

    monkeypatch.setattr(storage, "set_aside", late)
    done = orphans.remove(now=timezone.now())

    assert done.removed == 0
    assert every_file() == names_of(kept) | names_of(lost)


def test_one_that_is_made_new_between_the_look_and_the_move_stays(
    kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = store()
    make_old(*names_of(lost))
    replace = Path.replace

    def stored_meanwhile(path: Path, target: Path) -> Path:
        if "aside" in str(target):
            path.touch()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", stored_meanwhile)

    assert orphans.remove(now=timezone.now()).removed == 0
    assert every_file() == names_of(kept) | names_of(lost)


@pytest.mark.slow
def test_storing_and_removing_at_once_never_loses_a_file_that_was_just_stored(tmp_path: Path) -> None:
    """No row is there to save it: what `put` has answered for is there once the remover has let go of it."""
    name, aside, data = "originals/x", "aside/x", b"the same bytes"
    lost, removed = [], 0
    start = threading.Barrier(2)

    def remover() -> None:
        nonlocal removed
        for _ in range(1500):
            start.wait()
            with contextlib.suppress(FileNotFoundError):
                removed += storage.set_aside(name, aside, older_than=timezone.now() - timedelta(hours=1))
            start.wait()

    thread = threading.Thread(target=remover)
    thread.start()
    for number in range(1500):
        storage.put(name, data)
        make_old(name)
        start.wait()
        time.sleep(number % 7 * 0.00003)
        storage.put(name, data)
        start.wait()
        if not default_storage.exists(name):
            lost.append(number)
    thread.join()

    assert lost == []
    assert removed > 20, "they never met"


def test_a_database_without_pictures_is_taken_for_the_wrong_one() -> None:
    lost = store()

    assert orphans.remove(now=tomorrow()).removed == 0
    assert every_file() == names_of(lost)


def test_in_a_database_without_pictures_nothing_of_a_generation_or_set_aside_is_removed() -> None:
    """It may be the wrong one, and what is in these folders goes for good."""
    nobody = uuid.uuid4()
    names = {f"staging/{nobody}/1.1/0", f"turns/{nobody}/1.1", f"aside/{'ab' * 32}.png"}
    for name in names:
        storage.put(name, b"x")

    assert orphans.remove(now=tomorrow()).removed == 0
    orphans.look_aside(now=tomorrow())
    assert every_file() == names


def test_what_is_no_file_of_ours_is_left_alone(kept: ingest.Stored) -> None:
    others = {
        "originals/README",
        f"originals/ff/ff/{kept.sha256}.png",
        "renditions/aa/notes.webp",
        "turns/notes/1",
        "staging/7/1/0",
        "elsewhere/x",
    }
    for name in others:
        storage.put(name, b"x")

    assert orphans.remove(now=tomorrow()).removed == 0
    assert every_file() == names_of(kept) | others


def test_half_a_file_of_a_process_that_died_goes(kept: ingest.Stored) -> None:
    part = f"{Path(kept.name).parent}/.abc.part"
    storage.put(part, b"half")

    assert orphans.remove(now=timezone.now()).removed == 0
    assert orphans.remove(now=tomorrow()).removed == 1
    assert every_file() == names_of(kept)


# --- A generation's files ---------------------------------------------------------------------------


def files_of(generation: Generation) -> tuple[str, str]:
    """What a worker staged, and what the provider gave for a next turn."""
    staged, state = f"staging/{generation.public_id}/1.1/0", f"turns/{generation.public_id}/1.1"
    storage.put(staged, b"a picture")
    storage.put(state, b"a state")
    return staged, state


def test_an_unfinished_generations_files_stay_whatever_its_rows_say() -> None:
    names = files_of(factories.generation())

    assert orphans.remove(now=tomorrow()).removed == 0
    assert every_file() >= set(names)


def test_what_ended_needs_nothing_staged_and_no_state_that_no_attempt_names() -> None:
    done = rows.finished(factories.person())
    staged, state = files_of(done)
    kept = f"turns/{done.public_id}/2.1"
    storage.put(kept, b"the state of the answer")
    done.attempts.update(state=kept)

    assert orphans.remove(now=tomorrow()).removed == 2
    assert {staged, state} & every_file() == set()
    assert every_file() == named_files()


def test_files_of_a_generation_that_never_was_go_with_their_folders(kept: ingest.Stored) -> None:
    nobody = uuid.uuid4()
    storage.put(f"staging/{nobody}/1.1/0", b"x")
    storage.put(f"turns/{nobody}/1.1", b"x")

    assert orphans.remove(now=tomorrow()).removed == 2
    assert list(walking.walk("staging")) == list(walking.walk("turns")) == []


def test_the_empty_folders_of_what_has_ended_go(kept: ingest.Stored) -> None:
    done, waits = rows.finished(factories.person()), factories.generation()
    for generation in (done, waits):
        name, _ = files_of(generation)
        storage.delete(name)

    orphans.remove(now=timezone.now())
    assert len([found for found in walking.walk("staging") if found.is_folder]) == 2

    orphans.remove(now=tomorrow())
    assert [found.name for found in walking.walk("staging")] == [f"staging/{waits.public_id}/1.1"]


# --- The search -------------------------------------------------------------------------------------


def lose(count: int) -> None:
    """Names of pictures and staged answers that no row has."""
    for number in range(count):
        digest = f"{number * 7919 % 65536:04x}" + uuid.UUID(int=number).hex + "0" * 28
        storage.put(f"originals/{digest[:2]}/{digest[2:4]}/{digest}.png", b"x")
        storage.put(f"staging/{uuid.UUID(int=number)}/1.1/0", b"x")


def test_it_can_stop_anywhere_and_goes_on_there(kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "BATCH", 4)
    lose(11)
    place, searches, removed = "", 0, 0
    while searches == 0 or place:
        done = orphans.remove(now=tomorrow(), after=place, seconds=0)
        place, removed, searches = done.place, removed + done.removed, searches + 1

    assert removed == 22
    assert searches > 6
    assert every_file() - names_of(kept) == {name for name in every_file() if name.startswith("aside/")}


def test_the_chore_does_it_in_goes(kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orphans, "BATCH", 4)
    monkeypatch.setattr(chores, "GO_SECONDS", 0)
    lose(6)

    assert chores.do_due("orphans", now=tomorrow())

    assert [found.name for found in walking.walk("staging")] == []


def test_one_that_cannot_be_removed_does_not_keep_the_others(
    kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(5)
    bad = f"staging/{uuid.UUID(int=2)}/1.1/0"
    delete = storage.delete

    def refuses(name: str) -> None:
        if name == bad:
            raise PermissionError(name)
        delete(name)

    monkeypatch.setattr(storage, "delete", refuses)
    done = orphans.remove(now=tomorrow())

    assert (done.removed, done.failed) == (9, 1)


def test_a_dry_run_counts_and_removes_nothing(kept: ingest.Stored) -> None:
    lose(5)
    before = every_file()

    assert orphans.remove(now=tomorrow(), dry_run=True).removed == 10
    assert every_file() == before


def test_it_asks_the_database_by_batches_not_by_files(
    kept: ingest.Stored, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    lose(120)

    with django_assert_max_num_queries(12):
        assert orphans.remove(now=tomorrow(), dry_run=True).removed == 240


# --- Crashes ----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("point", crashes.POINTS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_a_crash_anywhere_only_named_files_are_left_and_all_of_them(
    serve: Any, fake: Any, point: str, kept: ingest.Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    generation = factories.generation()
    module, name, crash = crashes.POINTS[point]
    with monkeypatch.context() as patch:
        patch.setattr(module, name, crash(getattr(module, name)))
        with contextlib.suppress(crashes.Crash):
            serve(fake())
    orphans.remove(now=tomorrow())
    for attempt in generation.attempts.all():
        for part in attempt.answer:
            assert part["staged"] in every_file()
    crashes.lease_ends(generation)
    serve(fake())
    crashes.lease_ends(generation)
    serve(fake())
    orphans.remove(now=tomorrow())
    orphans.look_aside(now=tomorrow() + DAY)

    assert Generation.objects.get(pk=generation.pk).is_terminal
    assert every_file() == named_files()


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_was_fenced_off_after_it_stored_leaves_nothing_for_good(
    kept: ingest.Stored,
) -> None:
    generation = factories.generation()
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = factories.begin(claim)
    stored = store()
    recovery.sweep(now=generation.deadline_at + claims.lease())
    with pytest.raises(claimed.Fenced):
        factories.finish(claim, attempt, [stored])

    orphans.remove(now=tomorrow())
    orphans.look_aside(now=tomorrow() + DAY)

    assert every_file() == names_of(kept)
    assert Image.objects.count() == 0


def test_the_names_of_the_product_are_the_ones_that_are_looked_for() -> None:
    stored = store()

    for name in names_of(stored):
        content = leftovers.content_of(name)
        assert content is not None
        assert (content.name, content.sha256) == (name, stored.sha256)
        assert leftovers.content_of(content.aside) == content
