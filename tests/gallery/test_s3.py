"""Pictures in an S3 bucket: moto answers what boto3 would send, so the protocol is real and no socket is."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from django.core.files.storage import default_storage
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
