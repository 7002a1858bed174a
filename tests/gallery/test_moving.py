"""`move_files`: every file comes out the same at the other storage, however often it is stopped or killed."""

import gc
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import boto3
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.core.management import CommandError, call_command
from moto import mock_aws

from gallery import ingest, moving, storage
from gallery.moving import Move
from tests import factories

BUCKET = "easel-pictures"
ROOT = Path(__file__).resolve().parents[2]
FOLDER = "django.core.files.storage.FileSystemStorage"


@pytest.fixture(autouse=True)
def two_folders(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.MEDIA_ROOT = str(tmp_path / "files")
    settings.FILES_IN = "folder"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": FOLDER},
        "folder": {"BACKEND": FOLDER},
        "shelf": {"BACKEND": FOLDER, "OPTIONS": {"location": str(tmp_path / "shelf")}},
    }


@pytest.fixture
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    options = {"bucket_name": BUCKET, "region_name": "us-east-1", "default_acl": None, "file_overwrite": True}
    settings.STORAGES = {
        **settings.STORAGES,
        "bucket": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    with mock_aws():
        yield boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)
    # Moto leaves what it copied of an object to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def fill(pictures: int = 3) -> dict[str, bytes]:
    """Pictures with their copies, and what else is stored; all of it by name."""
    for seed in range(pictures):
        data = factories.picture(700, 500, seed=seed)
        ingest.store(data, keep_bytes=True, max_bytes=10**7)
    for name in ("aside/odd.bin", "archives/1/pictures.zip", "staging/7/1/0", "turns/7/state"):
        storage.put(name, name.encode() * 50)
    return files_of(storages["folder"])


def files_of(of: Storage, folder: str = "") -> dict[str, bytes]:
    base = Path(of.path(folder))
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


def objects_of(bucket: Any) -> dict[str, bytes]:
    return {item.key: item.get()["Body"].read() for item in bucket.objects.all()}


def move(*options: str) -> str:
    said = StringIO()
    call_command("move_files", *options, stdout=said)
    return said.getvalue()


# Whole passes


def test_all_files_come_out_the_same_in_another_folder() -> None:
    every = fill()

    moved = Move("folder", "shelf").run()

    assert files_of(storages["shelf"]) == every == files_of(storages["folder"])
    assert (moved.seen, moved.copied, moved.there, moved.mismatched) == (len(every), len(every), 0, 0)
    assert moved.copied_bytes == sum(map(len, every.values()))
    again = Move("folder", "shelf").run()
    assert (again.seen, again.copied, again.there) == (len(every), 0, len(every))


def test_into_a_bucket_and_back(bucket: Any, settings: Any) -> None:
    every = fill()
    assert "copied" in move("--to", "bucket")
    assert objects_of(bucket) == every

    settings.FILES_IN = "bucket"
    move("--from", "folder", "--to", "bucket", "--delete")
    assert files_of(storages["folder"]) == {}

    move("--to", "folder")
    assert files_of(storages["folder"]) == every


def test_a_bucket_gets_real_types(bucket: Any) -> None:
    fill(1)
    move("--to", "bucket")

    types = {item.key.rpartition(".")[2]: item.Object().content_type for item in bucket.objects.all()}
    assert (types["png"], types["webp"]) == ("image/png", "image/webp")


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    every = fill()
    storages["shelf"].save("turns/7/state", ContentFile(every["turns/7/state"]))

    told = json.loads(move("--to", "shelf", "--dry-run", "--json"))

    assert (told["copied"], told["there"], told["is_done"]) == (len(every) - 1, 1, True)
    assert list(files_of(storages["shelf"])) == ["turns/7/state"]
    assert not list(tmp_path.glob("move-*"))


def test_halves_of_files_stay_where_they_are() -> None:
    storage.put("originals/ab/cd/.xyz.part", b"half")

    assert Move("folder", "shelf").run().seen == 0


# What is wrong


def test_a_damaged_original_is_told_and_not_copied() -> None:
    every = fill()
    name = next(name for name in every if name.startswith("originals/"))
    Path(storages["folder"].path(name)).write_bytes(every[name][:-1] + b"x")

    with pytest.raises(SystemExit) as ended:
        move("--to", "shelf")

    assert ended.value.code == 1
    assert files_of(storages["shelf"]).keys() == every.keys() - {name}


def test_a_copy_that_went_wrong_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    every = fill(1)
    write = moving._write

    def wrong(to: Storage, name: str, file: Any) -> None:
        write(to, name, ContentFile(b"other bytes") if name.startswith("renditions/") else file)

    monkeypatch.setattr(moving, "_write", wrong)
    moved = Move("folder", "shelf").run()

    renditions = [name for name in every if name.startswith("renditions/")]
    assert sorted(moved.mismatches) == sorted(renditions)
    monkeypatch.undo()
    assert Move("folder", "shelf").run().copied == len(renditions)
    assert files_of(storages["shelf"]) == every


def test_a_copy_that_was_corrupted_later_is_made_anew() -> None:
    every = fill()
    Move("folder", "shelf").run()
    for name in list(every)[:3]:
        Path(storages["shelf"].path(name)).write_bytes(b"?" * len(every[name]))

    assert Move("folder", "shelf").run().copied == 3
    assert files_of(storages["shelf"]) == every


def test_what_differs_is_not_deleted(settings: Any) -> None:
    every = fill()
    Move("folder", "shelf").run()
    wrong, missing = sorted(every)[0], sorted(every)[-1]
    Path(storages["shelf"].path(wrong)).write_bytes(b"?" * len(every[wrong]))
    Path(storages["shelf"].path(missing)).unlink()
    settings.FILES_IN = "shelf"

    with pytest.raises(SystemExit) as ended:
        move("--from", "folder", "--to", "shelf", "--delete")

    assert ended.value.code == 1
    assert files_of(storages["folder"]).keys() == {wrong, missing}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--to", "bucket"], "AWS_STORAGE_BUCKET_NAME"),
        (["--to", "folder"], "same storage"),
        (["--to", "staticfiles"], "no storage staticfiles"),
        (["--to", "shelf", "--delete"], "Set FILES_IN=shelf"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], words: str, settings: Any) -> None:
    settings.STORAGES = {name: one for name, one in settings.STORAGES.items() if name != "bucket"}

    with pytest.raises(CommandError, match=words):
        move(*options)


# Stopped and killed


def test_it_goes_on_where_it_was_stopped() -> None:
    every = fill(6)
    looked: list[int] = []
    while True:
        left = iter([False] * 5)
        moved = Move("folder", "shelf").run(is_stopped=lambda left=left: next(left, True))
        looked.append(moved.seen)
        if moved.is_done:
            break

    assert files_of(storages["shelf"]) == every
    assert (moved.seen, moved.copied, moved.there) == (len(every), len(every), 0)
    assert looked[:3] == [5, 10, 15]


WORKER = """
import os, sys, time
sys.path.insert(0, {root!r})
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
import django
django.setup()
from django.conf import settings
settings.STORAGES["shelf"] = {{"BACKEND": {backend!r}, "OPTIONS": {{"location": {shelf!r}}}}}
from gallery import moving
write = moving._write
def slow(*given):
    time.sleep(0.02)
    write(*given)
moving._write = slow
moving.SAVED_EVERY = 3
from django.core.management import call_command
call_command("move_files", "--to", "shelf", "--json")
"""


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["kill -9", "SIGTERM"])
def test_killed_in_the_middle_and_called_again_nothing_is_missing(tmp_path: Path, how: int) -> None:
    every = fill(8)
    shelf = Path(storages["shelf"].path(""))
    program = WORKER.format(root=str(ROOT), backend=FOLDER, shelf=str(shelf))
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "SECRET_KEY": "x" * 60}
    environment.pop("DATABASE_URL", None)

    killed = 0
    for _ in range(12):
        process = subprocess.Popen(
            [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        had = len(list(shelf.rglob("*.*")))
        while process.poll() is None and len(list(shelf.rglob("*.*"))) < had + 6:
            time.sleep(0.005)
        process.send_signal(how)
        said, _ = process.communicate(timeout=60)
        if process.returncode == 0:
            break
        killed += 1
        assert process.returncode == (-how if how == signal.SIGKILL else 2)

    assert killed >= 2
    assert process.returncode == 0
    found = {name: data for name, data in files_of(storages["shelf"]).items() if not name.endswith(".part")}
    assert found == every
    assert json.loads(said)["mismatched"] == 0
