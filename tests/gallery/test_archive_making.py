"""Making a ZIP file: in slices, once, whatever is killed meanwhile, in little memory."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Event, User
from bench import installation
from gallery import archive_files, archive_making, archives, storage
from gallery.models import Archive, Image
from generation import recovery, tasks
from tests import factories
from tests.gallery import drawing
from tests.gallery.zipped import as_, asked, go_on, halves, made, manifest, opened, picture

pytestmark = pytest.mark.django_db
Status = Archive.Status
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def owner() -> User:
    return factories.person()


def test_it_goes_on_where_the_last_one_stopped(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    images = [picture(owner, seed) for seed in range(1, 6)]
    archive = asked(owner, *images)
    read = count_reads(monkeypatch)
    monkeypatch.setattr(archive_making, "BATCH", 2)

    slices = 1
    while go_on(seconds=0.0001):
        slices += 1
        assert slices < 100
        time.sleep(0.001)
        if slices > 3:
            break
    made(archive)

    assert [row["image"] for row in manifest(archive)["pictures"]] == [str(one.public_id) for one in images]
    assert opened(archive).testzip() is None
    assert len(read) == len(images), "no picture twice"


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    row = archive_making._Batch.row

    def counted(batch: Any, image: Image, *rest: Any) -> Any:
        read.append(str(image.pk))
        return row(batch, image, *rest)

    monkeypatch.setattr(archive_making._Batch, "row", counted)
    return read


class Killed(BaseException):
    """As if the process were killed there: nothing after it is done."""


@pytest.mark.parametrize("at", range(1, 5))
@pytest.mark.parametrize("saved", [True, False])
def test_what_a_killed_worker_left_is_gone_on_with(
    owner: User, monkeypatch: pytest.MonkeyPatch, at: int, saved: bool
) -> None:
    """Killed while it wrote a picture, with what it wrote before said to be safe, or not yet."""
    images = [picture(owner, seed) for seed in range(1, 5)]
    archive = asked(owner, *images)
    monkeypatch.setattr(archive_making, "SAVE_SECONDS", 0.0 if saved else 1000.0)
    add = archive_making.Writer.add

    def killed(writer: Any, name: str, data: bytes) -> Any:
        if len(writer.entries) == at - 1:
            writer._file.write(b"half of a header")
            raise Killed
        return add(writer, name, data)

    with monkeypatch.context() as patch:
        patch.setattr(archive_making.Writer, "add", killed)
        with pytest.raises(Killed):
            go_on()
    assert not go_on(), "its lease isn't over"
    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        made(archive)

    assert (archive.status, archive.done) == (Status.READY, 4)
    assert opened(archive).testzip() is None
    assert [row["image"] for row in manifest(archive)["pictures"]] == [str(one.public_id) for one in images]
    assert opened(archive).namelist()[-2:] == ["manifest.json", "manifest.csv"]
    assert len(opened(archive).namelist()) == 6


def test_a_kill_between_the_file_and_its_row_makes_it_anew(
    owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = asked(owner, picture(owner))

    def killed(*_: Any, **__: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(archive_making, "_end", killed)
        with pytest.raises(Killed):
            go_on()
    with time_machine.travel(timezone.now() + timedelta(minutes=5), tick=True):
        made(archive)

    assert archive.status == Status.READY
    assert opened(archive).testzip() is None
    assert len(opened(archive).namelist()) == 3


def test_only_one_works_on_it_whatever_the_clocks_say(owner: User) -> None:
    archive = asked(owner, picture(owner))

    with archive_files.opened(archive_files.of(archive.public_id), done=0):
        go_on()
        archive.refresh_from_db()
        assert (archive.status, archive.done) == (Status.RUNNING, 0)

    with time_machine.travel(timezone.now() + timedelta(minutes=2), tick=True):
        assert made(archive).status == Status.READY


def test_who_lost_it_writes_nothing(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = asked(owner, picture(owner))
    move_in = storage.move_in

    def overtaken(*arguments: Any) -> None:
        Archive.objects.update(leased_until=timezone.now() + timedelta(hours=1))
        move_in(*arguments)

    monkeypatch.setattr(storage, "move_in", overtaken)

    go_on()

    archive.refresh_from_db()
    assert (archive.status, archive.name) == (Status.RUNNING, "")


def test_a_database_that_is_away_is_no_end_of_it(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = asked(owner, picture(owner))

    def away(*_: Any) -> Any:
        raise OperationalError("away")

    with monkeypatch.context() as patch:
        patch.setattr(archive_making, "_Batch", away)
        with pytest.raises(OperationalError):
            go_on()

    archive.refresh_from_db()
    assert archive.status == Status.RUNNING


@pytest.mark.parametrize(
    ("error", "words"),
    [(RuntimeError("a bug"), "Something went wrong"), (OSError(28, "No space"), "There is no room for it")],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    owner: User, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    archive = asked(owner, picture(owner))

    def broken(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(archive_making.Writer, "add", broken)

    go_on()

    archive.refresh_from_db()
    assert (archive.status, archive.image_ids) == (Status.FAILED, [])
    assert archive.detail.startswith(words)
    assert halves() == []


def test_the_queue_hears_of_it_and_goes_on_until_all_is_done(owner: User) -> None:
    archive = asked(owner, picture(owner))
    (task,) = OrmQ.objects.all()
    assert task.task["func"] == "generation.tasks.archives"

    tasks.archives(*task.task["args"])

    archive.refresh_from_db()
    assert archive.status == Status.READY
    assert OrmQ.objects.count() == 1, "nothing more was sent"


def test_the_sweep_sends_what_nobody_is_at(owner: User) -> None:
    asked(owner, picture(owner))
    OrmQ.objects.all().delete()

    recovery.wake(now=timezone.now())
    Archive.objects.update(status=Status.RUNNING, leased_until=timezone.now() + timedelta(seconds=9))
    recovery.wake(now=timezone.now())

    assert [task.task["func"] for task in OrmQ.objects.all()] == ["generation.tasks.archives"]


def test_open_pages_hear_of_it(owner: User) -> None:
    made(asked(owner, picture(owner)))

    told = Event.objects.filter(user=owner, kind="image")
    assert told.count() >= 2
    assert set(told.values_list("subject", flat=True)) == {""}


# The ends of it


def test_a_cancelled_one_is_stopped_and_leaves_nothing(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = asked(owner, *(picture(owner, seed) for seed in range(1, 4)))
    monkeypatch.setattr(archive_making, "SAVE_SECONDS", 0.0)
    read = count_reads(monkeypatch)
    row = archive_making._Batch.row

    def cancelled(*arguments: Any) -> Any:
        archives.cancel(archive, now=timezone.now())
        return row(*arguments)

    monkeypatch.setattr(archive_making._Batch, "row", cancelled)

    go_on()

    archive.refresh_from_db()
    assert (archive.status, len(read)) == (Status.CANCELED, 1)
    assert halves() == []
    assert not archives.cancel(archive, now=timezone.now())


def test_after_a_week_it_is_gone(owner: User) -> None:
    archive = made(asked(owner, picture(owner)))
    name = archive.name
    week = archive.expires_at

    assert archives.tidy(now=week - timedelta(seconds=1)) == 0
    with time_machine.travel(week + timedelta(seconds=1)):
        assert as_(owner).get(f"/gallery/archives/{archive.public_id}/file").status_code == 404
    assert archives.tidy(now=week + timedelta(seconds=1)) == 1

    assert not Archive.objects.exists()
    with pytest.raises(FileNotFoundError):
        storage.get(name)


def test_files_without_a_row_are_removed_and_what_is_under_way_is_not(owner: User) -> None:
    ready, under_way = made(asked(owner, picture(owner))), asked(owner, picture(owner))
    loose = f"archives/{uuid.uuid4()}.zip"
    storage.put(loose, b"PK")
    for one in (under_way.public_id, uuid.uuid4()):
        with archive_files.opened(archive_files.of(one), done=0):
            pass
    later = timezone.now() + timedelta(hours=2)

    assert archives.tidy(now=timezone.now()) == 0
    assert archives.tidy(now=later) == 2

    assert storage.get(ready.name)
    assert {path.suffix for path in halves()} == {".part", ".journal"}
    assert all(str(under_way.public_id) in path.name for path in halves())
    with pytest.raises(FileNotFoundError):
        storage.get(loose)


WORKER = """
import os, sys, time, threading
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from django.utils import timezone
from gallery import archive_making
seconds = float(sys.argv[1])
archive_making.SAVE_SECONDS = float(sys.argv[2])
print("begun", flush=True)
while archive_making.go_on(seconds=seconds, clock=timezone.now):
    pass
# Not `ru_maxrss`, which begins with what the process that started this one held.
print(open("/proc/self/status").read().partition("VmHWM:")[2].split()[0], flush=True)
"""


@contextmanager
def worker(
    media: Path, seconds: float = 20.0, *, save_seconds: float = 1.0
) -> Iterator[subprocess.Popen[str]]:
    environment = {
        "DATABASE_URL": installation.address_of(connection),
        "DATA_DIR": str(media.parent),
        "SECRET_KEY": django_settings.SECRET_KEY,
        "LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(seconds), str(save_seconds)],
        cwd=ROOT,
        env=installation.environment_of(environment),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def many(owner: User, count: int) -> list[int]:
    """So many images of one stored picture."""
    original = picture(owner, data=drawing.png((24, 16))).original
    template = {"owner": owner, "original": original, "prompt": "A fox & a hen " * 20, "provider": "google"}
    Image.objects.bulk_create((Image(**template) for _ in range(count - 1)), batch_size=2000)
    return list(Image.objects.order_by("pk").values_list("pk", flat=True))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(240, method="thread")
def test_a_worker_killed_in_the_middle_is_followed_by_another_and_it_is_made_once(settings: Any) -> None:
    owner = factories.person()
    ids = many(owner, 3_000)
    archive = archives.create(owner, ids, now=timezone.now())
    media = Path(settings.MEDIA_ROOT)

    # A fast machine makes it within a second, so the one that is killed saves after each picture.
    with worker(media, save_seconds=0) as first:
        deadline = time.monotonic() + 60
        while not 0 < Archive.objects.get().done < 3_000:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
    left = Archive.objects.get()
    assert 0 < left.done < 3_000
    Archive.objects.update(leased_until=timezone.now())
    with worker(media) as one, worker(media) as other:
        one.wait(timeout=100)
        other.wait(timeout=100)

    archive.refresh_from_db()
    assert (archive.status, archive.done) == (Status.READY, 3_000)
    with zipfile.ZipFile(media / archive.name) as zipped:
        assert len(zipped.infolist()) == 3_002
        assert zipped.testzip() is None
    assert hashlib.sha256((media / archive.name).read_bytes()).hexdigest() == archive.sha256
    assert len(list((media / "archives").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(580, method="thread")
def test_fifty_thousand_pictures_in_little_memory(settings: Any) -> None:
    owner = factories.person()
    archive = archives.create(owner, many(owner, 50_000), now=timezone.now())
    media = Path(settings.MEDIA_ROOT)

    with worker(media) as process:
        assert process.stdout is not None
        said_last = process.stdout.read().split()[-1]
        process.wait(timeout=500)

    archive.refresh_from_db()
    assert (archive.status, archive.done) == (Status.READY, 50_000)
    assert int(said_last) < 400 * 1024, "KB of the worker at most"
    with zipfile.ZipFile(media / archive.name) as zipped:
        names = zipped.namelist()
        assert len(set(names)) == len(names) == 50_002
        assert len(json.loads(zipped.read("manifest.json"))["pictures"]) == 50_000
        assert zipped.testzip() is None
