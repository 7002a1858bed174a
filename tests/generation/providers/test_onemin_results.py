"""How the 1min.ai adapter asks for results, resumes, and what it never lets out."""

import json
import time
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.providers.base import ImageLink
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.onemin import OneminAdapter
from generation.wire import onemin_errors
from tests.generation.providers.onemin_vendor import (
    KEY,
    LINK,
    PICTURE,
    PROCESSING,
    SPEC,
    SUCCESS,
    UNKNOWN,
    Vendor,
    again,
    failure,
    generate,
    resume,
    using,
)
from tests.generation.wire import strategies_onemin as strategies
from tests.generation.wire.fuzzing import EXAMPLES


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
def test_asking_for_a_result_is_triedagain(gone_wrong: Any) -> None:
    vendor = Vendor(results=[lambda request: again(gone_wrong), SUCCESS])

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
