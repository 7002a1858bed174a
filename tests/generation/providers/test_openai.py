"""The OpenAI adapter where no server is needed: what it sends, and what it never lets out."""

import asyncio
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
from generation.providers.formats import FORMATS
from generation.providers.openai import OpenAIAdapter
from generation.wire import multipart, openai_answers, shapes
from tests.generation.wire import strategies_openai as strategies
from tests.generation.wire.fuzzing import EXAMPLES

KEY = "key-5f1c0ffee5f1c0ffee"
SPEC = Spec(model="m", edit_model="e", prompt="a lake", aspect_ratio="4:3", count=2, request_id="g-1.1")
PICTURE = ImageBytes(b"mug", "image/jpeg")
LINK = "https://cdn.example.test/a.png"
PICTURES = {"created": 1, "data": [{"url": LINK}]}
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
            adapter = OpenAIAdapter(client, Connection("mine", base_url, key, options))
            return await adapter.generate(spec, accepted=accepted)

    return asyncio.run(run())


def sent_by(spec: Spec = SPEC, **options: Any) -> httpx.Request:
    """The request that leaves for a spec."""
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=PICTURES)

    generate(handler, spec, **options)
    return seen[0]


def answering(status: int, body: Any = None, **headers: str) -> Handler:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda request: httpx.Response(status, json=body, headers=named)


def never(request: httpx.Request) -> httpx.Response:
    raise AssertionError("it was sent")


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://h.example.test", "https://h.example.test/v1/images/generations"),
        ("https://h.example.test/", "https://h.example.test/v1/images/generations"),
        ("https://h.example.test/v1/", "https://h.example.test/v1/images/generations"),
        ("http://h.example.test:4000/easel", "http://h.example.test:4000/easel/v1/images/generations"),
        ("https://h.example.test/a/b/v1", "https://h.example.test/a/b/v1/images/generations"),
        ("https://h.example.test/api/paas/v4", "https://h.example.test/api/paas/v4/images/generations"),
        ("https://h.example.test/v1beta/openai", "https://h.example.test/v1beta/openai/images/generations"),
        ("https://v1.example.test", "https://v1.example.test/v1/images/generations"),
    ],
)
def test_the_base_url_may_have_its_version_and_any_prefix(base_url: str, url: str) -> None:
    assert sent_by(base_url=base_url).url == url


def test_the_key_and_the_request_id_travel_in_headers() -> None:
    headers = sent_by().headers

    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-client-request-id"] == "g-1.1"
    assert headers["content-type"] == "application/json"


def test_without_a_key_no_authorisation_is_sent() -> None:
    assert "authorization" not in sent_by(key="").headers


def test_references_go_as_files_to_the_model_that_edits() -> None:
    request = sent_by(replace(SPEC, references=(PICTURE, PICTURE)))

    parts = multipart.decode(request.content, request.headers["content-type"])
    assert request.url.path == "/v1/images/edits"
    assert [part.data for part in parts if part.name == "image[]"] == [b"mug", b"mug"]
    assert {part.name: part.text for part in parts if part.filename is None}["model"] == "e"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, {"n": 2, "aspect_ratio": "4:3"}),
        ({"size": "pixels"}, {"n": 2, "size": "1184x864"}),
        ({"response_format": "b64_json"}, {"n": 2, "aspect_ratio": "4:3", "response_format": "b64_json"}),
    ],
)
def test_options_decide_what_is_said(options: dict[str, Any], said: dict[str, Any]) -> None:
    assert json.loads(sent_by(**options).content) == {"model": "m", "prompt": "a lake", **said}


def test_a_single_file_can_have_brackets() -> None:
    request = sent_by(replace(SPEC, references=(PICTURE,)), always_brackets=True)

    parts = multipart.decode(request.content, request.headers["content-type"])
    assert parts[0].name == "image[]"


@pytest.mark.parametrize(
    ("options", "ratios", "count_max"),
    [
        ({}, None, 10),
        ({"size": "pixels"}, frozenset(shapes.RATIOS), 10),
        ({"size": "auto"}, frozenset({"1:1"}), 10),
        ({"count": "one"}, None, 1),
    ],
)
def test_abilities_follow_the_options(
    options: dict[str, Any], ratios: frozenset[str] | None, count_max: int
) -> None:
    provider = OpenAIAdapter(httpx.AsyncClient(), Connection("mine", "https://x.example.test", "", options))

    told = (provider.abilities.ratios, provider.abilities.ratios_with_references)
    assert (*told, provider.abilities.count_max) == (ratios, ratios, count_max)


def test_a_wrong_option_is_told_at_once() -> None:
    with pytest.raises(ValueError, match="the option size is one of"):
        OpenAIAdapter(httpx.AsyncClient(), Connection("mine", "https://x.example.test", options={"size": 3}))


def test_every_option_is_described() -> None:
    assert set(FORMATS["openai"].options) == {"size", "response_format", "count", "always_brackets"}


@pytest.mark.parametrize(
    ("changed", "options"),
    [
        ({"temperature": 0.3}, {}),
        ({"image_size": "4K"}, {}),
        ({"state": b"{}"}, {}),
        ({"references": (ImageLink(LINK),)}, {}),
        ({"references": (replace(PICTURE, content_type="image/png\r\nX-Evil: 1"),)}, {}),
        ({"count": 1}, {"size": "auto"}),
        ({}, {"count": "one"}),
    ],
)
def test_what_cannot_be_said_is_refused_and_not_sent(
    changed: dict[str, Any], options: dict[str, Any]
) -> None:
    with pytest.raises(Refused) as refusal:
        generate(never, replace(SPEC, **changed), **options)
    assert refusal.value.code == Code.INVALID


def test_an_answer_comes_with_its_id() -> None:
    told = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    answer = generate(answering(200, PICTURES, x_request_id="req_1"), accepted=accepted)

    assert answer == Answer((ImageLink(LINK),), vendor_id="req_1")
    assert told == ["req_1"]


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({"retry_after_ms": "1500", "retry_after": "60"}, 1.5),
        ({"retry_after_ms": "later", "retry_after": "60"}, 60.0),
        ({"retry_after_ms": "nan", "retry_after": "60"}, 60.0),
        ({"retry_after_ms": "-5"}, 0.0),
        ({"retry_after_ms": "1e12"}, 300.0),
        ({"retry_after": "7"}, 7.0),
        ({}, None),
    ],
)
def test_the_hint_in_milliseconds_goes_first(headers: dict[str, str], hint: float | None) -> None:
    with pytest.raises(NotAccepted) as failure:
        generate(answering(429, {"error": {"code": "rate_limit_exceeded"}}, **headers))
    assert (failure.value.code, failure.value.retry_after_seconds) == (Code.RATE_LIMITED, hint)


def test_the_field_at_fault_is_named_for_the_receipt() -> None:
    with pytest.raises(Refused) as refusal:
        generate(answering(400, {"error": {"message": "This value is not allowed.", "param": "size"}}))
    assert refusal.value.vendor_text == "This value is not allowed. (size)"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(status, headers={"location": "https://elsewhere.example.test/"})

    with pytest.raises(OutcomeUnknown):
        generate(handler)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError, NotAccepted),
        (httpx.ReadTimeout, OutcomeUnknown),
        (httpx.ReadError, OutcomeUnknown),
    ],
)
def test_what_breaks_has_its_kind_and_is_sent_once(
    error: type[httpx.TransportError], kind: type[ProviderError]
) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        raise error("no", request=request)

    with pytest.raises(kind):
        generate(handler, replace(SPEC, references=(PICTURE,)))
    assert len(asked) == 1


def test_the_key_and_queries_of_addresses_are_in_no_text() -> None:
    message = f"Incorrect key {KEY}: see https://vendor.example.test/keys?token=s3cret or Bearer abc.def"

    with pytest.raises(ProviderError) as failure:
        generate(answering(401, {"error": {"message": message}}))

    shown = failure.value.vendor_text + failure.value.detail + repr(failure.value)
    assert "https://vendor.example.test/keys" in shown
    assert not any(secret in shown for secret in (KEY, "s3cret", "abc.def"))


def test_nothing_can_be_resumed_or_called_off() -> None:
    provider = OpenAIAdapter(httpx.AsyncClient(), Connection("mine", "https://x.example.test", KEY))

    assert not asyncio.run(provider.cancel("req_1"))
    with pytest.raises(OutcomeUnknown):
        asyncio.run(provider.resume("req_1", SPEC))


bodies = (
    st.binary(max_size=120)
    | strategies.objects.map(lambda value: json.dumps(value).encode())
    | strategies.answers.map(lambda sent: openai_answers.encode_answer(sent).body)
)
header_names = st.sampled_from(["x-request-id", "retry-after", "retry-after-ms", "x-litellm-response-cost"])
header_values = st.from_regex(r"[ -~]{0,20}", fullmatch=True) | st.sampled_from(["nan", "1e999", "-1"])


def test_no_answer_raises_anything_but_a_provider_error() -> None:
    """One loop and one client for all examples: a loop for each would cost more than what is tested."""
    reply = httpx.Response(200)

    async def run(client: httpx.AsyncClient) -> Answer | ProviderError:
        adapter = OpenAIAdapter(client, Connection("mine", "https://x.example.test", KEY))
        try:
            return await adapter.generate(SPEC, accepted=nobody)
        except ProviderError as error:
            return error

    with asyncio.Runner() as runner:
        client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: reply))

        @settings(max_examples=EXAMPLES)
        @given(
            st.integers(200, 599) | st.just(200),
            bodies,
            st.dictionaries(header_names, header_values, max_size=4),
        )
        def each(status: int, body: bytes, headers: dict[str, str]) -> None:
            nonlocal reply
            reply = httpx.Response(status, content=body, headers=headers)
            ending = runner.run(run(client))
            assert KEY not in repr(ending)
            assert isinstance(ending, ProviderError) or ending.images

        each()
        runner.run(client.aclose())
