"""Signed Content Credentials: read apart from us, kept in few words, and the file never changed."""

import hashlib
import json
import sys
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gallery import credentials, ingest, picture_process, storage
from gallery.inspection import CannotRead
from gallery.models import Original
from tests.gallery import drawing, signing
from tests.gallery.test_xmp import signed as with_an_empty_box

TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
types = pytest.mark.parametrize("content_type", TYPES)


def picture(content_type: str, *, seed: int = 1) -> bytes:
    return drawing.encoded(drawing.noise((120, 90), seed=seed), TYPES[content_type])


def kept(data: bytes) -> ingest.Stored:
    return ingest.store(data, keep_bytes=True, max_bytes=10_000_000)


def tampered(data: bytes) -> bytes:
    """Changed in a way that every decoder is content with."""
    if data.startswith(b"\x89PNG"):
        words = b"tEXta\x00b"
        place = data.index(b"IDAT") - 4
        chunk = (3).to_bytes(4, "big") + words + crc32(words).to_bytes(4, "big")
        return data[:place] + chunk + data[place:]
    place = 2000 if data.startswith(b"RIFF") else len(data) - 2000
    return data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :]


@pytest.mark.needs_c2pa
@pytest.mark.django_db
@types
def test_a_signed_picture_says_who_signed_what(content_type: str) -> None:
    data = signing.signed(picture(content_type), content_type)

    stored = kept(data)
    original = ingest.record(stored)

    read = Original.objects.get(pk=original.pk).credentials
    assert read == {
        "state": "untrusted",
        "title": "A fox",
        "signer": "Test Signer",
        "organisation": "Test Works",
        "issued_at": "",
        "claim_generator": "Test maker 1.0",
        "actions": [
            {
                "action": "c2pa.created",
                "source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                "software": "",
                "at": "",
            }
        ],
        "chain": [],
    }
    assert storage.get(stored.name) == data
    assert stored.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.needs_c2pa
@pytest.mark.django_db
@types
def test_a_picture_changed_after_it_was_signed_does_not_match(content_type: str) -> None:
    stored = kept(tampered(signing.signed(picture(content_type), content_type)))

    assert stored.credentials is not None
    assert (stored.credentials["state"], stored.credentials["signer"]) == ("invalid", "Test Signer")


@pytest.mark.needs_c2pa
@pytest.mark.django_db
def test_what_it_was_made_from_is_told_too() -> None:
    first = signing.signed(picture("image/png"), "image/png", title="A hen")
    second = signing.signed(picture("image/png", seed=2), "image/png", parent=first)

    read = kept(second).credentials

    assert read is not None
    (earlier,) = read["chain"]
    assert (earlier["title"], earlier["signer"]) == ("The first", "Test Signer")
    assert [one["action"] for one in earlier["actions"]] == ["c2pa.created"]
    assert [one["action"] for one in read["actions"]] == ["c2pa.opened"]


@pytest.mark.django_db
@types
def test_a_picture_without_credentials_has_none(content_type: str) -> None:
    assert kept(picture(content_type)).credentials is None


@pytest.mark.django_db
def test_no_process_is_asked_about_a_picture_without_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    ask = picture_process.PicturePool.ask

    def counted(pool: Any, task: str, data: bytes, **arguments: Any) -> Any:
        asked.append(task)
        return ask(pool, task, data, **arguments)

    monkeypatch.setattr(picture_process.PicturePool, "ask", counted)

    kept(picture("image/png"))

    assert asked == []


@pytest.mark.needs_c2pa
@pytest.mark.django_db
def test_what_people_give_loses_them_with_all_metadata() -> None:
    data = signing.signed(picture("image/png"), "image/png")

    stored = ingest.store(data, keep_bytes=False, max_bytes=10_000_000)

    assert stored.credentials is None
    assert b"caBX" not in storage.get(stored.name)


@pytest.mark.needs_c2pa
@pytest.mark.django_db
@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_box_that_holds_nonsense_is_said_to_be_unreadable(kind: str) -> None:
    stored = kept(with_an_empty_box(kind))

    assert stored.credentials == {"state": "unreadable"}


@pytest.mark.needs_c2pa
@pytest.mark.django_db
def test_a_box_of_another_kind_is_no_credentials() -> None:
    assert kept(with_an_empty_box("jpeg")).credentials is None


@pytest.mark.django_db
def test_a_process_that_breaks_over_it_is_no_end_of_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def overrun(pool: Any, task: str, data: bytes, **arguments: Any) -> Any:
        raise CannotRead("unreadable")

    monkeypatch.setattr(picture_process.PicturePool, "ask", overrun)

    assert kept(with_an_empty_box("png")).credentials == {"state": "unreadable"}


def test_without_the_library_nothing_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)

    assert credentials.read(with_an_empty_box("png"), "image/png") is None


anything = some.recursive(
    some.none() | some.booleans() | some.floats() | some.text(max_size=400),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
    max_leaves=8,
)
manifest = some.fixed_dictionaries(
    {},
    optional={
        "title": anything,
        "signature_info": some.fixed_dictionaries({}, optional={"issuer": anything, "time": anything}),
        "claim_generator_info": anything,
        "ingredients": some.lists(
            some.fixed_dictionaries(
                {"active_manifest": some.sampled_from(["a", "b", "c"]), "title": anything}
            )
        ),
        "assertions": some.lists(
            some.fixed_dictionaries(
                {
                    "label": some.just("c2pa.actions"),
                    "data": anything | some.fixed_dictionaries({"actions": anything}),
                }
            )
        ),
    },
)


@given(
    store=anything
    | some.fixed_dictionaries(
        {
            "active_manifest": some.just("a"),
            "validation_state": some.sampled_from(["Valid", "Invalid", "Trusted"]) | anything,
            "manifests": some.dictionaries(some.sampled_from(["a", "b", "c"]), manifest) | anything,
        }
    )
)
def test_whatever_a_store_holds_its_summary_is_short_and_plain(store: Any) -> None:
    found = credentials.summary(store if isinstance(store, dict) else {})

    assert found["state"] in credentials.STATES
    assert len(json.dumps(found)) < 1_000_000
    assert all(len(text) <= credentials.TEXT_MAX and text.isprintable() for text in texts(found))
    assert len(found.get("chain", [])) <= credentials.CHAIN_MAX


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in inner for text in texts(one)]
