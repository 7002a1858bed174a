"""Serving stored pictures: who gets them, by which addresses, with which headers, whole and in part."""

import asyncio
import re
import uuid
import warnings
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AnonymousUser
from django.core.files import File
from django.core.handlers.asgi import ASGIRequest
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from PIL import Image as Picture

from accounts.models import User
from gallery import file_parts, files, ingest, storage
from gallery.models import Image, Upload
from tests.gallery import drawing

pytestmark = pytest.mark.django_db

PNG = drawing.png((1000, 700))


def person(name: str) -> User:
    return User.objects.create_user(f"{name}@easel.test")


def as_(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def make_image(owner: User, data: bytes = PNG, **facts: str) -> Image:
    stored = ingest.store(data, keep_bytes=True, max_bytes=15_000_000)
    return Image.objects.create(owner=owner, original=ingest.record(stored), **facts)


@pytest.fixture
def owner() -> User:
    return person("owner")


@pytest.fixture
def image(owner: User) -> Image:
    return make_image(owner, prompt="A fox, in the snow!")


@pytest.fixture
def upload(owner: User) -> Upload:
    return ingest.store_upload(owner=owner, data=PNG, file_name="blue mug.png")


@pytest.fixture
def large(owner: User) -> Image:
    """An image whose file is streamed."""
    data = drawing.encoded(drawing.noise((700, 500)))
    assert len(data) > 2 * file_parts.CHUNK_BYTES
    return make_image(owner, data)


def body(response: Any) -> bytes:
    return response.getvalue() if response.streaming else response.content


# Who


def test_the_owner_gets_the_file(image: Image, owner: User) -> None:
    response = as_(owner).get(files.image_path(image))

    assert (response.status_code, body(response)) == (200, PNG)


@pytest.mark.parametrize("who", ["stranger", "anonymous"])
def test_a_private_image_is_not_there_for_others(image: Image, who: str) -> None:
    client = as_(person("stranger") if who == "stranger" else None)

    for variant in files.VARIANTS:
        assert client.get(files.image_path(image, variant)).status_code == 404


def test_an_image_for_everyone_is_there_for_who_is_signed_in(image: Image) -> None:
    Image.objects.update(visibility=Image.Visibility.EVERYONE)

    assert as_(person("stranger")).get(files.image_path(image)).status_code == 200
    assert as_(None).get(files.image_path(image)).status_code == 404


def test_admins_do_not_see_private_images_either(image: Image) -> None:
    admin = User.objects.create_superuser("admin@easel.test")

    assert as_(admin).get(files.image_path(image)).status_code == 404


def test_an_upload_is_only_for_its_owner(upload: Upload, owner: User) -> None:
    assert as_(owner).get(files.upload_path(upload, "320")).status_code == 200
    assert as_(person("stranger")).get(files.upload_path(upload)).status_code == 404
    assert as_(None).get(files.upload_path(upload)).status_code == 404


def test_foreign_and_unknown_ids_give_the_same_answer(image: Image) -> None:
    client = as_(person("stranger"))
    unknown = files.image_path(image).replace(str(image.public_id), str(uuid.uuid4()))

    answers = [client.get(path) for path in (files.image_path(image), unknown)]

    assert [answer.status_code for answer in answers] == [404, 404]
    # What changes from answer to answer: the form token and the request's number.
    first, second = (re.sub(rb"[A-Za-z0-9]{64}|req_\w+", b"", answer.content) for answer in answers)
    assert first == second


def test_a_file_that_is_gone_from_the_storage_is_not_there(image: Image, owner: User) -> None:
    storage.delete(image.original.name)

    assert as_(owner).get(files.image_path(image)).status_code == 404


@pytest.mark.parametrize("variant", ["641", "large", "..", "original.png", "-1", "٣٢٠"])
def test_an_unknown_variant_is_not_there(image: Image, owner: User, variant: str) -> None:
    path = files.image_path(image).rpartition("/")[0]

    assert as_(owner).get(f"{path}/{variant}").status_code == 404


def test_nothing_is_written_by_post(image: Image, owner: User) -> None:
    assert as_(owner).post(files.image_path(image)).status_code == 405


# Which file


def test_variants_are_the_renditions(image: Image, owner: User) -> None:
    response = as_(owner).get(files.image_path(image, "320"))

    assert response.headers["Content-Type"] == "image/webp"
    assert drawing.opened(body(response)).size == (320, 224)


def test_the_original_stands_for_a_variant_larger_than_it(image: Image, owner: User) -> None:
    assert files.image_path(image, "1280") == files.image_path(image)

    path = files.image_path(image).replace("original", "1280")
    assert body(as_(owner).get(path)) == PNG


def test_a_small_picture_has_a_320_of_its_own_size(owner: User) -> None:
    small = make_image(owner, drawing.png((90, 60)))

    response = as_(owner).get(files.image_path(small, "320"))

    assert drawing.opened(body(response)).size == (90, 60)


def test_srcset_names_every_variant_with_its_width(owner: User) -> None:
    upright = make_image(owner, drawing.png((700, 1400)))

    path = files.image_path(upright).removesuffix("original")
    assert files.srcset(upright) == (f"{path}320 160w, {path}640 320w, {path}1280 640w, {path}original 700w")


# Signed addresses


def test_a_signed_address_needs_no_sign_in(image: Image) -> None:
    address = files.signed_address("https://easel.example/", image)

    assert address.startswith("https://easel.example/files/signed/")
    response = as_(None).get(address.removeprefix("https://easel.example"))
    assert (response.status_code, body(response)) == (200, PNG)
    assert response.headers["Cache-Control"] == "private, max-age=300"


def test_a_signed_address_is_of_the_site_that_was_asked(image: Image) -> None:
    request = RequestFactory().get("/", headers={"host": "127.0.0.1:8123"})

    assert files.signed_address(request, image, "640").startswith("http://127.0.0.1:8123/files/signed/")


def test_an_upload_can_be_given_by_signed_address(upload: Upload) -> None:
    assert as_(None).get(files.signed_address("", upload)).status_code == 200


def test_a_signed_address_ends_after_five_minutes(image: Image) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        address = files.signed_address("", image)
    with time_machine.travel(now + timedelta(seconds=299), tick=False):
        assert as_(None).get(address).status_code == 200
    with time_machine.travel(now + timedelta(seconds=302), tick=False):
        assert as_(None).get(address).status_code == 404


def test_a_forged_address_is_not_there(image: Image) -> None:
    other = make_image(person("other"), drawing.png((500, 500), seed=2))
    address = files.signed_address("", image, "320")

    for forged in (
        address[:-1] + ("A" if address[-1] != "A" else "B"),
        address.replace(image.public_id.hex, other.public_id.hex),
        address.replace(":320:", ":original:"),
        address.replace("image:", "upload:"),
        "/files/signed/" + "a" * 200,
        "/files/signed/a:b:c:d:e",
    ):
        assert as_(None).get(forged).status_code == 404


def test_a_signed_address_of_a_deleted_image_is_not_there(image: Image) -> None:
    address = files.signed_address("", image)
    image.delete()

    assert as_(None).get(address).status_code == 404


# Headers


@pytest.mark.parametrize("variant", ["original", "320"])
def test_a_file_may_do_nothing_in_a_browser(image: Image, owner: User, variant: str) -> None:
    headers = as_(owner).get(files.image_path(image, variant)).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["Content-Type"] == ("image/png" if variant == "original" else "image/webp")
    assert headers["Cache-Control"] == "private, max-age=3600"


def test_the_file_name_is_ours(image: Image, owner: User) -> None:
    short = image.public_id.hex[:8]

    shown = as_(owner).get(files.image_path(image)).headers["Content-Disposition"]
    saved = as_(owner).get(files.image_path(image, "320") + "?download=1").headers["Content-Disposition"]

    assert shown == f'inline; filename="a-fox-in-the-snow-{short}.png"'
    assert saved == f'attachment; filename="a-fox-in-the-snow-{short}-320.webp"'


@pytest.mark.parametrize(
    "prompt", ["", "日本", '"; filename="x.exe', "a\r\nSet-Cookie: x=1", "../../etc/passwd"]
)
def test_no_prompt_makes_a_dangerous_file_name(owner: User, prompt: str) -> None:
    name = files.file_name(make_image(owner, prompt=prompt))

    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert name.count(".") == 1


def test_an_upload_is_named_for_its_file(upload: Upload) -> None:
    assert files.file_name(upload) == f"blue-mug-{upload.public_id.hex[:8]}.png"


def test_an_unchanged_file_is_not_sent_again(image: Image, owner: User) -> None:
    client = as_(owner)
    first = client.get(files.image_path(image))
    assert first.headers["ETag"] == f'"{image.original.sha256}"'

    again = client.get(files.image_path(image), headers={"if-none-match": first.headers["ETag"]})

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["Cache-Control"] == "private, max-age=3600"


def test_each_variant_has_a_tag_of_its_own(image: Image, owner: User) -> None:
    tags = {
        as_(owner).get(files.image_path(image, variant)).headers["ETag"]
        for variant in ("original", "320", "640")
    }

    assert len(tags) == 3


def test_not_changed_is_told_only_to_who_may_see_it(image: Image) -> None:
    tag = f'"{image.original.sha256}"'

    answer = as_(person("stranger")).get(files.image_path(image), headers={"if-none-match": tag})

    assert answer.status_code == 404


# Parts


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-0", 0, 1), ("bytes=10-19", 10, 20), ("bytes=500-", 500, None), ("bytes=-7", -7, None)],
)
def test_a_range_gives_that_part(image: Image, owner: User, asked: str, start: int, end: int | None) -> None:
    response = as_(owner).get(files.image_path(image), headers={"range": asked})

    first = start % len(PNG)
    last = (end or len(PNG)) - 1
    assert (response.status_code, body(response)) == (206, PNG[start:end])
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(PNG)}"
    assert response.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=-0"])
def test_a_range_beyond_the_end_is_refused(image: Image, owner: User, asked: str) -> None:
    response = as_(owner).get(files.image_path(image), headers={"range": asked})

    assert (response.status_code, response.headers["Content-Range"]) == (416, f"bytes */{len(PNG)}")


@pytest.mark.parametrize(
    "asked",
    ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "items=0-1", "bytes=0-1,5-6", "bytes=" + "9" * 99],
)
def test_a_range_that_makes_no_sense_gives_the_whole(image: Image, owner: User, asked: str) -> None:
    response = as_(owner).get(files.image_path(image), headers={"range": asked})

    assert (response.status_code, body(response)) == (200, PNG)


def test_a_range_of_an_older_file_gives_the_whole(image: Image, owner: User) -> None:
    headers = {"range": "bytes=0-1", "if-range": '"another"'}

    assert as_(owner).get(files.image_path(image), headers=headers).status_code == 200


def test_a_range_beyond_the_last_byte_ends_there(image: Image, owner: User) -> None:
    response = as_(owner).get(files.image_path(image), headers={"range": "bytes=10-99999999"})

    assert body(response) == PNG[10:]


# Streams


def test_a_large_file_comes_in_chunks(large: Image, owner: User) -> None:
    response = as_(owner).get(files.image_path(large))

    chunks = list(response.streaming_content)
    assert max(map(len, chunks)) <= file_parts.CHUNK_BYTES
    assert b"".join(chunks) == storage.get(large.original.name)
    assert response.headers["Content-Length"] == str(large.original.size_bytes)


def test_a_part_of_a_large_file_comes_in_chunks_too(large: Image, owner: User) -> None:
    response = as_(owner).get(files.image_path(large), headers={"range": "bytes=1000-900000"})

    assert body(response) == storage.get(large.original.name)[1000:900001]


def asgi_request(path: str, user: User | AnonymousUser) -> ASGIRequest:
    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    request = ASGIRequest(scope, None)
    request.user = user
    return request


def test_under_asgi_a_large_file_streams_without_being_read_ahead(large: Image, owner: User) -> None:
    request = asgi_request(files.image_path(large), owner)
    response = files.image_file(request, public_id=large.public_id, variant="original")
    assert isinstance(response, StreamingHttpResponse)
    assert response.is_async

    async def read() -> list[bytes]:
        return [chunk async for chunk in response]

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chunks = asyncio.run(read())
    response.close()

    assert max(map(len, chunks)) <= file_parts.CHUNK_BYTES
    assert b"".join(chunks) == storage.get(large.original.name)


def test_a_stream_nobody_reads_closes_its_file(large: Image, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(3 * file_parts.CHUNK_BYTES))
    with path.open("rb") as opened:
        response = file_parts.response(
            asgi_request("/", AnonymousUser()),
            File(opened),
            0,
            3 * file_parts.CHUNK_BYTES,
            content_type="image/png",
        )
        response.close()
        assert opened.closed


def test_an_image_costs_few_queries(image: Image, owner: User, django_assert_num_queries: Any) -> None:
    client = as_(owner)
    client.get(files.image_path(image))

    with django_assert_num_queries(4):
        client.get(files.image_path(image, "320"))


def test_a_rotated_original_is_described_upright(owner: User) -> None:
    exif = Picture.Exif()
    exif[0x0112] = 6
    rotated = make_image(owner, drawing.encoded(drawing.scene((900, 500)), "JPEG", exif=exif))

    assert files.srcset(rotated).endswith("original 500w")
