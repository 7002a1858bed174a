"""The GMI Cloud adapter where no server is needed: what it sends, whom it asks, and when it gives up."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from generation.providers.base import Answer, Connection, Finder, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.gmi import GmiAdapter
from generation.wire import gmi, gmi_turns

KEY = "ey" + "J" * 250
BASE = "https://console.example.test"
REQUESTS = BASE + gmi.REQUESTS
SPEC = Spec(model=gmi.MODEL, prompt="a lake", aspect_ratio="4:5", request_id="g-1.1", deadline_seconds=5.0)
LINK = "https://storage.example.test/x.png"
QUEUED = {"request_id": "r-1", "status": "queued", "model": gmi.MODEL}
DONE = {"request_id": "r-1", "status": "success", "outcome": {"media_urls": [{"id": "0", "url": LINK}]}}
PICTURE = ImageBytes(b"abc", "image/png")
UPLOAD = {
    "upload_url": "https://upload.example.test/u?sig=s3cret",
    "public_url": "https://cdn.example.test/u.png",
}
Handler = Callable[[httpx.Request], httpx.Response]


class Vendor:
    """Gives one answer after the other, the last for ever, and keeps what it was sent."""

    def __init__(self, *answers: Any) -> None:
        self.answers, self.seen = list(answers), []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    @property
    def steps(self) -> list[str]:
        return [f"{request.method} {request.url.host}{request.url.path}" for request in self.seen]


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def using(handler: Handler, call: Callable[[GmiAdapter], Any], **options: Any) -> Any:
    async def run() -> Any:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            connection = Connection("gmi", BASE, KEY, {"poll_seconds": 0.01, **options})
            return await call(GmiAdapter(client, connection))

    return asyncio.run(run())


def generate(handler: Handler, spec: Spec = SPEC, *, accepted: Any = nobody, **options: Any) -> Answer:
    answer: Answer = using(handler, lambda adapter: adapter.generate(spec, accepted=accepted), **options)
    return answer


def failure(handler: Handler, spec: Spec = SPEC, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(handler, spec, **options)
    return raised.value


# --- Submitting ---------------------------------------------------------------------------------


def test_a_submit_that_is_already_finished_is_not_polled() -> None:
    vendor = Vendor(DONE)

    answer = generate(vendor)

    assert (answer.images, answer.vendor_id) == ((ImageLink(LINK),), "r-1")
    assert vendor.steps == [f"POST console.example.test{gmi.REQUESTS}"]


def test_a_queued_submit_is_polled_until_it_is_finished() -> None:
    vendor = Vendor(QUEUED, QUEUED, {**QUEUED, "status": "warming_up"}, DONE)

    assert generate(vendor).images == (ImageLink(LINK),)
    assert vendor.steps[1:] == [f"GET console.example.test{gmi.REQUESTS}/r-1"] * 3


def test_what_is_sent() -> None:
    vendor = Vendor(DONE)

    generate(vendor, organization="o-7")

    request = vendor.seen[0]
    assert json.loads(request.content) == {
        "model": gmi.MODEL,
        "payload": {"prompt": "a lake", "aspect_ratio": "4:5"},
    }
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-organization-id"] == "o-7"
    assert request.headers["x-client-request-id"] == "g-1.1"


def test_a_base_url_with_the_whole_path_is_the_same() -> None:
    vendor = Vendor(DONE)

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client:
            adapter = GmiAdapter(client, Connection("gmi", f"{BASE}{gmi.BASE}/", ""))
            await adapter.generate(SPEC, accepted=nobody)

    asyncio.run(run())
    assert str(vendor.seen[0].url) == REQUESTS
    assert "authorization" not in vendor.seen[0].headers


def test_the_id_is_told_before_the_first_poll() -> None:
    vendor, told = Vendor(QUEUED, DONE), []

    async def accepted(vendor_id: str) -> None:
        told.append((vendor_id, len(vendor.seen)))

    generate(vendor, accepted=accepted)

    assert told == [("r-1", 1)]


@pytest.mark.parametrize("change", [{"temperature": 0.3}, {"top_p": 0.9}, {"count": 2}, {"image_size": "2K"}])
def test_what_the_provider_cannot_be_told_is_refused_and_not_sent(change: dict[str, Any]) -> None:
    vendor = Vendor(DONE)

    error = failure(vendor, replace(SPEC, **change))

    assert (type(error), error.code, vendor.seen) == (Refused, Code.INVALID, [])


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (httpx.ConnectError("no"), NotAccepted, Code.UNREACHABLE),
        (httpx.ReadTimeout("no"), OutcomeUnknown, Code.TIMEOUT),
        (httpx.ReadError("no"), OutcomeUnknown, Code.ERROR),
        (httpx.Response(500, json={"error": "Backend error (400). size"}), Refused, Code.INVALID),
        (httpx.Response(502, text="<html>"), OutcomeUnknown, Code.ERROR),
        (httpx.Response(200, text="<html>"), OutcomeUnknown, Code.UNREADABLE),
        (httpx.Response(200, json={"status": "queued"}), OutcomeUnknown, Code.UNREADABLE),
        (httpx.Response(307, headers={"location": "https://x.example.test/"}), OutcomeUnknown, Code.ERROR),
    ],
)
def test_a_submit_is_sent_once_whatever_happens(answer: Any, kind: type, code: Code) -> None:
    vendor = Vendor(answer)

    error = failure(vendor)

    assert (type(error), error.code, len(vendor.seen)) == (kind, code, 1)


def test_results_that_nobody_can_read_are_unknown_with_their_id_told() -> None:
    told: list[str] = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    with pytest.raises(OutcomeUnknown) as raised:
        generate(Vendor({**DONE, "outcome": {"media_urls": ["gs://b/x.png"]}}), accepted=accepted)
    assert (raised.value.code, told) == (Code.UNREADABLE, ["r-1"])


def test_the_key_and_queries_are_in_no_text() -> None:
    error = failure(
        Vendor(httpx.Response(401, json={"error": f"bad {KEY} https://a.example.test/?t=s3cret"}))
    )

    shown = f"{error!r}{error.detail}{error.vendor_text}"
    assert "https://a.example.test/" in shown
    assert not any(secret in shown for secret in (KEY, "s3cret"))


# --- Polling ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "broken",
    [
        httpx.Response(502, text="<html>"),
        httpx.Response(500, json={"error": "Internal server error"}),
        httpx.Response(404, json={"error": "not found"}),
        httpx.Response(401, json={"error": "no"}),
        httpx.Response(200, text="<html>"),
        httpx.ReadError("gone"),
        httpx.ConnectError("gone"),
        httpx.ReadTimeout("gone"),
    ],
)
def test_a_poll_that_breaks_is_tried_again(broken: Any) -> None:
    assert generate(Vendor(QUEUED, broken, broken, DONE)).images


@pytest.mark.parametrize(
    "limited",
    [
        httpx.Response(429, json={"error": "x", "rate_limit": {"retry_after_ms": 300}}),
        httpx.Response(429, json={"error": "x"}, headers={"retry-after": "0.3"}),
        httpx.Response(200, json=QUEUED, headers={"retry-after": "0.3"}),
    ],
)
def test_a_poll_waits_as_long_as_it_is_told(limited: httpx.Response) -> None:
    at: list[float] = []
    vendor = Vendor(QUEUED, limited, DONE)

    def handler(request: httpx.Request) -> httpx.Response:
        at.append(asyncio.get_running_loop().time())
        return vendor(request)

    generate(handler)

    assert at[2] - at[1] >= 0.29


def test_a_hint_longer_than_the_deadline_ends_at_the_deadline() -> None:
    limited = httpx.Response(429, json={"rate_limit": {"retry_after_ms": 10**9}})

    error = failure(Vendor(QUEUED, limited), replace(SPEC, deadline_seconds=0.2))

    assert (type(error), error.code) == (OutcomeUnknown, Code.TIMEOUT)


def test_a_request_that_never_moves_ends_at_the_deadline_with_its_id_known() -> None:
    told: list[str] = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    with pytest.raises(OutcomeUnknown) as raised:
        generate(Vendor(QUEUED), replace(SPEC, deadline_seconds=0.2), accepted=accepted)
    assert (raised.value.code, told) == (Code.TIMEOUT, ["r-1"])
    assert "0.2 s" in raised.value.detail


def test_the_pauses_grow() -> None:
    vendor = Vendor(QUEUED)

    failure(vendor, replace(SPEC, deadline_seconds=0.5))

    # 0.01, 0.015, 0.0225 … add up to half a second in nine steps; without growth it would be fifty.
    assert 3 <= len(vendor.seen) <= 11


def test_a_refusal_of_the_backend_ends_the_polling() -> None:
    vendor = Vendor(QUEUED, httpx.Response(500, json={"error": "Backend error (400). size"}))

    error = failure(vendor)

    assert (type(error), error.code, len(vendor.seen)) == (Refused, Code.INVALID, 2)


def test_an_earlier_request_is_fetched_by_its_id() -> None:
    vendor = Vendor(QUEUED, DONE)

    answer = using(vendor, lambda adapter: adapter.resume("r-1", SPEC))

    assert (answer.images, vendor.steps[0]) == (
        (ImageLink(LINK),),
        f"GET console.example.test{gmi.REQUESTS}/r-1",
    )


# --- Turns --------------------------------------------------------------------------------------


def turns(padding: str = "") -> list[Any]:
    model = {"role": "model", "parts": [{"fileData": {"fileUri": LINK}, "note": padding}]}
    return [{"role": "user", "parts": [{"text": "a lake"}]}, model, gmi_turns.empty_turn()]


@pytest.mark.parametrize("inside", [True, False])
def test_a_turn_goes_on_from_the_one_before(inside: bool) -> None:
    given = {"next_turn_contents": turns()}
    first = generate(
        Vendor({**DONE, "outcome": {**DONE["outcome"], **given}} if inside else {**DONE, **given})
    )
    vendor = Vendor(DONE)

    generate(vendor, replace(SPEC, prompt="make it night", state=first.state))

    payload = json.loads(vendor.seen[0].content)["payload"]
    assert set(payload) == {"contents", "aspect_ratio"}
    assert payload["contents"][:2] == turns()[:2]
    assert payload["contents"][2]["parts"][0] == {"text": "make it night"}


def test_the_prompt_can_stand_beside_the_conversation() -> None:
    vendor, state = Vendor(DONE), json.dumps(turns()).encode()

    generate(vendor, replace(SPEC, state=state), prompt_with_contents="true")

    assert json.loads(vendor.seen[0].content)["payload"]["prompt"] == "a lake"


def test_a_conversation_too_large_to_keep_does_not_take_the_picture_away() -> None:
    large = {**DONE, "next_turn_contents": turns("x" * GmiAdapter.abilities.state_max_bytes)}

    answer = generate(Vendor(large))

    assert (answer.images, answer.state) == ((ImageLink(LINK),), None)


def test_a_state_that_is_no_conversation_is_refused_and_not_sent() -> None:
    vendor = Vendor(DONE)

    error = failure(vendor, replace(SPEC, state=b"{}"))

    assert (type(error), error.code, vendor.seen) == (Refused, Code.INVALID, [])


# --- References ---------------------------------------------------------------------------------


def test_references_are_uploaded_without_the_key() -> None:
    vendor = Vendor(UPLOAD, httpx.Response(200), DONE)

    generate(vendor, replace(SPEC, references=(PICTURE, ImageLink(LINK)), edit_model="edits"))

    asked, put, submit = vendor.seen
    assert json.loads(asked.content) == {"file_type": "png"}
    assert (put.method, str(put.url), put.content) == ("PUT", UPLOAD["upload_url"], b"abc")
    assert put.headers["content-type"] == "image/png"
    assert not {"authorization", "x-client-request-id", "x-organization-id"} & set(put.headers)
    body = json.loads(submit.content)
    assert (body["model"], body["payload"]["image"]) == ("edits", [UPLOAD["public_url"], LINK])


def test_references_can_travel_inside() -> None:
    vendor = Vendor(DONE)

    generate(vendor, replace(SPEC, references=(PICTURE,)), references="data_uri")

    assert json.loads(vendor.seen[0].content)["payload"]["image"] == ["data:image/png;base64,YWJj"]


def test_a_reference_of_another_type_is_refused() -> None:
    vendor = Vendor(DONE)

    error = failure(vendor, replace(SPEC, references=(ImageBytes(b"abc", "image/webp"),)))

    assert (type(error), error.code, vendor.seen) == (Refused, Code.INVALID, [])


@pytest.mark.parametrize(
    ("answers", "code", "final"),
    [
        ((httpx.ConnectError("no"),), Code.UNREACHABLE, False),
        ((httpx.ReadTimeout("no"),), Code.TIMEOUT, False),
        ((httpx.ReadError("no"),), Code.ERROR, False),
        ((httpx.Response(500),), Code.ERROR, False),
        ((httpx.Response(503),), Code.BUSY, False),
        ((httpx.Response(400, json={"error": "file_type"}),), Code.INVALID, True),
        ((httpx.Response(401),), Code.BAD_KEY, True),
        ((httpx.Response(402),), Code.NO_MONEY, True),
        ((httpx.Response(404),), Code.ERROR, True),
        ((httpx.Response(200, text="<html>"),), Code.UNREADABLE, False),
        ((httpx.Response(200, json={"upload_url": "x"}),), Code.UNREADABLE, False),
        ((UPLOAD, httpx.Response(403)), Code.ERROR, False),
        ((UPLOAD, httpx.Response(302, headers={"location": "http://127.0.0.1/"})), Code.ERROR, False),
        ((UPLOAD, httpx.ConnectError("no")), Code.UNREACHABLE, False),
        ((UPLOAD, httpx.ReadError("no")), Code.ERROR, False),
    ],
)
def test_an_upload_that_fails_is_not_accepted_and_nothing_is_paid(
    answers: tuple[Any, ...], code: Code, final: bool
) -> None:
    vendor = Vendor(*answers)

    error = failure(vendor, replace(SPEC, references=(PICTURE,)))

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider, len(vendor.seen)) == (code, final, len(answers))
    assert gmi.REQUESTS not in " ".join(vendor.steps)


def test_an_uploads_limit_has_its_hint() -> None:
    limited = httpx.Response(429, json={"error": "x", "rate_limit": {"retry_after_ms": 4000}})

    error = failure(Vendor(limited), replace(SPEC, references=(PICTURE,)))

    assert isinstance(error, NotAccepted)
    assert (error.code, error.retry_after_seconds) == (Code.RATE_LIMITED, 4.0)


@pytest.mark.parametrize(
    "url",
    [
        "http://upload.example.test/u",
        "https://127.0.0.1/u",
        "https://[::1]/u",
        "https://169.254.169.254/latest",
        "https://2130706433/u",
        "https://0x7f.1/u",
        "https://127.1/u",
        "https://①②⑦.⓪.⓪.①/u",
        "https://localhost/u",
        "https://box/u",
        "https://db.internal/u",
        "https://printer.local/u",
        "https://upload.example.test:8443/u",
        "https://user:pass@upload.example.test/u",
        "https://upload.example.test\\@127.0.0.1/u",
        "https://127.0.0.1\\@upload.example.test/u",
        f"{BASE.replace('https', 'http')}/u",
        f"{BASE}:8443/u",
    ],
)
def test_a_picture_goes_to_no_address_inside(url: str) -> None:
    vendor = Vendor({**UPLOAD, "upload_url": url}, httpx.Response(200))

    error = failure(vendor, replace(SPEC, references=(PICTURE,)))

    assert isinstance(error, NotAccepted)
    assert [request.method for request in vendor.seen] == ["POST"]


@pytest.mark.parametrize("url", [UPLOAD["upload_url"], f"{BASE}/u", "https://upload.example.test:443/u"])
def test_a_picture_goes_to_a_public_name_or_to_the_provider_itself(url: str) -> None:
    vendor = Vendor({**UPLOAD, "upload_url": url}, httpx.Response(200), DONE)

    assert generate(vendor, replace(SPEC, references=(PICTURE,))).images


def test_uploads_go_by_the_client_for_outside() -> None:
    vendor, guarded = Vendor(UPLOAD, DONE), Vendor(httpx.Response(200))

    async def run() -> None:
        async with (
            httpx.AsyncClient(transport=httpx.MockTransport(vendor)) as client,
            httpx.AsyncClient(transport=httpx.MockTransport(guarded)) as uploads,
        ):
            adapter = GmiAdapter(client, Connection("gmi", BASE, KEY, outside=uploads))
            await adapter.generate(replace(SPEC, references=(PICTURE,)), accepted=nobody)

    asyncio.run(run())
    assert guarded.steps == ["PUT upload.example.test/u"]


def test_slow_uploads_leave_nothing_to_pay_for() -> None:
    async def slow(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.2 if request.method == "PUT" else 0)
        return httpx.Response(200, json=UPLOAD)

    error = failure(slow, replace(SPEC, references=(PICTURE,), deadline_seconds=0.1))  # type: ignore[arg-type]

    assert (type(error), error.code) == (NotAccepted, Code.TIMEOUT)


# --- Cancelling and finding ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "done"),
    [
        ({"request_id": "r-1", "status": "cancelled"}, True),
        (httpx.Response(204), True),
        ({"ok": True}, True),
        ({"request_id": "r-1", "status": "success"}, False),
        ({"request_id": "r-1", "status": "processing"}, False),
        (httpx.Response(404), False),
        (httpx.Response(405), False),
        (httpx.Response(500), False),
        (httpx.ConnectError("no"), False),
        (httpx.ReadError("no"), False),
    ],
)
def test_a_cancel_says_what_the_vendor_said_and_never_raises(answer: Any, done: bool) -> None:
    vendor = Vendor(answer)

    assert using(vendor, lambda adapter: adapter.cancel("r-1")) is done
    assert vendor.steps == [f"DELETE console.example.test{gmi.REQUESTS}/r-1"]


@pytest.mark.parametrize("vendor_id", ["a/b", "x" * 100_000, "a\ud800", "ü", ""])
def test_an_odd_id_makes_no_cancel_raise(vendor_id: str) -> None:
    assert using(Vendor(httpx.Response(404)), lambda adapter: adapter.cancel(vendor_id)) is False


SINCE = datetime(2026, 1, 1, tzinfo=UTC)
AT = int(SINCE.timestamp())


def listed(
    request_id: str = "r-1", at: int | None = AT, prompt: str = "a lake", **other: Any
) -> dict[str, Any]:
    payload = {"prompt": prompt} if prompt else {}
    return {"request_id": request_id, "model": gmi.MODEL, "created_at": at, "payload": payload, **other}


def found(
    *requests: Any, total: int | None = -1, taken: frozenset[str] = frozenset(), spec: Spec = SPEC
) -> Any:
    listing = {"requests": list(requests), "total": len(requests) if total == -1 else total}
    return using(Vendor(listing), lambda adapter: adapter.find(spec, since=SINCE, taken=taken))


def test_the_one_request_that_can_be_it_is_found() -> None:
    others = (
        listed("r-2", prompt="a hill"),
        listed("r-3", at=AT - 1),
        listed("r-4", model="other"),
        listed("r-5"),
    )

    assert found(listed(at=AT + 3), *others, taken=frozenset({"r-5"})) == "r-1"


def test_a_later_turn_is_found_by_its_newest_words() -> None:
    contents = gmi_turns.fill(json.dumps(turns()).encode(), "make it night", ())
    spec = replace(SPEC, prompt="make it night", state=json.dumps(turns()).encode())

    assert found(listed(payload={"contents": contents}), spec=spec) == "r-1"


@pytest.mark.parametrize(
    "requests",
    [
        [],
        [listed("r-1"), listed("r-2")],
        [listed("r-1", prompt="a hill")],
        [listed("r-1", at=AT - 10)],
        [listed("r-1", prompt="")],
        [listed("r-1", at=None)],
        [listed("r-1"), listed("r-2", prompt="")],
        [listed("r-1"), listed("r-2", at=None)],
        [listed("r-1"), "junk"],
    ],
)
def test_none_or_several_or_unsure_is_nothing(requests: list[Any]) -> None:
    assert found(*requests) is None


@pytest.mark.parametrize(
    ("requests", "total", "one"),
    [
        ([listed("r-1"), listed("r-0", at=AT - 5)], 90, "r-1"),
        ([listed("r-1"), listed("r-0", at=AT - 5)], None, "r-1"),
        ([listed("r-1")], 90, None),
        ([listed("r-1")], None, None),
        ([listed("r-0", at=AT - 5), listed("r-1")], 90, None),
    ],
)
def test_a_list_that_may_hide_another_is_not_trusted(
    requests: list[Any], total: int, one: str | None
) -> None:
    assert found(*requests, total=total) == one


@pytest.mark.parametrize(
    "answer",
    [httpx.ConnectError("no"), httpx.ReadError("no"), httpx.Response(500), httpx.Response(200, text="<")],
)
def test_a_list_that_cannot_be_had_is_unknown(answer: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        using(Vendor(answer), lambda adapter: adapter.find(SPEC, since=SINCE, taken=frozenset()))


def test_both_filters_are_sent() -> None:
    vendor = Vendor({"requests": [], "total": 0})

    using(vendor, lambda adapter: adapter.find(SPEC, since=SINCE, taken=frozenset()))

    assert dict(vendor.seen[0].url.params) == {"model_id": gmi.MODEL, "model": gmi.MODEL}


def test_it_is_a_finder() -> None:
    assert using(Vendor({}), _is_finder)


async def _is_finder(adapter: GmiAdapter) -> bool:
    return isinstance(adapter, Finder)


@pytest.mark.parametrize(
    "options",
    [
        {"references": "post"},
        {"organization": "o\n7"},
        {"organization": "o 7"},
        {"poll_seconds": "soon"},
        {"poll_seconds": -1},
        {"poll_seconds": "nan"},
        {"poll_seconds": [1]},
    ],
)
def test_an_option_that_cannot_be_says_which(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="of gmi"):
        using(Vendor({}), _is_finder, **options)
