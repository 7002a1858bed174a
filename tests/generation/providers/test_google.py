"""The Google adapter where no server is needed: what it sends, where to, and what it never lets out."""

import asyncio
import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.providers.base import Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.google import BASE_URL, OPTIONS, GoogleAdapter
from generation.wire import google, google_errors
from generation.wire.messages import ErrorAnswer
from tests.generation.wire import strategies_google as strategies
from tests.generation.wire.fuzzing import EXAMPLES

KEY = "AIza-5f1c0ffee5f1c0ffee"
MODEL = "gemini-2.5-flash-image"
SPEC = Spec(model=MODEL, prompt="a lake", aspect_ratio="4:3", request_id="g-1.1")
PART = {
    "inlineData": {"mimeType": "image/png", "data": "YWJj"},
    "thoughtSignature": "c2ln",
    "newField": [1.5],
}
PICTURE = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Here."}, PART]}, "finishReason": "STOP"}
    ],
    "responseId": "r-1",
}
VERTEX = {"vertex": True, "project": "p-1", "location": "europe-west4"}
PUBLISHED = f"/publishers/google/models/{MODEL}:generateContent"
Handler = Callable[[httpx.Request], httpx.Response]


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def generate(
    handler: Handler,
    spec: Spec = SPEC,
    *,
    base_url: str = "https://api.example.test",
    key: str = KEY,
    accepted: Any = nobody,
    **options: Any,
) -> Answer:
    async def run() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            adapter = GoogleAdapter(client, Connection("google", base_url, key, options))
            return await adapter.generate(spec, accepted=accepted)

    return asyncio.run(run())


def failure(handler: Handler, spec: Spec = SPEC, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(handler, spec, **options)
    return raised.value


def answering(status: int, body: Any = None, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=named)


def sent_by(spec: Spec = SPEC, **options: Any) -> httpx.Request:
    """The request that leaves for a spec."""
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PICTURE)

    generate(handler, spec, **options)
    assert len(seen) == 1
    return seen[0]


def unsent(request: httpx.Request) -> httpx.Response:
    raise AssertionError("it was sent")


@pytest.mark.parametrize(
    ("options", "url"),
    [
        ({}, f"{BASE_URL}/v1beta/models/{MODEL}:generateContent"),
        ({"version": "v1"}, f"{BASE_URL}/v1/models/{MODEL}:generateContent"),
        ({"version": "none"}, f"{BASE_URL}/models/{MODEL}:generateContent"),
        (
            VERTEX,
            "https://europe-west4-aiplatform.googleapis.com/v1/projects/p-1/locations/europe-west4"
            + PUBLISHED,
        ),
        (
            {"vertex": True, "project": "p-1"},
            "https://aiplatform.googleapis.com/v1/projects/p-1/locations/global" + PUBLISHED,
        ),
        (
            {"vertex": True, "project": "p-1", "location": "eu"},
            "https://aiplatform.eu.rep.googleapis.com/v1/projects/p-1/locations/eu" + PUBLISHED,
        ),
        (
            {"vertex": "true", "version": "v1beta1", "location": "europe-west4"},
            "https://aiplatform.googleapis.com/v1beta1" + PUBLISHED,
        ),
    ],
)
def test_each_connection_has_its_address(options: dict[str, Any], url: str) -> None:
    assert set(options) <= set(OPTIONS)
    assert sent_by(base_url=BASE_URL, **options).url == url


@pytest.mark.parametrize("base_url", ["https://x.example.test/g", "https://x.example.test/g/v1beta/"])
def test_the_base_url_may_end_with_the_version(base_url: str) -> None:
    assert sent_by(base_url=base_url).url == f"https://x.example.test/g/v1beta/models/{MODEL}:generateContent"


@pytest.mark.parametrize(
    "options",
    [
        {"version": "../x"},
        {"vertex": True, "project": "p/../x"},
        {"vertex": True, "project": "p", "location": "evil.example.test/"},
    ],
)
def test_an_option_cannot_lead_elsewhere(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of google"):
        GoogleAdapter(httpx.AsyncClient(), Connection("google", BASE_URL, KEY, options))


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        ({}, "x-goog-api-key", KEY),
        ({"vertex": True}, "x-goog-api-key", KEY),
        (VERTEX, "authorization", f"Bearer {KEY}"),
    ],
)
def test_the_key_travels_in_one_header_and_never_in_the_address(
    options: dict[str, Any], name: str, value: str
) -> None:
    request = sent_by(**options)

    assert request.headers[name] == value
    assert [header for header, held in request.headers.items() if KEY in held] == [name]
    assert KEY not in str(request.url)
    assert request.headers["x-client-request-id"] == "g-1.1"


def test_without_a_key_none_is_sent() -> None:
    headers = sent_by(key="").headers

    assert not {"x-goog-api-key", "authorization"} & set(headers)


def test_everything_that_can_be_told_is_told() -> None:
    spec = replace(
        SPEC,
        references=(ImageBytes(b"mug", "image/webp"), ImageLink("https://x.example.test/a.png", "image/png")),
        temperature=0.4,
        top_p=0.9,
        image_size="4K",
    )

    body = json.loads(sent_by(spec).content)

    assert [next(iter(part)) for part in body["contents"][0]["parts"]] == ["text", "inlineData", "fileData"]
    assert body["generationConfig"] == {
        "responseModalities": ["TEXT", "IMAGE"],
        "imageConfig": {"aspectRatio": "4:3", "imageSize": "4K"},
        "temperature": 0.4,
        "topP": 0.9,
    }


def test_references_choose_the_edit_model_where_there_is_one() -> None:
    spec = replace(SPEC, edit_model="editor", references=(ImageBytes(b"mug", "image/png"),))

    assert sent_by(spec).url.path == "/v1beta/models/editor:generateContent"


def test_an_answer_comes_with_its_id_its_words_and_no_cost() -> None:
    told = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    answer = generate(answering(200, PICTURE), accepted=accepted)

    assert answer.images == (ImageBytes(b"abc", "image/png"),)
    assert (answer.vendor_id, answer.description, told) == ("r-1", "Here.", ["r-1"])
    assert (answer.cost.credits, answer.cost.usd) == (None, None)


def test_the_next_turn_sends_all_of_it_with_signatures_and_unknown_fields() -> None:
    first = generate(answering(200, PICTURE), replace(SPEC, references=(ImageBytes(b"mug", "image/png"),)))

    contents = json.loads(sent_by(replace(SPEC, prompt="make it night", state=first.state)).content)[
        "contents"
    ]

    mug = {"inlineData": {"mimeType": "image/png", "data": base64.b64encode(b"mug").decode()}}
    assert contents == [
        {"role": "user", "parts": [{"text": "a lake"}, mug]},
        {"role": "model", "parts": [{"text": "Here."}, PART]},
        {"role": "user", "parts": [{"text": "make it night"}]},
    ]


def test_a_conversation_that_leaves_no_room_for_a_next_turn_ends() -> None:
    large = base64.b64encode(b"x" * GoogleAdapter.abilities.state_max_bytes).decode()
    part = {"inlineData": {"mimeType": "image/png", "data": large}}

    answer = generate(answering(200, {"candidates": [{"content": {"role": "model", "parts": [part]}}]}))

    assert answer.images
    assert answer.state is None


def test_the_largest_state_leaves_room_for_the_largest_reference() -> None:
    abilities = GoogleAdapter.abilities
    reference = ImageBytes(b"x" * abilities.reference_max_bytes, "image/png")
    turn = b'[{"role":"user","parts":[{"text":"%s"}]}]'
    state = turn % (b"x" * (abilities.state_max_bytes - len(turn) + 2))
    assert len(state) == abilities.state_max_bytes

    assert sent_by(replace(SPEC, state=state, references=(reference,)))


def test_what_is_too_large_in_all_is_refused_and_not_sent() -> None:
    reference = ImageBytes(b"x" * (7 * 1024 * 1024), "image/png")

    error = failure(unsent, replace(SPEC, references=(reference,) * 3))

    assert (type(error), error.code) == (Refused, Code.INVALID)
    assert "too large together" in error.detail


def test_an_operator_may_know_that_more_is_taken() -> None:
    reference = ImageBytes(b"x" * (7 * 1024 * 1024), "image/png")

    assert sent_by(replace(SPEC, references=(reference,) * 3), request_max_bytes=100_000_000)


@pytest.mark.parametrize(
    "spec", [replace(SPEC, count=2), replace(SPEC, state=b"{}"), replace(SPEC, state=b"\xff")]
)
def test_what_the_provider_cannot_be_told_is_refused_and_not_sent(spec: Spec) -> None:
    error = failure(unsent, spec)

    assert (type(error), error.code) == (Refused, Code.INVALID)


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
def test_what_failed_before_sending_is_not_accepted(error: type[httpx.TransportError]) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    assert isinstance(failure(handler), NotAccepted)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ReadTimeout, Code.TIMEOUT),
        (httpx.ReadError, Code.ERROR),
        (httpx.RemoteProtocolError, Code.ERROR),
    ],
)
def test_what_failed_after_sending_is_unknown(error: type[httpx.RequestError], code: Code) -> None:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("no", request=request)

    failed = failure(handler)

    assert (type(failed), failed.code) == (OutcomeUnknown, code)


@pytest.mark.parametrize(
    ("status", "options", "kind", "code"),
    [
        (500, {}, NotAccepted, Code.ERROR),
        (503, {}, NotAccepted, Code.BUSY),
        (504, {}, OutcomeUnknown, Code.TIMEOUT),
        (504, VERTEX, NotAccepted, Code.TIMEOUT),
        (501, VERTEX, NotAccepted, Code.ERROR),
    ],
)
def test_what_google_does_not_charge_for_may_be_sent_again(
    status: int, options: dict[str, Any], kind: type[ProviderError], code: Code
) -> None:
    body = json.loads(google_errors.encode_error(ErrorAnswer(status, "no", code="INTERNAL")))

    error = failure(answering(status, body), **options)

    assert (type(error), error.code) == (kind, code)


def test_a_header_gives_the_wait_where_the_body_does_not() -> None:
    error = failure(answering(429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, retry_after="9"))

    assert isinstance(error, NotAccepted)
    assert error.retry_after_seconds == 9.0


def test_the_reason_and_its_words_are_for_the_receipt() -> None:
    error = failure(
        answering(200, {"candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": "No."}]})
    )

    assert error.vendor_text == "IMAGE_SAFETY: No."


def test_an_answer_cut_off_says_what_to_do() -> None:
    error = failure(answering(200, {"candidates": [{"finishReason": "MAX_TOKENS"}]}))

    assert error.code == Code.NO_IMAGE
    assert "ran out of room" in error.detail


def test_a_redirect_is_not_followed() -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(307, headers={"location": "https://elsewhere.example.test/"})

    assert isinstance(failure(handler), OutcomeUnknown)
    assert len(asked) == 1


@pytest.mark.parametrize("status", [200, 400, 500])
def test_the_key_and_queries_of_addresses_are_in_no_text(status: int) -> None:
    words = f"Key {KEY}: see https://x.example.test/k?key={KEY} or Bearer ya29.abc"
    body = (
        {"error": {"message": words, "status": "X"}}
        if status >= 400
        else {"promptFeedback": {"blockReason": words}}
    )

    error = failure(answering(status, body))

    shown = error.vendor_text + error.detail + repr(error)
    assert "https://x.example.test/k" in shown
    assert not any(secret in shown for secret in (KEY, "ya29.abc", "key="))


def test_nothing_can_be_resumed_or_called_off() -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as client:
            adapter = GoogleAdapter(client, Connection("google", BASE_URL, KEY))
            assert await adapter.cancel("r-1") is False
            await adapter.resume("r-1", SPEC)

    with pytest.raises(OutcomeUnknown):
        asyncio.run(run())


good = strategies.answers.map(lambda sent: json.loads(google.encode_answer(sent)))
bodies = (
    st.binary(max_size=200)
    | (strategies.objects | strategies.spoilt(good) | good).map(lambda value: json.dumps(value).encode())
    | st.builds(lambda value, end: json.dumps(value).encode()[:end], good, st.integers(0, 200))
)


@settings(max_examples=EXAMPLES)
@given(st.sampled_from([200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503, 504, 599]), bodies)
def test_whatever_comes_back_is_an_answer_or_a_provider_error(status: int, body: bytes) -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        return httpx.Response(status, content=body)

    try:
        answer = generate(handler)
    except ProviderError:
        assert len(calls) == 1
        return
    assert answer.images
    assert json.loads(sent_by(replace(SPEC, prompt="and rain", state=answer.state)).content)
    assert len(calls) == 1
