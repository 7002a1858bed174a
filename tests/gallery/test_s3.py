"""Pictures in an S3 bucket: moto answers what boto3 would send, so the protocol is real and no socket is."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import boto3
import pytest
import requests
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.test import Client
from moto import mock_aws

from accounts.models import User
from gallery import file_parts, files, ingest, storage
from gallery.models import Image
from tests.gallery import drawing

BUCKET = "easel-pictures"


@pytest.fixture(autouse=True)
def bucket(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    options = {
        "bucket_name": BUCKET,
        "region_name": "us-east-1",
        "default_acl": None,
        "file_overwrite": True,
        "querystring_expire": 300,
        "signature_version": "s3v4",
    }
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": options},
    }
    with mock_aws():
        yield boto3.resource("s3", region_name="us-east-1").create_bucket(Bucket=BUCKET)


def keys_in(bucket: Any) -> list[str]:
    return sorted(item.key for item in bucket.objects.all())


def test_a_picture_and_its_renditions_are_objects(bucket: Any) -> None:
    data = drawing.png((1000, 600))

    stored = ingest.store(data, keep_bytes=True, max_bytes=10_000_000)

    assert keys_in(bucket) == sorted([stored.name, *(copy.name for copy in stored.renditions)])
    assert storage.get(stored.name) == data


def test_storing_twice_leaves_the_same_objects(bucket: Any) -> None:
    data = drawing.png()
    ingest.store(data, keep_bytes=True, max_bytes=10_000_000)
    first = keys_in(bucket)

    ingest.store(data, keep_bytes=True, max_bytes=10_000_000)

    assert keys_in(bucket) == first


def test_an_object_has_its_real_type(bucket: Any) -> None:
    stored = ingest.store(drawing.jpeg(), keep_bytes=True, max_bytes=10_000_000)

    types = {item.key.rpartition(".")[2]: item.Object().content_type for item in bucket.objects.all()}
    assert types == {"jpg": "image/jpeg", "webp": "image/webp"}
    assert stored.content_type == "image/jpeg"


def test_a_staged_answer_is_there_until_it_is_let_go(bucket: Any) -> None:
    ingest.stage(b"answer", "staging/7/1/0")
    assert ingest.staged("staging/7/1/0") == b"answer"

    ingest.unstage("staging/7/1/0")
    ingest.unstage("staging/7/1/0")

    with pytest.raises(FileNotFoundError):
        ingest.staged("staging/7/1/0")


@pytest.fixture
def large(db: None) -> Image:
    data = drawing.encoded(drawing.noise((700, 500)))
    assert len(data) > 2 * file_parts.CHUNK_BYTES
    owner = User.objects.create_user("owner@easel.test")
    stored = ingest.store(data, keep_bytes=True, max_bytes=10_000_000)
    return Image.objects.create(owner=owner, original=ingest.record(stored))


@pytest.fixture
def client(large: Image) -> Client:
    client = Client()
    client.force_login(large.owner)
    return client


def body(response: Any) -> bytes:
    return response.getvalue() if response.streaming else response.content


def test_the_owner_gets_the_whole_file(client: Client, large: Image) -> None:
    response = client.get(files.image_path(large))

    assert response.status_code == 200
    assert body(response) == storage.get(large.original.name)


def test_the_owner_gets_a_part(client: Client, large: Image) -> None:
    response = client.get(files.image_path(large), headers={"range": "bytes=1000-700000"})

    assert response.status_code == 206
    assert body(response) == storage.get(large.original.name)[1000:700001]


def test_a_signed_address_serves_from_the_bucket(large: Image) -> None:
    response = Client().get(files.signed_address("", large, "320"))

    assert (response.status_code, response.headers["Content-Type"]) == (200, "image/webp")
    assert drawing.opened(body(response)).size == (320, 229)


def test_an_object_that_is_gone_is_not_there(client: Client, large: Image) -> None:
    default_storage.delete(large.original.name)

    assert client.get(files.image_path(large)).status_code == 404


# Addresses of the bucket itself


@pytest.fixture
def by_redirect(settings: Any) -> None:
    settings.FILES_BY_REDIRECT = True


def asked_of(response: Any) -> tuple[str, dict[str, str]]:
    """Path and parameters of the address somebody is sent to."""
    parts = urlsplit(response["Location"])
    return parts.path, dict(parse_qsl(parts.query))


def test_pictures_are_handed_out_by_us_unless_it_is_switched_on(client: Client, large: Image) -> None:
    response = client.get(files.image_path(large))

    assert response.status_code == 200
    assert body(response) == storage.get(large.original.name)


@pytest.mark.usefixtures("by_redirect")
@pytest.mark.parametrize("variant", ["original", "320"])
def test_a_signed_address_lives_five_minutes_and_says_how_to_answer(
    client: Client, large: Image, variant: str
) -> None:
    response = client.get(files.image_path(large, variant))

    path, asked = asked_of(response)
    stored = large.original if variant == "original" else large.original.renditions.get(size=320)
    assert (response.status_code, path) == (302, f"/{stored.name}")
    assert 0 < int(asked["X-Amz-Expires"]) <= 300
    assert asked["response-content-type"] == ("image/png" if variant == "original" else "image/webp")
    assert asked["response-content-disposition"].startswith("inline; filename=")
    assert asked["response-cache-control"] == "private, max-age=3600"
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("by_redirect")
def test_a_download_is_saved_under_our_name(client: Client, large: Image) -> None:
    Image.objects.filter(pk=large.pk).update(origin=Image.Origin.UPLOADED)

    _, asked = asked_of(client.get(files.image_path(large) + "?download=1"))

    assert asked["response-content-disposition"].startswith("attachment; filename=")


@pytest.mark.usefixtures("by_redirect")
def test_what_is_written_into_a_download_comes_from_us(client: Client, large: Image) -> None:
    response = client.get(files.image_path(large) + "?download=1")

    assert response.status_code == 200
    assert b"trainedAlgorithmicMedia" in body(response)


@pytest.mark.usefixtures("by_redirect")
def test_the_bucket_answers_whole_and_in_ranges(client: Client, large: Image) -> None:
    address = client.get(files.image_path(large))["Location"]
    data = storage.get(large.original.name)

    whole, part = requests.get(address), requests.get(address, headers={"Range": "bytes=1000-1999"})

    assert (whole.status_code, whole.content == data, whole.headers["Content-Type"]) == (
        200,
        True,
        "image/png",
    )
    assert (part.status_code, part.content) == (206, data[1000:2000])


@pytest.mark.usefixtures("by_redirect")
def test_who_may_not_see_it_is_sent_nowhere(large: Image) -> None:
    other = Client()
    other.force_login(User.objects.create_user("other@easel.test"))

    assert other.get(files.image_path(large)).status_code == 404
    assert Client().get(files.image_path(large)).status_code == 404


@pytest.mark.usefixtures("by_redirect")
def test_a_look_at_the_headers_is_answered_by_us(client: Client, large: Image) -> None:
    response = client.head(files.image_path(large))

    assert (response.status_code, response["Content-Type"]) == (200, "image/png")
    response.close()


@pytest.mark.usefixtures("by_redirect")
def test_while_files_are_moved_they_are_found_where_they_were(
    client: Client, large: Image, settings: Any, tmp_path: Path
) -> None:
    data = storage.get(large.original.name)
    folder = FileSystemStorage(location=tmp_path / "before")
    folder.save(large.original.name, ContentFile(data))
    default_storage.delete(large.original.name)
    options = {"location": str(tmp_path / "before")}
    settings.STORAGES = {
        **settings.STORAGES,
        "folder": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": options},
    }
    assert client.get(files.image_path(large)).status_code == 302

    settings.FILES_ALSO_IN = "folder"

    response = client.get(files.image_path(large))
    assert (response.status_code, body(response)) == (200, data)
