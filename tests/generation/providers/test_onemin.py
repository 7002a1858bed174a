"""What the 1min.ai adapter sends, in which order, and what an upload that fails comes to."""

import asyncio
import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest

from generation.providers.base import Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, ProviderError, Refused
from generation.providers.onemin import OneminAdapter
from tests.generation.providers.onemin_vendor import (
    KEY,
    LINK,
    PICTURE,
    PROCESSING,
    SPEC,
    SUCCESS,
    Vendor,
    again,
    failure,
    generate,
    nobody,
    uploaded,
    using,
)


def sent_by(spec: Spec = SPEC, **options: Any) -> dict[str, Any]:
    """The body of the run that leaves for a spec."""
    vendor = Vendor()
    generate(vendor, spec, **options)
    body: dict[str, Any] = json.loads(vendor.at("features")[0].content)
    return body


def test_a_run_gives_its_id_before_its_result_is_asked_for() -> None:
    vendor, told = Vendor(results=[PROCESSING, SUCCESS]), []

    async def accepted(vendor_id: str) -> None:
        told.append((vendor_id, len(vendor.sent)))

    answer = generate(vendor, accepted=accepted)

    assert (answer.images, answer.vendor_id) == ((ImageLink(LINK),), "u-1")
    assert told == [("u-1", 1)]
    assert [request.url.path for request in vendor.sent] == [
        "/api/features",
        "/api/results/u-1",
        "/api/results/u-1",
    ]


def test_async_can_be_turned_off() -> None:
    vendor = Vendor(run=SUCCESS)

    async def work(adapter: OneminAdapter) -> Answer:
        assert not adapter.abilities.resumable
        return await adapter.generate(SPEC, accepted=nobody)

    assert using(vendor, work, **{"async": "off"}).images == (ImageLink(LINK),)
    assert "async" not in json.loads(vendor.sent[0].content)
    assert sent_by()["async"] is True


def test_a_run_that_goes_on_although_async_is_off_is_asked_for() -> None:
    assert generate(Vendor(), **{"async": "off"}).images == (ImageLink(LINK),)


@pytest.mark.parametrize(
    ("ratio", "references", "option", "sent"),
    [
        ("1:1", (), "", None),
        ("16:9", (), "", "16:9"),
        ("1:1", (), "on", "1:1"),
        ("1:1", (PICTURE,), "", "1:1"),
        ("4:3", (PICTURE,), "", "4:3"),
        ("1:1", (PICTURE,), "off", None),
    ],
)
def test_the_ratio_is_sent_where_it_may_matter(
    ratio: str, references: tuple[ImageBytes, ...], option: str, sent: str | None
) -> None:
    body = sent_by(replace(SPEC, aspect_ratio=ratio, references=references), aspect_ratio=option)

    assert body["promptObject"].get("aspect_ratio") == sent


def test_a_ratio_that_may_not_be_sent_is_refused() -> None:
    vendor = Vendor()

    error = failure(vendor, replace(SPEC, aspect_ratio="16:9"), aspect_ratio="off")

    assert (type(error), error.code, vendor.sent) == (Refused, Code.INVALID, [])


@pytest.mark.parametrize(
    "options",
    [
        {"async": "maybe"},
        {"aspect_ratio": True},
        {"poll_seconds": "soon"},
        {"poll_seconds": 0},
        {"poll_seconds": 61},
    ],
)
def test_an_option_that_is_none_is_told(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(options))):
        generate(Vendor(), **options)


def test_options_may_be_left_empty() -> None:
    assert generate(Vendor(), **{"async": None, "aspect_ratio": ""}).images


def test_references_are_uploaded_first_and_named_by_their_keys() -> None:
    vendor = Vendor()
    given = (
        PICTURE,
        replace(PICTURE, content_type="image/webp"),
        replace(PICTURE, content_type="image/jpeg"),
    )

    generate(vendor, replace(SPEC, references=given))

    body = json.loads(vendor.at("features")[0].content)
    assert (body["type"], body["model"]) == ("IMAGE_EDITOR", "edit")
    assert {name: value for name, value in body["promptObject"].items() if "mage" in name} == {
        "imageUrl": "images/reference-1.png",
        "referenceImage1": "images/reference-2.webp",
        "referenceImage2": "images/reference-3.jpeg",
    }
    assert [request.url.path for request in vendor.sent[:4]] == ["/api/assets"] * 3 + ["/api/features"]


def test_an_address_is_handed_on_as_it_is() -> None:
    vendor = Vendor()

    generate(vendor, replace(SPEC, references=(ImageLink("https://x.example.test/a.png"), PICTURE)))

    prompt = json.loads(vendor.at("features")[0].content)["promptObject"]
    assert prompt["imageUrl"] == "https://x.example.test/a.png"
    assert len(vendor.at("assets")) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.3},
        {"count": 2},
        {"image_size": "2K"},
        {"state": b"{}"},
        {"references": (PICTURE,) * 4},
        {"references": (PICTURE, ImageLink("https://x.example.test/a.png"))},
    ],
)
def test_what_the_provider_cannot_be_told_is_refused_before_an_upload(change: dict[str, Any]) -> None:
    vendor = Vendor()

    error = failure(vendor, replace(SPEC, **change))

    assert (type(error), error.code, vendor.sent) == (Refused, Code.INVALID, [])


def test_a_reference_of_a_type_that_would_end_its_header_is_refused() -> None:
    vendor = Vendor()

    error = failure(vendor, replace(SPEC, references=(ImageBytes(b"x", "image/png\r\nx: y"),)))

    assert (type(error), vendor.sent) == (Refused, [])


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (httpx.ConnectError("no"), NotAccepted, Code.UNREACHABLE),
        (httpx.ReadTimeout("no"), NotAccepted, Code.TIMEOUT),
        (httpx.ReadError("no"), NotAccepted, Code.ERROR),
        (httpx.Response(200, content=b"<html>"), NotAccepted, Code.UNREADABLE),
        (httpx.Response(200, json={"asset": {}}), NotAccepted, Code.UNREADABLE),
        (httpx.Response(500), NotAccepted, Code.ERROR),
        (httpx.Response(503), NotAccepted, Code.BUSY),
        (httpx.Response(522), NotAccepted, Code.TIMEOUT),
        (httpx.Response(404), NotAccepted, Code.MODEL),
        (httpx.Response(401), NotAccepted, Code.BAD_KEY),
        (httpx.Response(406), NotAccepted, Code.NO_MONEY),
        (httpx.Response(429, headers={"retry-after": "4"}), NotAccepted, Code.RATE_LIMITED),
        (httpx.Response(400), Refused, Code.INVALID),
        (httpx.Response(413), Refused, Code.INVALID),
        (httpx.Response(415), Refused, Code.INVALID),
        (httpx.Response(422), Refused, Code.INVALID),
        (httpx.Response(405), NotAccepted, Code.INVALID),
    ],
)
@pytest.mark.parametrize("place", [0, 1])
def test_an_upload_that_fails_costs_nothing(
    answer: Any, kind: type[ProviderError], code: Code, place: int
) -> None:
    uploads = [uploaded] * place + [lambda request: again(answer)]
    vendor = Vendor(uploads=uploads)

    error = failure(vendor, replace(SPEC, references=(PICTURE, PICTURE)))

    assert (type(error), error.code) == (kind, code)
    assert vendor.at("features") == []
    if isinstance(error, NotAccepted):
        assert error.retry_after_seconds == (4.0 if code is Code.RATE_LIMITED else None)
        assert error.final_for_provider == (code in (Code.MODEL, Code.BAD_KEY, Code.NO_MONEY, Code.INVALID))


def test_uploads_that_outlast_the_deadline_send_no_run() -> None:
    def slow(request: httpx.Request) -> Any:
        time.sleep(0.06)
        return uploaded(request)

    vendor = Vendor(uploads=[slow])

    error = failure(vendor, replace(SPEC, references=(PICTURE,), deadline_seconds=0.05))

    assert (type(error), error.code) == (NotAccepted, Code.TIMEOUT)
    assert vendor.at("features") == []


def test_key_and_request_id_travel_in_headers_to_the_vendor_alone() -> None:
    vendor = Vendor()

    generate(vendor, replace(SPEC, references=(PICTURE,)))

    assert {request.headers["api-key"] for request in vendor.sent} == {KEY}
    assert {request.headers["x-client-request-id"] for request in vendor.sent} == {"g-1.1"}
    assert {request.url.host for request in vendor.sent} == {"api.example.test"}


def test_a_base_url_may_end_with_api() -> None:
    vendor = Vendor()

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
            connection = Connection("onemin", "https://api.example.test/api/", "", {"poll_seconds": 0.01})
            await OneminAdapter(client, connection).generate(SPEC, accepted=nobody)

    asyncio.run(run())

    assert str(vendor.sent[0].url) == "https://api.example.test/api/features"
    assert "api-key" not in vendor.sent[0].headers
