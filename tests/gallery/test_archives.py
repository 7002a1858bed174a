"""ZIP files of pictures: what is in them, what is left out, who may have them, and that each is made once."""

import csv
import hashlib
import io
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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from django_q.models import OrmQ

from accounts.models import Event, User
from bench import installation
from gallery import archive_files, archive_making, archives, downloads, ingest, keeping, storage
from gallery.archives import CannotPack, TooManyUnfinished
from gallery.models import Archive, Image, ImageTag, Rendition, Tag
from generation import recovery, tasks
from tests import factories
from tests.api.conftest import caller
from tests.gallery import drawing, rows
from tests.gallery.test_xmp import EXTENSION, said, signed
from tests.generation.together import at_once

pytestmark = pytest.mark.django_db
Status = Archive.Status
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def owner() -> User:
    return factories.person()


def picture(owner: User, seed: int = 1, data: bytes | None = None, **facts: Any) -> Image:
    facts.setdefault("prompt", "A fox")
    facts.setdefault("provider", "google")
    stored = ingest.store(data or drawing.png((700, 400), seed=seed), keep_bytes=True, max_bytes=10**7)
    image = Image(owner=owner, original=ingest.record(stored), **facts)
    keeping.keep(image)
    return image


def asked(owner: User, *images: Image, variant: str = "original", **options: Any) -> Archive:
    return archives.create(
        owner, [image.pk for image in images], now=timezone.now(), variant=variant, **options
    )


def go_on(seconds: float = 60.0) -> bool:
    return archive_making.go_on(seconds=seconds, clock=timezone.now)


def made(archive: Archive) -> Archive:
    while go_on():
        pass
    archive.refresh_from_db()
    return archive


def opened(archive: Archive) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(storage.get(archive.name)))


def manifest(archive: Archive) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opened(archive).read("manifest.json"))
    return found


def table(archive: Archive) -> list[dict[str, str]]:
    text = opened(archive).read("manifest.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def halves() -> list[Path]:
    return list(archive_files.of(uuid.UUID(int=0)).part.parent.glob(".*"))


# What is in it


@pytest.mark.parametrize("variant", ["original", "320", "1280"])
def test_each_picture_is_in_it_as_it_is_downloaded(owner: User, variant: str) -> None:
    images = [picture(owner, seed) for seed in (1, 2)]

    archive = made(asked(owner, *images, variant=variant))

    zipped = opened(archive)
    assert zipped.testzip() is None
    assert (archive.status, archive.done, archive.images) == (Status.READY, 2, 2)
    for image, row in zip(images, manifest(archive)["pictures"], strict=True):
        data = zipped.read(row["file"])
        with downloads.bytes_for(image, variant) as file:
            assert data == file.read()
        assert said(data)[f"{EXTENSION}AIPromptInformation"] == "A fox"
        assert row["sha256"] == hashlib.sha256(data).hexdigest()
        assert row["original_sha256"] == image.original.sha256
        assert row["file"].endswith("webp" if variant == "320" else "png")
    assert halves() == []


def test_a_signed_picture_is_in_it_byte_for_byte(owner: User) -> None:
    data = signed("png")

    archive = made(asked(owner, picture(owner, data=data)))

    (row,) = manifest(archive)["pictures"]
    assert opened(archive).read(row["file"]) == data
    assert row["sha256"] == row["original_sha256"] == hashlib.sha256(data).hexdigest()


def test_the_manifest_says_where_each_picture_came_from(owner: User) -> None:
    generation = uuid.uuid4()
    image = picture(owner, title="Dusk", model="gemini-2.5", credits=4, generation_id=generation)
    ImageTag.objects.create(image=image, tag=Tag.objects.create(name="coast", key="coast"))

    archive = made(asked(owner, image, title="Moodboard"))

    told = manifest(archive)
    (row,) = told["pictures"]
    assert (told["title"], told["files"], told["left_out"]) == ("Moodboard", "original", [])
    assert {name: row[name] for name in ("title", "prompt", "provider", "model", "credits", "tags")} == {
        "title": "Dusk",
        "prompt": "A fox",
        "provider": "google",
        "model": "gemini-2.5",
        "credits": 4,
        "tags": ["coast"],
    }
    assert (row["generation"], row["image"]) == (str(generation), str(image.public_id))
    assert datetime.fromisoformat(row["created_at"]) == image.created_at
    (line,) = table(archive)
    assert {**line, "tags": [line["tags"]], "left_out": None} == {
        **{name: str(value) for name, value in row.items()},
        "tags": ["coast"],
        "left_out": None,
    }


@pytest.mark.parametrize("prompt", ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx", "＝1"])
def test_a_spreadsheet_takes_no_prompt_for_a_formula(owner: User, prompt: str) -> None:
    archive = made(asked(owner, picture(owner, prompt=prompt)))

    assert table(archive)[0]["prompt"] == f"'{prompt}"
    assert manifest(archive)["pictures"][0]["prompt"] == prompt


@pytest.mark.parametrize(
    "prompt", ["../../etc/passwd", "CON", "nul.txt", "a:b|c?*", "x" * 300, "é ❄ \x07", ""]
)
def test_names_are_ours_and_every_system_takes_them(owner: User, prompt: str) -> None:
    archive = made(asked(owner, picture(owner, prompt=prompt)))

    (row,) = manifest(archive)["pictures"]
    stem, _, suffix = row["file"].rpartition(".")
    assert suffix == "png"
    assert set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(stem) < 80
    assert stem.endswith(Image.objects.get().public_id.hex[:8])


def test_two_files_never_have_one_name(owner: User) -> None:
    images = [picture(owner, seed) for seed in (1, 2, 3)]
    for number, image in enumerate(images):
        Image.objects.filter(pk=image.pk).update(public_id=uuid.UUID(int=number))

    archive = made(asked(owner, *images))

    names = [row["file"] for row in manifest(archive)["pictures"]]
    assert names == ["a-fox-00000000.png", "a-fox-00000000-2.png", "a-fox-00000000-3.png"]


# What is left out


def test_what_cannot_be_seen_any_more_is_left_out_and_named(owner: User) -> None:
    other = factories.person()
    kept, gone = picture(owner, 1), picture(owner, 2)
    hidden = picture(other, 3, visibility=Image.Visibility.EVERYONE)
    lost = picture(owner, 4)
    archive = asked(owner, gone, kept, hidden, lost)
    Image.objects.filter(pk=gone.pk).update(trashed_at=timezone.now())
    Image.objects.filter(pk=hidden.pk).update(visibility=Image.Visibility.PRIVATE)
    storage.delete(lost.original.name)

    made(archive)

    told = manifest(archive)
    assert [row["image"] for row in told["pictures"]] == [str(kept.public_id)]
    assert told["left_out"] == [
        {"image": str(gone.public_id), "left_out": archive_making.GONE},
        {"image": str(hidden.public_id), "left_out": archive_making.GONE},
        {"image": str(lost.public_id), "left_out": archive_making.MISSING},
    ]
    assert [bool(line["file"]) for line in table(archive)] == [False, True, False, False]
    assert (archive.status, archive.done) == (Status.READY, 4)


def test_foreign_and_unknown_images_are_passed_over(owner: User) -> None:
    mine, foreign = picture(owner, 1), picture(factories.person(), 2)

    client = Client()
    client.force_login(owner)
    asked = [foreign.public_id, mine.public_id, uuid.uuid4(), mine.public_id]

    answer = client.post(
        "/api/v1/archives", {"images": [str(one) for one in asked]}, content_type="application/json"
    )

    assert answer.status_code == 201
    assert Archive.objects.get().image_ids == [mine.pk]


def test_all_that_a_search_finds_is_packed_but_for_some(owner: User) -> None:
    first, second = picture(owner, 1), picture(owner, 2)
    client = Client()
    client.force_login(owner)

    answer = client.post(
        "/api/v1/archives",
        {"filter": "show=mine", "without": [str(first.public_id)]},
        content_type="application/json",
    )

    assert answer.status_code == 201
    assert Archive.objects.get().image_ids == [second.pk]
    for asked in ({}, {"images": [str(first.public_id)], "filter": ""}):
        refused = client.post("/api/v1/archives", asked, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (400, "one_of_two")


# Refusals


def test_nothing_to_pack_is_refused(owner: User) -> None:
    with pytest.raises(CannotPack) as refusal:
        asked(owner)
    assert refusal.value.code == "no_images"


def test_too_large_a_download_is_refused_with_its_size_and_the_limit(owner: User, settings: Any) -> None:
    settings.ARCHIVE_BYTES_MAX = 3_000_000
    images = [rows.image(owner) for _ in range(2)]  # of 1,900,000 bytes each

    with pytest.raises(CannotPack) as refusal:
        asked(owner, *images)

    assert refusal.value.code == "archive_too_large"
    assert (
        str(refusal.value)
        .replace("\xa0", " ")
        .startswith("These pictures are 3.6 MB; one download holds 2.9 MB.")
    )
    assert not Archive.objects.exists()


def test_small_copies_of_large_pictures_are_small(owner: User, settings: Any) -> None:
    settings.ARCHIVE_BYTES_MAX = 3_000_000
    images = [rows.image(owner) for _ in range(2)]
    for image in images:
        Rendition.objects.create(
            original=image.original, size=640, name="a", width=640, height=427, size_bytes=40_000
        )

    assert archives.size_of([image.pk for image in images], "640") == 80_000
    assert asked(owner, *images, variant="640").images == 2


def test_too_many_pictures_are_refused(owner: User) -> None:
    with pytest.raises(CannotPack) as refusal:
        archives.create(owner, list(range(50_001)), now=timezone.now())
    assert str(refusal.value).startswith("That is 50,001 pictures; one download holds 50,000.")


def test_a_person_has_two_under_way_at_most(owner: User) -> None:
    image = picture(owner)
    first = asked(owner, image)
    asked(owner, image)

    with pytest.raises(TooManyUnfinished):
        asked(owner, image)
    assert asked(factories.person(), image).pk

    archives.cancel(first, now=timezone.now())
    assert asked(owner, image).pk


@pytest.mark.django_db(transaction=True)
def test_of_many_asked_for_at_once_two_are_made() -> None:
    owner = factories.person()
    image = rows.image(owner)

    def ask(_: int) -> str:
        try:
            return asked(owner, image).status
        except TooManyUnfinished as refusal:
            return refusal.code

    assert at_once(ask) == {"waiting": 2, "too_many_archives": 6}


# Going on


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


# Having it


def test_the_file_is_for_its_owner_alone(owner: User) -> None:
    archive = made(asked(owner, picture(owner, visibility=Image.Visibility.EVERYONE)))
    path = f"/gallery/archives/{archive.public_id}/file"

    answered = as_(owner).get(path)

    assert (answered.status_code, answered["Content-Type"]) == (200, "application/zip")
    assert answered["Content-Disposition"] == f'attachment; filename="{archives.file_name(archive)}"'
    assert hashlib.sha256(body(answered)).hexdigest() == archive.sha256
    assert as_(factories.person()).get(path).status_code == 404
    assert Client().get(path).status_code == 302


def test_a_download_that_was_interrupted_is_gone_on_with(owner: User) -> None:
    archive = made(
        asked(
            owner, *(picture(owner, data=drawing.encoded(drawing.noise((500, 400), seed=n))) for n in (1, 2))
        )
    )
    client, path = as_(owner), f"/gallery/archives/{archive.public_id}/file"
    whole = client.get(path)
    tag = whole["ETag"]
    assert len(body(whole)) == archive.size_bytes

    data = b""
    while len(data) < archive.size_bytes:
        rest = {"Range": f"bytes={len(data)}-{len(data) + 299_999}", "If-Range": tag}
        part = client.get(path, headers=rest)
        assert (part.status_code, part["ETag"]) == (206, tag)
        data += body(part)

    assert hashlib.sha256(data).hexdigest() == archive.sha256
    assert len(data) == archive.size_bytes
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


def test_the_page_shows_how_far_it_is_and_asks_again_until_it_is_ready(owner: User) -> None:
    client = as_(owner)
    image = picture(owner)
    archive = archives.create(owner, [image.pk], variant="640", now=timezone.now())
    page = client.get("/gallery/archives/").content.decode()
    assert "Waits for its turn" in page
    assert 'hx-trigger="load delay:2s"' in page

    Archive.objects.update(status=Status.RUNNING, done=1, images=2)
    page = client.get("/gallery/archives/").content.decode()
    assert "1 of 2 pictures" in page
    assert '<progress value="1" max="2"' in page
    Archive.objects.update(status=Status.WAITING, done=0, images=1)

    made(archive)
    page = client.get("/gallery/archives/").content.decode()
    assert f"/gallery/archives/{archive.public_id}/file" in page
    assert "hx-trigger" not in page.partition('id="archives"')[2].partition(">")[0]
    assert "Save" in page

    client.post(f"/gallery/archives/{archive.public_id}/remove")
    assert "Nothing here." in client.get("/gallery/archives/").content.decode()


def test_another_persons_are_not_there(owner: User) -> None:
    archive = made(asked(owner, picture(owner)))
    other = as_(factories.person())

    assert archive.title not in other.get("/gallery/archives/").content.decode()
    assert other.post(f"/gallery/archives/{archive.public_id}/remove").status_code == 404


def test_a_program_asks_for_it_follows_it_and_has_it(owner: User) -> None:
    client = caller(owner).client
    image = picture(owner)

    answered = client.post("/api/v1/archives", {"images": [str(image.public_id)], "title": "All"})
    assert answered.status_code == 201
    first = answered.json()
    assert (first["status"], first["url"], first["images"]) == ("waiting", None, 1)
    made(Archive.objects.get())
    then = client.get(answered["Location"]).json()
    data = body(client.get(then["url"]))

    assert (then["status"], then["done"], then["title"]) == ("ready", 1, "All")
    assert (len(data), hashlib.sha256(data).hexdigest()) == (then["size_bytes"], then["sha256"])
    assert [one["id"] for one in client.get("/api/v1/archives").json()["results"]] == [then["id"]]
    assert client.delete(answered["Location"]).status_code == 204
    assert client.get(answered["Location"]).status_code == 404


def test_the_api_says_why_it_is_not_made(owner: User, settings: Any) -> None:
    client = caller(owner).client
    settings.ARCHIVE_BYTES_MAX = 10

    refused = client.post("/api/v1/archives", {"images": [str(picture(owner).public_id)]})

    assert (refused.status_code, refused.json()["code"]) == (400, "archive_too_large")
    settings.ARCHIVE_BYTES_MAX = 10**9
    asked(owner, picture(owner)), asked(owner, picture(owner))
    refused = client.post("/api/v1/archives", {"images": [str(picture(owner).public_id)]})
    assert (refused.status_code, refused.json()["code"]) == (409, "too_many_archives")


# Real processes

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
