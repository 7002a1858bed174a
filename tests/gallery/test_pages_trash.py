"""The trash page, and files that people add on the gallery's page."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import collections, trash
from gallery.models import Image, StorageUse
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner() -> User:
    return factories.person()


@pytest.fixture
def signed_in(client: Client, owner: User) -> Client:
    client.force_login(owner)
    return client


def page(client: Client, path: str = "/gallery/trash") -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def thrown_away(owner: User, *, days: int = 0, **fields: Any) -> Image:
    image = rows.image(owner, **fields)
    trash.put(owner, [image.pk])
    Image.objects.filter(pk=image.pk).update(trashed_at=timezone.now() - timedelta(days=days))
    return image


def test_each_picture_says_how_many_days_are_left(signed_in: Client, owner: User) -> None:
    thrown_away(owner, days=13)
    thrown_away(owner, days=28)
    rows.image(owner)

    text = page(signed_in)

    assert text.index("17 d left") < text.index("2 d left")
    assert "2 images" in text
    assert "Images stay here for 30 days, then they are deleted for good." in text


def test_others_trash_isnt_shown(signed_in: Client) -> None:
    thrown_away(factories.person())

    assert "The trash is empty" in page(signed_in)


def test_one_or_all_are_restored(signed_in: Client, owner: User) -> None:
    images = [thrown_away(owner) for _ in range(3)]

    signed_in.post("/gallery/trash/restore", {"image": str(images[0].public_id)})
    assert Image.objects.kept().filter(owner=owner).count() == 1

    signed_in.post("/gallery/trash/restore", {"all": "1"})
    assert Image.objects.kept().filter(owner=owner).count() == 3
    assert "2 images are where they were again." in page(signed_in)


def test_a_foreign_picture_stays_in_its_trash(signed_in: Client) -> None:
    foreign = thrown_away(factories.person())

    signed_in.post("/gallery/trash/restore", {"image": str(foreign.public_id)})

    assert not Image.objects.kept().filter(pk=foreign.pk).exists()


def test_emptying_asks_with_the_number_and_deletes(signed_in: Client, owner: User) -> None:
    for _ in range(3):
        thrown_away(owner)
    kept = rows.image(owner)

    assert "Delete 3 images for good?" in page(signed_in, "/gallery/trash/empty")
    assert Image.objects.filter(owner=owner).count() == 4
    signed_in.post("/gallery/trash/empty")

    assert list(Image.objects.filter(owner=owner)) == [kept]
    assert "3 images are deleted for good." in page(signed_in)


def test_pages_of_the_trash_follow_each_other(
    signed_in: Client, owner: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gallery.pages import trashing

    monkeypatch.setattr(trashing, "PAGE", 2)
    moment = timezone.now()
    images = [thrown_away(owner) for _ in range(5)]
    Image.objects.filter(owner=owner).update(trashed_at=moment)

    seen: list[int] = []
    path: str | None = "/gallery/trash"
    while path:
        answer = signed_in.get(path)
        seen += [image.pk for image, _ in answer.context["images"]]
        older = answer.context["older"]
        path = f"/gallery/trash?before={older}" if older else None

    assert seen == [image.pk for image in reversed(images)]


def test_storage_is_said_with_the_quota(signed_in: Client, owner: User) -> None:
    rows.image(owner)
    StorageUse.objects.filter(user=owner).update(quota_bytes=4 * 1024 * 1024)

    text = page(signed_in)

    assert "1.8 MB of 4 MB used." in text
    assert '<progress class="bar" value="45"' in text


# Adding files


def file(name: str = "harbour.png", data: bytes | None = None) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data or factories.picture(96, 64, seed=5))


def test_several_files_are_taken_in_by_the_form(signed_in: Client, owner: User) -> None:
    second = file("dunes.png", factories.picture(64, 96, seed=6))

    answer = signed_in.post("/gallery/upload", {"files": [file(), second]})

    assert answer.headers["Location"] == "/gallery/"
    assert sorted(Image.objects.filter(owner=owner).values_list("title", flat=True)) == ["dunes", "harbour"]
    assert "2 images are here." in page(signed_in, "/gallery/")


def test_a_file_that_isnt_a_picture_is_said_and_the_others_are_taken(signed_in: Client, owner: User) -> None:
    signed_in.post("/gallery/upload", {"files": [file("notes.pdf", b"%PDF-1.4"), file()]})

    text = page(signed_in, "/gallery/")
    assert "notes.pdf isn&#x27;t a picture Easel can use." in text
    assert "The image is here." in text


def test_a_script_is_told_what_is_wrong_with_the_file(signed_in: Client) -> None:
    answer = signed_in.post(
        "/gallery/upload", {"files": [file("notes.pdf", b"%PDF-1.4")]}, headers={"X-Part": "upload"}
    )

    assert answer.status_code == 422
    assert answer.content.decode().startswith("notes.pdf isn't a picture Easel can use.")


def test_it_is_filed_into_the_collection_of_the_page(signed_in: Client, owner: User) -> None:
    found = collections.create(owner, "Posters")

    answer = signed_in.post(
        "/gallery/upload",
        {"files": [file()], "collection": str(found.public_id)},
        headers={"X-Part": "upload"},
    )

    assert answer.json() == {"images": 1}
    assert found.items.count() == 1


def test_a_foreign_collection_takes_nothing(signed_in: Client, owner: User) -> None:
    foreign = collections.create(factories.person(), "Theirs")

    answer = signed_in.post("/gallery/upload", {"files": [file()], "collection": str(foreign.public_id)})

    assert answer.status_code == 404
    assert not Image.objects.filter(owner=owner).exists()


def test_a_full_storage_is_said(signed_in: Client, owner: User) -> None:
    StorageUse.objects.update_or_create(user=owner, defaults={"quota_bytes": 10})

    signed_in.post("/gallery/upload", {"files": [file()]})

    assert "Your storage is full" in page(signed_in, "/gallery/")
