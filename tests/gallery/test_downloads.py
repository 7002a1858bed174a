"""Copies of images to be kept: what they say, by whose choice, and that parts of them fit together."""

import hashlib
import uuid
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from gallery import carrying, downloads, files, ingest, keeping, storage
from gallery.models import GallerySettings, Image, Original
from tests import factories
from tests.api.conftest import caller
from tests.gallery import drawing
from tests.gallery.test_xmp import DC, EXTENSION, TERMS, pixels, said, signed
from tests.gallery.zipped import as_, body

pytestmark = pytest.mark.django_db
GENERATION = uuid.UUID("0b7a3c1e-9f6f-4a83-8a39-5b2a5c0e2f11")
PNG = drawing.png((1000, 700))


def make_image(owner: User, data: bytes = PNG, *, refined: bool = False, **facts: Any) -> Image:
    stored = ingest.store(data, keep_bytes=True, max_bytes=30_000_000, source_type="made")
    image = Image(owner=owner, original=ingest.record(stored), **facts)
    sources = [keeping.Source(image.original.pk)] if refined else []
    keeping.keep(image, sources=sources)
    return image


@pytest.fixture
def owner() -> User:
    return factories.person()


@pytest.fixture
def image(owner: User) -> Image:
    return make_image(owner, prompt="A fox & a hen", provider="google", generation_id=GENERATION)


def download(image: Image, user: User | None = None, variant: str = "original", **headers: str) -> Any:
    path = files.image_path(image, variant)
    return as_(user or image.owner).get(f"{path}?download=1", headers=headers)


@pytest.mark.parametrize("variant", ["original", "320", "640"])
def test_a_download_says_how_the_picture_came_about(image: Image, variant: str) -> None:
    kept = storage.get(files.stored(image.original, variant).name)

    data = body(download(image, variant=variant))

    assert said(data) == {
        f"{EXTENSION}DigitalSourceType": f"{TERMS}trainedAlgorithmicMedia",
        f"{EXTENSION}AIPromptInformation": "A fox & a hen",
        f"{DC}description": "A fox & a hen",
        f"{DC}identifier": f"urn:uuid:{GENERATION}",
    }
    assert pixels(data) == pixels(kept)


@pytest.mark.parametrize("variant", ["original", "320"])
def test_a_picture_that_is_only_looked_at_is_the_stored_file(image: Image, variant: str) -> None:
    answered = as_(image.owner).get(files.image_path(image, variant))

    assert body(answered) == storage.get(files.stored(image.original, variant).name)


@pytest.mark.parametrize(
    ("facts", "term"),
    [
        ({"provider": "google", "refined": True}, "compositeWithTrainedAlgorithmicMedia"),
        ({"provider": "google"}, "trainedAlgorithmicMedia"),
        ({"provider": "emulator"}, "algorithmicMedia"),
        ({"provider": "emulator", "refined": True}, "algorithmicMedia"),
    ],
)
def test_made_edited_and_drawn_for_show_are_told_apart(owner: User, facts: Any, term: str) -> None:
    data = body(download(make_image(owner, **facts)))

    assert said(data)[f"{EXTENSION}DigitalSourceType"] == TERMS + term


def test_nothing_is_said_of_a_picture_that_a_person_gave(owner: User) -> None:
    given = make_image(owner, origin=Image.Origin.UPLOADED)

    assert body(download(given)) == PNG


@pytest.mark.parametrize("prompt", [True, False])
@pytest.mark.parametrize("generation", [True, False])
def test_its_owner_chooses_for_everybody(image: Image, prompt: bool, generation: bool) -> None:
    image.visibility = Image.Visibility.EVERYONE
    image.save(update_fields=["visibility"])
    switches = {"embeds_prompt": prompt, "embeds_generation": generation}
    as_(image.owner).post("/settings/downloads/", {name: "on" for name, on in switches.items() if on})

    for user in (image.owner, factories.person()):
        told = said(body(download(image, user)))
        assert (f"{EXTENSION}AIPromptInformation" in told, f"{DC}identifier" in told) == (prompt, generation)
        assert (f"{DC}description" in told) == prompt
        assert f"{EXTENSION}DigitalSourceType" in told


def test_a_share_link_decides_for_itself(image: Image) -> None:
    GallerySettings.objects.create(user=image.owner, embeds_prompt=True, embeds_generation=True)

    with downloads.bytes_for(image, "320", with_prompt=False, with_id=False) as file:
        assert set(said(file.read())) == {f"{EXTENSION}DigitalSourceType"}

    GallerySettings.objects.update(embeds_prompt=False)
    with downloads.bytes_for(image, "320", with_prompt=True) as file:
        assert said(file.read())[f"{DC}description"] == "A fox & a hen"


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_a_signed_original_is_given_out_byte_for_byte(owner: User, kind: str) -> None:
    data = signed(kind)
    image = make_image(owner, data, prompt="A fox")

    assert body(download(image)) == data


# Parts and what is kept of it elsewhere


def test_parts_of_a_download_fit_together(owner: User) -> None:
    image = make_image(owner, drawing.encoded(drawing.noise((700, 500))), prompt="A fox" * 100)
    whole = download(image)
    data, tag = body(whole), whole["ETag"]

    joined = b""
    while len(joined) < len(data):
        start = len(joined)
        part = download(image, **{"Range": f"bytes={start}-{start + 99_999}", "If-Range": tag})
        assert (part.status_code, part["ETag"]) == (206, tag)
        last = min(start + 100_000, len(data)) - 1
        assert part["Content-Range"] == f"bytes {start}-{last}/{len(data)}"
        joined += body(part)

    assert hashlib.sha256(joined).digest() == hashlib.sha256(data).digest()
    assert int(whole["Content-Length"]) == len(data)
    assert download(image, **{"If-None-Match": tag}).status_code == 304


def test_another_choice_is_another_file_to_a_cache(image: Image) -> None:
    looked_at = as_(image.owner).get(files.image_path(image))["ETag"]
    before = download(image)["ETag"]

    GallerySettings.objects.create(user=image.owner, embeds_prompt=False)
    after = download(image)["ETag"]

    assert len({looked_at, before, after}) == 3
    resumed = download(image, **{"Range": "bytes=5-", "If-Range": before})
    assert resumed.status_code == 200, "not a part of another file"


def test_a_file_that_is_gone_is_not_found(image: Image) -> None:
    storage.delete(image.original.name)

    assert download(image).status_code == 404


def test_the_api_gives_the_same(image: Image) -> None:
    client = caller(image.owner, scopes=["read"]).client

    answered = client.get(f"/api/v1/images/{image.public_id}/file?download=1&size=640")

    assert body(answered) == body(download(image, variant="640"))
    assert said(body(answered))[f"{DC}description"] == "A fox & a hen"


def test_what_many_say_is_asked_for_at_once(owner: User, django_assert_num_queries: Any) -> None:
    images = [make_image(owner, refined=bool(number % 2)) for number in range(4)]

    with django_assert_num_queries(2):
        types = [facts.source_type for facts in carrying.facts_of_each(images)]

    assert types == ["made", "edited", "made", "edited"]
    assert Original.objects.count() == 1


# The choice


def test_the_page_shows_what_is_chosen(owner: User) -> None:
    client = as_(owner)
    first = client.get("/settings/downloads/").content.decode()
    assert 'name="embeds_prompt" checked>' in first
    assert 'name="embeds_generation" checked>' in first

    answered = client.post("/settings/downloads/", {"embeds_generation": "on"}, follow=True)

    html = answered.content.decode()
    assert 'name="embeds_prompt">' in html
    assert 'name="embeds_generation" checked>' in html
    assert "Saved." in html


def test_the_page_is_for_who_is_signed_in() -> None:
    assert Client().get("/settings/downloads/").status_code == 302
    assert Client().post("/settings/downloads/").status_code == 302
    assert not GallerySettings.objects.exists()
