"""Having a ZIP file: its owner alone, in parts, on the page and by the API."""

import hashlib
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import archives
from gallery.models import Archive, Image
from tests import factories
from tests.api.conftest import caller
from tests.gallery import drawing
from tests.gallery.zipped import as_, asked, body, made, picture

pytestmark = pytest.mark.django_db
Status = Archive.Status


@pytest.fixture
def owner() -> User:
    return factories.person()


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
