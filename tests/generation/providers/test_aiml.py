"""The AIML adapter where no server is needed: what it sends, and what it never lets out."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from generation.providers.aiml import AimlAdapter
from generation.providers.base import Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.errors import (
    VENDOR_TEXT_MAX,
    Code,
    NotAccepted,
    OutcomeUnknown,
    ProviderError,
    Refused,
)
from generation.wire import aiml

KEY = "key-5f1c0ffee5f1c0ffee"
SPEC = Spec(
    model=aiml.TEXT_MODEL,
    edit_model=aiml.EDIT_MODEL,
    prompt="a lake",
    aspect_ratio="4:3",
    count=2,
    request_id="g-1.1",
)
LINK = "https://cdn.example.test/a.png"
PICTURES = {"data": [{"url": LINK}], "meta": {"usage": {"credits_used": 84000, "usd_spent": 0.042}}}


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def generate(
    handler: Callable[[httpx.Request], httpx.Response],
    spec: Spec = SPEC,
    *,
    base_url: str = "https://api.example.test",
    key: str = KEY,
    accepted: Any = nobody,
) -> Answer:
    async def run() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            return await AimlAdapter(client, Connection("aimlapi", base_url, key)).generate(
                spec, accepted=accepted
            )

    return asyncio.run(run())


def sent_by(spec: Spec = SPEC, **options: Any) -> httpx.Request:
    """The request that leaves for a spec."""
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PICTURES)

    generate(handler, spec, **options)
    return seen[0]


def answering(status: int, body: Any = None, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=named)


@pytest.mark.parametrize(
    "base_url", ["https://api.example.test", "https://api.example.test/v1", "https://api.example.test/v1/"]
)
def test_the_base_url_may_end_with_v1(base_url: str) -> None:
    assert sent_by(base_url=base_url).url == "https://api.example.test/v1/images/generations"


def test_the_key_and_the_request_id_travel_in_headers() -> None:
    headers = sent_by().headers

    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-client-request-id"] == "g-1.1"


def test_without_a_key_no_authorisation_is_sent() -> None:
    assert "authorization" not in sent_by(key="").headers


def test_references_choose_the_edit_model() -> None:
    spec = Spec(
        model="text",
        edit_model="edit",
        prompt="p",
        aspect_ratio="1:1",
        references=(ImageBytes(b"abc", "image/png"), ImageLink(LINK)),
    )

    body = json.loads(sent_by(spec).content)

    assert (body["model"], body["image_urls"]) == ("edit", ["data:image/png;base64,YWJj", LINK])


def test_an_answer_comes_with_id_and_cost() -> None:
    answer = generate(answering(201, PICTURES, x_inference_id="i-1"))

    assert answer.images == (ImageLink(LINK),)
    assert (answer.vendor_id, answer.cost.credits, answer.cost.usd) == ("i-1", 84000, Decimal("0.042"))


def test_the_vendors_id_is_told_before_the_answer_is_whole() -> None:
    told = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    with pytest.raises(OutcomeUnknown):
        generate(answering(200, {}, x_inference_id="i-1"), accepted=accepted)
    assert told == ["i-1"]


def test_what_the_provider_cannot_be_told_is_refused_and_not_sent() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise AssertionError("it was sent")

    with pytest.raises(Refused) as refusal:
        generate(handler, Spec(model="m", prompt="p", aspect_ratio="1:1", temperature=0.3))
    assert refusal.value.code == Code.INVALID


@pytest.mark.parametrize(
    "error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError]
)
def test_what_failed_before_sending_is_not_accepted(error: type[httpx.TransportError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    with pytest.raises(NotAccepted) as failure:
        generate(handler)
    assert failure.value.code == Code.UNREACHABLE


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ReadTimeout, Code.TIMEOUT),
        (httpx.WriteTimeout, Code.TIMEOUT),
        (httpx.ReadError, Code.ERROR),
        (httpx.WriteError, Code.ERROR),
        (httpx.RemoteProtocolError, Code.ERROR),
        (httpx.DecodingError, Code.ERROR),
    ],
)
def test_what_failed_after_sending_is_unknown(error: type[httpx.RequestError], code: Code) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    with pytest.raises(OutcomeUnknown) as failure:
        generate(handler)
    assert failure.value.code == code


def test_a_redirect_is_not_followed() -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(307, headers={"location": "https://elsewhere.example.test/"})

    with pytest.raises(OutcomeUnknown):
        generate(handler)
    assert len(asked) == 1


def test_an_endless_error_is_cut_and_still_has_its_kind() -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(401, content=b"x" * 1_000_000)

    with pytest.raises(NotAccepted) as failure:
        generate(handler)
    assert failure.value.code == Code.BAD_KEY
    assert len(failure.value.vendor_text) == VENDOR_TEXT_MAX


def test_the_cost_of_an_unreadable_answer_is_kept() -> None:
    with pytest.raises(OutcomeUnknown) as failure:
        generate(answering(200, {}, x_aimlapi_credits_used="84000"))
    assert failure.value.cost.credits == 84000


def test_the_key_and_queries_of_addresses_are_in_no_text() -> None:
    message = f"Incorrect key {KEY}: see https://vendor.example.test/keys?token=s3cret or Bearer abc.def"

    with pytest.raises(ProviderError) as failure:
        generate(answering(401, {"message": message}))

    shown = failure.value.vendor_text + failure.value.detail + repr(failure.value)
    assert "https://vendor.example.test/keys" in shown
    assert not any(secret in shown for secret in (KEY, "s3cret", "abc.def"))


def test_a_key_that_no_header_can_carry_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="holds characters") as refusal:
        Connection("aimlapi", "https://x.example.test", "sé cret\n")
    assert "cret" not in str(refusal.value)


def test_nothing_can_be_resumed() -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client:
            provider = AimlAdapter(client, Connection("aimlapi", "https://x.example.test", KEY))
            assert not provider.abilities.resumable
            await provider.resume("i-1", SPEC)

    with pytest.raises(OutcomeUnknown):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("seen", "kind"),
    [
        ([], OutcomeUnknown),
        (["connection.connect_tcp.started"], NotAccepted),
        (["connection.connect_tcp.started", "http11.send_request_headers.started"], OutcomeUnknown),
    ],
)
def test_the_deadline_knows_whether_the_request_had_left(seen: list[str], kind: type[ProviderError]) -> None:
    async def never(request: httpx.Request) -> httpx.Response:
        for event in seen:
            await request.extensions["trace"](event, {})
        await asyncio.Event().wait()
        raise AssertionError("it waits for ever")

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(never)) as client:
            provider = AimlAdapter(client, Connection("aimlapi", "https://x.example.test", KEY))
            await provider.generate(replace(SPEC, deadline_seconds=0.05), accepted=nobody)

    with pytest.raises(ProviderError) as failure:
        asyncio.run(run())
    assert type(failure.value) is kind
