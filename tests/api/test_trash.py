"""The trash and uploads into the gallery, by the API."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from gallery import quota, trash
from gallery.models import Collection, CollectionItem, Image, Original
from generation.models import Generation
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller
from tests.gallery import hostile_avif
from tests.gallery import rows as images

pytestmark = pytest.mark.django_db
TRASH, IMAGES = "/api/v1/trash", "/api/v1/images"


def test_a_picture_goes_in_and_comes_back(owner: Caller) -> None:
    image = rows.image_of(owner.user)

    answer = owner.client.post(f"{IMAGES}/{image.public_id}/trash")

    body = answer.json()
    assert (answer.status_code, body["id"], body["size_bytes"]) == (
        200,
        str(image.public_id),
        image.size_bytes,
    )
    assert owner.client.get(f"{IMAGES}/{image.public_id}").status_code == 404
    assert owner.client.get(IMAGES).json()["results"] == []
    assert [one["id"] for one in owner.client.get(TRASH).json()["results"]] == [body["id"]]
    assert owner.client.post(f"{IMAGES}/{image.public_id}/trash").status_code == 200

    answer = owner.client.post(f"{IMAGES}/{image.public_id}/restore")

    assert (answer.status_code, answer.json()["id"]) == (200, str(image.public_id))
    assert owner.client.get(TRASH).json()["results"] == []


def test_its_preview_is_for_its_owner_and_its_file_for_nobody(
    owner: Caller, teammate: Caller, stranger: Client
) -> None:
    image = rows.image_of(owner.user, visibility=Image.Visibility.EVERYONE)
    address = owner.client.get(f"{IMAGES}/{image.public_id}").json()["url"]
    preview = owner.client.post(f"{IMAGES}/{image.public_id}/trash").json()["preview"]

    assert owner.client.get(preview).status_code == 200
    assert (teammate.client.get(preview).status_code, stranger.get(preview).status_code) == (404, 401)
    assert {who.get(address).status_code for who in (owner.client, teammate.client, stranger)} == {404}


def test_the_trash_is_listed_by_pages(owner: Caller) -> None:
    ids = [images.image(owner.user).pk for _ in range(5)]
    images.image(owner.user)
    trash.put(owner.user, ids)

    first = owner.client.get(f"{TRASH}?limit=3").json()
    second = owner.client.get(first["next"]).json()

    assert [len(page["results"]) for page in (first, second)] == [3, 2]
    assert second["next"] is None


def test_it_is_emptied(owner: Caller) -> None:
    trash.put(owner.user, [images.image(owner.user).pk for _ in range(3)])
    kept = images.image(owner.user)

    answer = owner.client.delete(TRASH)

    assert (answer.status_code, answer.json()) == (200, {"deleted": 3})
    assert list(Image.objects.all()) == [kept]


def test_one_is_deleted_for_good_from_the_trash_alone(owner: Caller) -> None:
    image = images.image(owner.user)
    assert owner.client.delete(f"{TRASH}/{image.public_id}").status_code == 404

    trash.put(owner.user, [image.pk])

    assert owner.client.delete(f"{TRASH}/{image.public_id}").status_code == 204
    assert not Image.objects.exists()


def test_a_receipt_and_a_generation_live_with_what_is_gone(owner: Caller) -> None:
    generation = rows.finished(owner.user, count=3)
    kept, trashed, purged = (output.image for output in generation.outputs.order_by("position"))
    digest = purged.original.sha256
    trash.put(owner.user, [trashed.pk, purged.pk])
    trash.delete(owner.user, [purged.pk])

    receipt = owner.client.get(f"/api/v1/generations/{generation.public_id}/receipt").json()
    body = owner.client.get(f"/api/v1/generations/{generation.public_id}").json()

    assert [file["state"] for file in receipt["files"]] == ["kept", "in_trash", "deleted"]
    assert [file["image"] for file in receipt["files"]] == [str(kept.public_id), None, None]
    assert (receipt["files"][2]["sha256"], receipt["files"][2]["width"]) == (digest, None)
    assert [image["id"] for image in body["images"]] == [str(kept.public_id)]
    assert (body["status"], body["credits"]["captured"]) == ("succeeded", receipt["credits"]["captured"])


# Uploads


def send(owner: Caller, data: bytes, name: str = "boat.png", **fields: Any) -> Any:
    file = SimpleUploadedFile("x", data)
    file.name = name
    return owner.client.post(IMAGES, {"file": file, **fields}, format="multipart")


def test_a_picture_of_ones_own_is_an_image_titled_by_its_file(owner: Caller) -> None:
    answer = send(owner, factories.picture(80, 60), "My boat.v2.png")

    body = answer.json()
    assert (answer.status_code, body["width"], body["prompt"], body["credits"]) == (201, 80, "", 0)
    image = Image.objects.get()
    assert (image.title, image.origin, image.visibility) == ("My boat.v2", "uploaded", "private")
    assert image.size_bytes == image.original.size_bytes
    assert owner.client.get(answer["Location"]).json()["id"] == body["id"]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("../../etc/passwd.png", "passwd"),
        ("..\\..\\windows\\boat.JPEG", "boat"),
        ("a\x00b\x1b[31m\r\nc.webp", "ab[31mc"),
        ("\u202egnp.taob", "gnp.taob"),
        ("x" * 300 + ".avif", "x" * 120),
        (".png", ""),
        ("/", ""),
        ("<script>.png", "<script>"),
    ],
)
def test_a_file_name_becomes_a_harmless_title(owner: Caller, name: str, title: str) -> None:
    from gallery import uploading

    assert uploading.title_of(name) == title
    # As it comes over the wire: the client's own classes would clean it first.
    quoted = name.replace("\r", "").replace("\n", "").replace("\x00", "").encode()
    body = (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="' + quoted + b'"\r\n\r\n'
        + factories.picture() + b"\r\n--b--\r\n"
    )  # fmt: skip
    answer = owner.client.generic("POST", IMAGES, body, content_type="multipart/form-data; boundary=b")
    if name == "/":
        assert (answer.status_code, answer.json()["code"]) == (400, "required")
        return
    assert answer.status_code == 201
    stored = Original.objects.get()
    assert stored.name == f"originals/{stored.sha256[:2]}/{stored.sha256[2:4]}/{stored.sha256}.png"
    assert len(Image.objects.get().title) <= 120


def test_a_title_and_a_collection_can_be_given(owner: Caller, teammate: Caller) -> None:
    mine = Collection.objects.create(owner=owner.user, name="Boats")
    theirs = Collection.objects.create(owner=teammate.user, name="Kites")

    answer = send(owner, factories.picture(), title="  The  boat ", collection=str(mine.public_id))
    refused = send(owner, factories.picture(seed=1), collection=str(theirs.public_id))

    assert answer.status_code == 201
    assert Image.objects.get().title == "The boat"
    assert CollectionItem.objects.get().collection == mine
    assert (refused.status_code, refused.json()["code"]) == (400, "unknown_collection")


def test_avif_comes_in_as_what_browsers_show(owner: Caller) -> None:
    from tests.gallery import drawing

    body = send(owner, hostile_avif.encoded(drawing.scene()), "photo.avif").json()

    assert (body["content_type"], body["width"]) == ("image/jpeg", 400)


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"no picture", 400, "not_a_picture"),
        (b"", 400, "not_a_picture"),
        (b"\x89PNG\r\n\x1a\n", 400, "unreadable"),
    ],
)
def test_what_is_no_picture_is_refused(owner: Caller, data: bytes, status: int, code: str) -> None:
    answer = send(owner, data)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Image.objects.exists()


def test_several_files_at_once_are_refused(owner: Caller) -> None:
    files = [SimpleUploadedFile("a.png", factories.picture()), SimpleUploadedFile("b.png", b"x")]

    answer = owner.client.post(IMAGES, {"file": files}, format="multipart")

    assert (answer.status_code, answer.json()["code"]) == (400, "too_many_files")


# Quota


def test_without_room_nothing_comes_in_and_nothing_is_charged(owner: Caller, settings: Any) -> None:
    image = images.image(owner.user)
    settings.STORAGE_QUOTA_BYTES = 2_000_000
    assert send(owner, factories.picture()).status_code == 201
    settings.STORAGE_QUOTA_BYTES = 1_900_000

    uploaded = send(owner, factories.picture(seed=1))
    given = owner.client.post(
        "/api/v1/uploads", {"file": SimpleUploadedFile("a.png", factories.picture())}, format="multipart"
    )
    asked = owner.client.post("/api/v1/generations", {"prompt": "A boat"})

    for answer in (uploaded, given, asked):
        assert (answer.status_code, answer.json()["code"]) == (409, "quota_exceeded")
        assert answer.json()["title"] == "Storage full"
        assert "1.8 MB of 1.8 MB" in answer.json()["detail"]
        assert "empty it" in answer.json()["detail"]
        assert answer.json()["quota_bytes"] == 1_900_000
    assert not Generation.objects.exists()
    assert owner.client.get("/api/v1/credits").json()["held"] == 0

    trash.put(owner.user, [image.pk])
    assert send(owner, factories.picture(seed=1)).status_code == 409
    owner.client.delete(TRASH)
    assert send(owner, factories.picture(seed=1)).status_code == 201


def test_what_was_paid_for_comes_in_whatever_it_comes_to(owner: Caller, settings: Any) -> None:
    generation = factories.generation(owner.user)
    settings.STORAGE_QUOTA_BYTES = 1

    rows.finish(generation)

    assert quota.use_of(owner.user).percent == 100
    assert Image.objects.count() == 1
