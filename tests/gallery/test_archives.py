"""ZIP files of pictures: what is in them, what is left out, and when none is made."""

import hashlib
import uuid
from datetime import datetime
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import archive_making, archives, downloads, storage
from gallery.archives import CannotPack, TooManyUnfinished
from gallery.models import Archive, Image, ImageTag, Rendition, Tag
from tests import factories
from tests.gallery import rows
from tests.gallery.test_xmp import EXTENSION, said, signed
from tests.gallery.zipped import asked, halves, made, manifest, opened, picture, table
from tests.generation.together import at_once

pytestmark = pytest.mark.django_db
Status = Archive.Status


@pytest.fixture
def owner() -> User:
    return factories.person()


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
    for given in ({}, {"images": [str(first.public_id)], "filter": ""}):
        refused = client.post("/api/v1/archives", given, content_type="application/json")
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
