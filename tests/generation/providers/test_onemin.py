"""The 1min.ai adapter where no server is needed: what it sends, in which order, and what stays inside."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.providers.base import Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.onemin import OneminAdapter
from generation.wire import onemin_errors
from tests.generation.wire import strategies_onemin as strategies
from tests.generation.wire.fuzzing import EXAMPLES

KEY = "key-5f1c0ffee5f1c0ffee"
LINK = "https://s3.example.test/images/a.png?X-Amz-Signature=00"
SPEC = Spec(
    model="text",
    edit_model="edit",
    prompt="a lake",
    aspect_ratio="1:1",
    request_id="g-1.1",
    deadline_seconds=10.0,
)
PICTURE = ImageBytes(b"\x89PNG\r\n\x1a\n...", "image/png")
PROCESSING = {"aiRecord": {"uuid": "u-1", "status": "PROCESSING", "aiRecordDetail": {"resultObject": []}}}
SUCCESS = {
    "aiRecord": {
        "uuid": "u-1",
        "status": "SUCCESS",
        "aiRecordDetail": {"resultObject": ["images/a.png"]},
        "temporaryUrl": LINK,
    }
}
UNKNOWN = {"aiRecord": None}
Handler = Callable[[httpx.Request], httpx.Response]


class Vendor:
    """Answers as told, in turn, by address; the last answer for ever. `sent` is what arrived."""

    def __init__(self, *, run: Any = PROCESSING, results: Any = (SUCCESS,), uploads: Any = None) -> None:
        self._answers = {"features": [run], "results": list(results), "assets": list(uploads or [_uploaded])}
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        queue = self._answers[request.url.path.split("/")[2]]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def at(self, name: str) -> list[httpx.Request]:
        return [request for request in self.sent if name in request.url.path]


def _uploaded(request: httpx.Request) -> dict[str, Any]:
    """A key that tells which file it is of."""
    name = request.content.split(b'filename="')[1].split(b'"')[0].decode()
    return {"fileContent": {"path": f"images/{name}"}}


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def using(handler: Handler, work: Any, **options: Any) -> Answer:
    async def run() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            given = {"poll_seconds": 0.001, **options}
            answer: Answer = await work(
                OneminAdapter(client, Connection("onemin", "https://api.example.test", KEY, given))
            )
            return answer

    return asyncio.run(run())


def generate(handler: Handler, spec: Spec = SPEC, *, accepted: Any = nobody, **options: Any) -> Answer:
    return using(handler, lambda adapter: adapter.generate(spec, accepted=accepted), **options)


def failure(handler: Handler, spec: Spec = SPEC, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(handler, spec, **options)
    return raised.value


def resume(handler: Handler, vendor_id: str = "u-1", spec: Spec = SPEC) -> Answer:
    return using(handler, lambda adapter: adapter.resume(vendor_id, spec))


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
    uploads = [_uploaded] * place + [lambda request: _again(answer)]
    vendor = Vendor(uploads=uploads)

    error = failure(vendor, replace(SPEC, references=(PICTURE, PICTURE)))

    assert (type(error), error.code) == (kind, code)
    assert vendor.at("features") == []
    if isinstance(error, NotAccepted):
        assert error.retry_after_seconds == (4.0 if code is Code.RATE_LIMITED else None)


def _again(answer: Any) -> Any:
    """A response that can be read once more."""
    if isinstance(answer, httpx.Response):
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)
    return answer


def test_uploads_that_outlast_the_deadline_send_no_run() -> None:
    def slow(request: httpx.Request) -> Any:
        time.sleep(0.06)
        return _uploaded(request)

    vendor = Vendor(uploads=[slow])

    error = failure(vendor, replace(SPEC, references=(PICTURE,), deadline_seconds=0.05))

    assert (type(error), error.code) == (NotAccepted, Code.TIMEOUT)
    assert vendor.at("features") == []


@pytest.mark.parametrize(
    "gone_wrong",
    [
        httpx.Response(500),
        httpx.Response(401),
        httpx.Response(404),
        httpx.Response(522, content=b"<html>"),
        httpx.Response(429, headers={"retry-after": "0.01"}),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json={"other": 1}),
        UNKNOWN,
        httpx.ConnectError("no"),
        httpx.ReadTimeout("no"),
        httpx.RemoteProtocolError("no"),
    ],
)
def test_asking_for_a_result_is_tried_again(gone_wrong: Any) -> None:
    vendor = Vendor(results=[lambda request: _again(gone_wrong), SUCCESS])

    assert generate(vendor).images == (ImageLink(LINK),)
    assert len(vendor.at("results")) == 2
    assert len(vendor.at("features")) == 1


def test_a_hint_to_wait_is_obeyed() -> None:
    vendor = Vendor(results=[httpx.Response(429, headers={"retry-after": "0.3"}), SUCCESS])
    started = time.monotonic()

    generate(vendor)

    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize("hint", ["9999", "-5", "soon"])
def test_no_hint_outlasts_the_deadline(hint: str) -> None:
    vendor = Vendor(results=[lambda request: httpx.Response(429, headers={"retry-after": hint})])

    error = failure(vendor, replace(SPEC, deadline_seconds=0.2))

    assert (type(error), error.code) == (OutcomeUnknown, Code.TIMEOUT)
    assert "0.2 s" in error.detail


def test_questions_come_ever_less_often() -> None:
    vendor = Vendor(results=[PROCESSING])

    failure(vendor, replace(SPEC, deadline_seconds=1.0))

    assert 3 <= len(vendor.at("results")) <= 20


def test_an_id_that_stays_unknown_is_lost() -> None:
    vendor = Vendor(results=[UNKNOWN])

    error = failure(vendor, replace(SPEC, deadline_seconds=30.0))

    assert (type(error), error.code) == (OutcomeUnknown, Code.ERROR)
    assert len(vendor.at("results")) == 10


def test_a_run_is_resumed_by_its_id() -> None:
    vendor = Vendor(results=[PROCESSING, SUCCESS])

    answer = resume(vendor)

    assert (answer.images, answer.vendor_id) == ((ImageLink(LINK),), "u-1")
    assert {request.method for request in vendor.sent} == {"GET"}


@pytest.mark.parametrize("vendor_id", ["", "../assets", "a b", "u?x=1"])
def test_what_is_no_id_is_not_asked_for(vendor_id: str) -> None:
    vendor = Vendor()

    with pytest.raises(OutcomeUnknown):
        resume(vendor, vendor_id)
    assert vendor.sent == []


def test_work_cannot_be_called_off() -> None:
    async def work(adapter: OneminAdapter) -> bool:
        return await adapter.cancel("u-1")

    vendor = Vendor()
    assert using(vendor, work) is False
    assert vendor.sent == []


def test_key_and_request_id_travel_in_headers_to_the_vendor_alone() -> None:
    vendor = Vendor()

    generate(vendor, replace(SPEC, references=(PICTURE,)))

    assert {request.headers["api-key"] for request in vendor.sent} == {KEY}
    assert {request.headers["x-client-request-id"] for request in vendor.sent} == {"g-1.1"}
    assert {request.url.host for request in vendor.sent} == {"api.example.test"}


@pytest.mark.parametrize("part", ["features", "results", "assets"])
def test_a_redirect_is_not_followed(part: str) -> None:
    def moved(request: httpx.Request) -> httpx.Response:
        return httpx.Response(307, headers={"location": "https://elsewhere.example.test/"})

    answers = {"features": {"run": moved}, "results": {"results": [moved]}, "assets": {"uploads": [moved]}}
    vendor = Vendor(**answers[part])

    failure(vendor, replace(SPEC, references=(PICTURE,), deadline_seconds=0.2))

    assert {request.url.host for request in vendor.sent} == {"api.example.test"}


@pytest.mark.parametrize("status", [401, 406, 400, 500])
def test_no_secret_and_no_team_is_in_any_text(status: int) -> None:
    message = (
        f"Key {KEY} of the team 'Acme Design' at https://vendor.example.test/x?token=s3cret needs 12 credits"
    )
    body = {"errorCode": "ANY", "message": message, "context": {"team": "Acme Design"}}

    for vendor in (
        Vendor(run=lambda request: httpx.Response(status, json=body)),
        Vendor(uploads=[lambda request: httpx.Response(status, json=body)]),
        Vendor(results=[{"aiRecord": {"uuid": "u", "status": "FAILURE", "message": message}}]),
    ):
        error = failure(vendor, replace(SPEC, references=(PICTURE,)))
        shown = f"{error!r} {error} {error.detail} {error.vendor_text}"
        assert not any(secret in shown for secret in (KEY, "s3cret", "Acme"))


def test_the_true_cause_is_told_and_not_the_promise_of_a_better_moment() -> None:
    details = json.dumps({"response": {"status": 400, "data": {"message": "size not allowed"}}})
    body = {"errorCode": onemin_errors.EXTERNAL, "message": "Busy. Please try again.", "details": details}

    error = failure(Vendor(run=lambda request: httpx.Response(400, json=body)))

    assert (type(error), error.vendor_text) == (Refused, "size not allowed")


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (httpx.ConnectError("no"), NotAccepted, Code.UNREACHABLE),
        (httpx.PoolTimeout("no"), NotAccepted, Code.UNREACHABLE),
        (httpx.ReadTimeout("no"), OutcomeUnknown, Code.TIMEOUT),
        (httpx.ReadError("no"), OutcomeUnknown, Code.ERROR),
        (httpx.RemoteProtocolError("no"), OutcomeUnknown, Code.ERROR),
    ],
)
def test_what_failed_around_the_run_is_told_apart(
    error: Exception, kind: type[ProviderError], code: Code
) -> None:
    vendor = Vendor(run=lambda request: error)

    ended = failure(vendor)

    assert (type(ended), ended.code) == (kind, code)
    assert len(vendor.sent) == 1


def test_a_base_url_may_end_with_api() -> None:
    vendor = Vendor()

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
            connection = Connection("onemin", "https://api.example.test/api/", "", {"poll_seconds": 0.01})
            await OneminAdapter(client, connection).generate(SPEC, accepted=nobody)

    asyncio.run(run())

    assert str(vendor.sent[0].url) == "https://api.example.test/api/features"
    assert "api-key" not in vendor.sent[0].headers


statuses = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 406, 429, 500, 522])
replies = st.tuples(
    statuses,
    strategies.bodies(strategies.answers)
    | strategies.bodies(strategies.errors.map(onemin_errors.encode_error))
    | strategies.answers,
    st.sampled_from([{}, {"retry-after": "0"}, {"retry-after": "x" * 50}]),
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.sampled_from(["assets", "features", "results"]), replies)
def test_no_answer_ends_in_anything_but_an_answer_or_a_provider_error(
    place: str, reply: tuple[int, bytes, dict[str, str]]
) -> None:
    usual, seen = Vendor(), []

    def handler(request: httpx.Request) -> httpx.Response:
        part = request.url.path.split("/")[2]
        seen.append(part)
        if part != place:
            return usual(request)
        status, body, headers = reply
        return httpx.Response(status, content=body, headers=headers)

    references = (PICTURE,) if place == "assets" else ()
    try:
        answer = generate(
            handler, replace(SPEC, deadline_seconds=0.01, references=references), poll_seconds=0.0005
        )
    except ProviderError:
        pass
    else:
        assert answer.images
        assert all(isinstance(image, ImageLink) and image.url.startswith("http") for image in answer.images)
    assert seen.count("features") <= 1
