"""Taking pictures in: what is stored, what is recorded, and what is refused in which words."""

import base64
import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction
from PIL import Image, ImageDraw

from accounts.models import User
from gallery import ingest, storage
from gallery.ingest import PictureRefused
from gallery.models import Original, Rendition, Upload
from tests.gallery import drawing

MEGABYTE = 1024 * 1024


@pytest.fixture(autouse=True)
def files(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = str(tmp_path / "files")
    return tmp_path / "files"


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_user("owner@example.org", "a long enough one")


def kept(data: bytes) -> ingest.Stored:
    return ingest.store(data, keep_bytes=True, max_bytes=15 * MEGABYTE)


def names_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_providers_picture_is_stored_byte_for_byte_under_its_hash() -> None:
    data = drawing.png((1024, 700))

    stored = kept(data)

    sha256 = hashlib.sha256(data).hexdigest()
    assert stored.name == f"originals/{sha256[:2]}/{sha256[2:4]}/{sha256}.png"
    assert storage.get(stored.name) == data
    assert (stored.width, stored.height, stored.size_bytes) == (1024, 700, len(data))


def test_renditions_are_stored_beside_it() -> None:
    stored = kept(drawing.png((1024, 700)))

    assert [(copy.size, copy.width) for copy in stored.renditions] == [(640, 640), (320, 320)]
    for copy in stored.renditions:
        assert copy.name.endswith(f"{stored.sha256}-{copy.size}.webp")
        assert default_storage.size(copy.name) == copy.size_bytes


def test_storing_twice_leaves_the_same_files(files: Path) -> None:
    first = kept(drawing.png())
    names = names_in(files)

    assert kept(drawing.png()) == first
    assert names_in(files) == names


def test_a_file_cut_short_by_a_crash_is_replaced(files: Path) -> None:
    data = drawing.png()
    stored = kept(data)
    (files / stored.name).write_bytes(data[:100])

    kept(data)

    assert storage.get(stored.name) == data


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no such advice")
def test_what_is_large_is_not_kept_in_memory(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go: list[int] = []

    def advise(descriptor: int, start: int, length: int, advice: int) -> None:
        assert (start, length, advice) == (0, 0, os.POSIX_FADV_DONTNEED)
        let_go.append(os.fstat(descriptor).st_size)
        raise OSError("some file systems know no advice")

    monkeypatch.setattr(os, "posix_fadvise", advise)
    for size in (storage.UNCACHED_BYTES - 1, storage.UNCACHED_BYTES):
        storage.put(f"originals/{size}", bytes(size))
        assert storage.size(f"originals/{size}") == size

    assert let_go == [storage.UNCACHED_BYTES]


def test_two_at_once_store_the_same_content(files: Path) -> None:
    data = drawing.png((700, 500))
    both = threading.Barrier(2)
    results = []

    def take_in() -> None:
        both.wait()
        results.append(kept(data))

    threads = [threading.Thread(target=take_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results[0] == results[1]
    assert len(names_in(files)) == 3


def test_a_refused_picture_leaves_no_file(files: Path) -> None:
    with pytest.raises(PictureRefused):
        kept(b"<svg/>")

    assert names_in(files) == []


def test_record_makes_the_rows(db: None) -> None:
    stored = kept(drawing.png((1024, 700)))

    original = ingest.record(stored)

    assert (original.sha256, original.name, original.width) == (stored.sha256, stored.name, 1024)
    assert bytes(original.signature) == stored.signature
    assert sorted(original.renditions.values_list("size", flat=True)) == [320, 640]


def test_record_twice_makes_them_once(db: None) -> None:
    stored = kept(drawing.png())

    assert ingest.record(stored) == ingest.record(stored)
    assert (Original.objects.count(), Rendition.objects.count()) == (1, 1)


def test_record_is_undone_with_the_callers_transaction(db: None) -> None:
    stored = kept(drawing.png())

    with transaction.atomic():
        ingest.record(stored)
        transaction.set_rollback(True)

    assert not Original.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_transactions_record_the_same_content_once() -> None:
    stored = kept(drawing.png((1024, 700)))
    both = threading.Barrier(2)
    failures: list[BaseException] = []

    def take_in() -> None:
        try:
            both.wait()
            with transaction.atomic():
                ingest.record(stored)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=take_in) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert (Original.objects.count(), Rendition.objects.count()) == (1, 2)


def test_an_upload_is_written_anew_and_has_its_owner(owner: User) -> None:
    data = drawing.jpeg() + b"SECRET-PAYLOAD"

    upload = ingest.store_upload(owner=owner, data=data, file_name="C:\\pictures\\mug\n.jpg")

    assert (upload.owner, upload.file_name) == (owner, "mug.jpg")
    assert b"SECRET" not in storage.get(upload.original.name)


def test_the_same_upload_by_two_people_shares_its_file(owner: User) -> None:
    other = User.objects.create_user("other@example.org", "a long enough one")
    for person in (owner, other):
        ingest.store_upload(owner=person, data=drawing.png())

    assert (Upload.objects.count(), Original.objects.count()) == (2, 1)


def test_an_upload_over_the_limit_says_both_sizes(owner: User) -> None:
    with pytest.raises(PictureRefused) as caught:
        ingest.store_upload(owner=owner, data=bytes(41 * MEGABYTE), file_name="harbour.png")

    assert caught.value.code == "too_large"
    assert caught.value.detail == (
        "harbour.png is too big. It is 41 MB; the limit is 30 MB. Make it smaller and add it again."
    )


def test_one_byte_over_the_limit_does_not_read_as_the_limit(owner: User) -> None:
    with pytest.raises(PictureRefused, match=r"It is 30\.1 MB; the limit is 30 MB"):
        ingest.store_upload(owner=owner, data=bytes(30 * MEGABYTE + 1))


def test_what_is_no_picture_is_told_by_its_name() -> None:
    with pytest.raises(PictureRefused) as caught:
        ingest.store(b"%PDF-1.7", keep_bytes=False, max_bytes=MEGABYTE, file_name="notes.pdf")

    assert caught.value.code == "not_a_picture"
    assert (
        caught.value.detail == "notes.pdf isn't a picture Easel can use. "
        "Try PNG, JPEG, WebP, AVIF, HEIC or HEIF."
    )


@pytest.mark.parametrize("size", [(9000, 100), (5001, 5000), (12000, 9000)])
def test_too_many_pixels_are_told_with_their_number(size: tuple[int, int]) -> None:
    data = drawing.encoded(Image.new("1", size))

    with pytest.raises(PictureRefused, match=f"{size[0]} × {size[1]}") as caught:
        kept(data)

    assert caught.value.code == "too_many_pixels"


def test_a_data_uri_gives_its_bytes() -> None:
    data = drawing.png((20, 20))
    text = "data:image/png;base64," + base64.b64encode(data).decode()

    assert ingest.decode_data_uri(text) == data


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "not_a_picture"),
        ("data:image/png,plain", "not_a_picture"),
        ("https://example.org/a.png", "not_a_picture"),
        ("data:image/png;base64,!!!!", "unreadable"),
        ("data:image/png;base64,AAA", "unreadable"),
        ("data:image/png;base64,ÄÖÜ=", "unreadable"),
    ],
)
def test_a_malformed_data_uri_is_refused(text: str, code: str) -> None:
    with pytest.raises(PictureRefused) as caught:
        ingest.decode_data_uri(text)

    assert caught.value.code == code


def test_a_data_uri_is_measured_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base64, "b64decode", lambda *_, **__: pytest.fail("decoded"))

    with pytest.raises(PictureRefused) as caught:
        ingest.decode_data_uri("data:image/png;base64," + "A" * 2000, max_bytes=1000)

    assert caught.value.code == "too_large"


def test_a_data_uri_of_exactly_the_limit_is_let_in() -> None:
    text = "data:image/png;base64," + base64.b64encode(bytes(1000)).decode()

    assert len(ingest.decode_data_uri(text, max_bytes=1000)) == 1000


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_the_same_picture_as_another_jpeg_looks_unchanged(quality: int) -> None:
    original = drawing.scene((1024, 768))

    again = drawing.encoded(original, "JPEG", quality=quality)

    assert ingest.looks_unchanged(kept(drawing.encoded(original)).signature, kept(again).signature)


@pytest.mark.parametrize("size", [(1184, 864), (512, 384), (1000, 752)])
def test_the_same_picture_in_another_size_looks_unchanged(size: tuple[int, int]) -> None:
    original = drawing.scene((1024, 768))

    again = drawing.encoded(original.resize(size, Image.Resampling.LANCZOS))

    assert ingest.looks_unchanged(kept(drawing.encoded(original)).signature, kept(again).signature)


def test_a_small_real_edit_looks_changed() -> None:
    original = drawing.scene((1024, 768))
    edited = original.copy()
    ImageDraw.Draw(edited).ellipse((500, 380, 530, 410), fill="#ff00ff")

    assert not ingest.looks_unchanged(
        kept(drawing.encoded(original)).signature, kept(drawing.encoded(edited)).signature
    )


def test_a_slight_change_of_light_looks_changed() -> None:
    original = drawing.scene((600, 400))
    brighter = original.point(lambda level: min(255, level + 2))

    assert not ingest.looks_unchanged(
        kept(drawing.encoded(original)).signature, kept(drawing.encoded(brighter)).signature
    )


def test_a_staged_answer_can_be_read_until_it_is_let_go() -> None:
    name = "staging/5/1/0"
    ingest.stage(b"answer", name)
    assert ingest.staged(name) == b"answer"

    ingest.unstage(name)
    ingest.unstage(name)

    with pytest.raises(FileNotFoundError):
        ingest.staged(name)


@pytest.mark.needs_pictures
def test_real_pictures_come_in(pictures: Path) -> None:
    for path in sorted((*pictures.glob("*.png"), *pictures.glob("*.jp*g"))):
        stored = kept(path.read_bytes())

        with Image.open(path) as image:
            assert (stored.width, stored.height) == image.size
        assert not stored.blank
