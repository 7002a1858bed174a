"""GMI Cloud's request queue as seen from outside: submit, status, list, cancel, models and uploads.

A fault of a submit comes by its prompt, header or plan like any other vendor's. Other calls take theirs from
the header, or from a planned one whose `at` is their name: `gmi:poll`, `gmi:list`, `gmi:cancel`,
`gmi:upload-url`, and `gmi:put` for the upload itself.
"""

import asyncio
import hashlib
import math
import time
import uuid
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from generation.emulator import faults, gmi_jobs, gmi_uploads
from generation.emulator.context import (
    Context,
    bearer,
    cut,
    delivered,
    is_paid,
    key_fits,
    latency,
    misplaced,
    quirks,
    spoilt,
)
from generation.emulator.faults import NO_FAULT, Fault
from generation.emulator.gmi_jobs import VENDOR, Job
from generation.emulator.http import Response
from generation.emulator.state import TooMany
from generation.wire import gmi, gmi_catalog, gmi_errors, gmi_turns
from generation.wire.errors import InvalidRequest, WireError
from generation.wire.gmi import Reason, Urls
from generation.wire.gmi_errors import Envelope
from generation.wire.messages import ErrorAnswer, ImageRequest
from generation.wire.reading import as_object, dump_exact, parse_object

MODELS: Mapping[str, str] = {
    gmi.MODEL: "Draws and edits pictures; takes up to three images and goes on over several turns.",
}
# A payload longer than this is given back empty, as the vendor sometimes does with any.
ECHO_MAX_BYTES = 256 * 1024
SHORT_LIST = 2
JSON = {"content-type": "application/json; charset=utf-8"}

QUIRKS: Mapping[str, str] = {
    "blocking": "The submit waits and answers the finished record.",
    "dispatched": "The first status is `dispatched` instead of `queued`.",
    "stuck": "The request stays `queued` for ever, as those for a model id that is dead do.",
    "unknown_status": "While it works its status is a word that nobody knows.",
    "completed": "It ends as `completed` instead of `success`.",
    "error_status": "A failure ends as `error` instead of `failed`.",
    "cancelled": "It ends as `cancelled`.",
    "empty_payload_echo": "Records give the payload back as `{}`.",
    "string_urls": "`media_urls` holds texts instead of objects, as older records do.",
    "flat_url": "The outcome has one flat `url`.",
    "flat_image_url": "The outcome has one flat `image_url`.",
    "failed_in=outcome.error": "It fails, and `outcome.error` says why.",
    "failed_in=outcome.message": "It fails, and `outcome.message` says why.",
    "failed_in=error": "It fails, and `error` beside the outcome says why.",
    "failed_in=error_message": "It fails, and `error_message` beside the outcome says why.",
    "no_next_turn": "The outcome has no `next_turn_contents`.",
    "top_level_next_turn": "`next_turn_contents` stands beside the outcome.",
    "snake_case": "`next_turn_contents` is written `file_data`, `file_uri`, `mime_type`.",
    "no_empty_turn": "`next_turn_contents` ends with the model's turn; none is ready to be filled.",
    "retry_header": "A limit's wait stands in `Retry-After` instead of `rate_limit.retry_after_ms`.",
    "no_cancel": "The queue knows no DELETE.",
    "short_list": f"The list ends after the newest {SHORT_LIST}.",
}


async def handle(context: Context) -> Response | None:
    """The answer to a request for this vendor; None when the address is none of its own."""
    path = context.request.path.rstrip("/")
    if not path.startswith(gmi.OPEN_BASE):
        is_put = context.request.method == "PUT" and path.startswith("/uploads/")
        return gmi_uploads.handle(_aside(context, "gmi:put") if is_put else context)
    if path.startswith(f"{gmi.OPEN_BASE}/models"):
        return _models(context, path.removeprefix(gmi.OPEN_BASE), signed_in=True)
    if not path.startswith(f"{gmi.BASE}/"):
        return None
    if not key_fits(context, bearer(context.request)):
        return _error(context, 401)
    route = (context.request.method, path.removeprefix(gmi.BASE))
    if route == ("POST", "/requests"):
        return await _submit(context)
    if route == ("POST", "/upload-url"):
        return await _upload_url(_aside(context, "gmi:upload-url"))
    if route[1].startswith("/models"):
        return _models(context, route[1], signed_in=False)
    return await _about_requests(context, *route)


def _aside(context: Context, name: str) -> Context:
    """The context with the fault meant for a call that is no submit."""
    text = context.request.headers.get(faults.HEADER)
    fault = faults.parse(text) if text else context.memory.plan.take("", at=name) or NO_FAULT
    context.call.fault = str(fault)
    return replace(context, fault=fault)


def _quirks(context: Context) -> frozenset[str]:
    """:raises faults.UnknownFault: one of them is not this vendor's."""
    asked = quirks(context)
    if unknown := asked - QUIRKS.keys():
        raise faults.UnknownFault(f"GMI Cloud has no quirk {min(unknown)}; it has {', '.join(QUIRKS)}")
    return asked


# --- Requests -----------------------------------------------------------------------------------


async def _submit(context: Context) -> Response:
    """`POST …/requests`: check, take a place, and answer the record, finished or not."""
    try:
        asked = gmi.decode_request(context.request.body)
    except InvalidRequest as error:
        return _error(context, 400, gmi_errors.validation_message(error.issues))
    except WireError as error:
        return _error(context, 400, f"{gmi_errors.MESSAGES[400]}: {error}")
    context = context.asked(asked)
    _quirks(context)
    if asked.model not in MODELS:
        return _error(context, 404, f"model {asked.model[:80]} does not exist")
    place = ExitStack()
    try:
        place.enter_context(context.memory.place(VENDOR))
    except TooMany as full:
        return _error(replace(context, fault=Fault(retry_after=f"{full.seconds:.0f}")), 429)
    context.call.paid = is_paid(context.fault)
    status = context.fault.status or 200
    if status >= 400:
        with place:
            await asyncio.sleep(latency(context) if status >= 500 else 0)
        return delivered(context, _error(context, status, context.fault.message or ""))
    return await _taken(context, asked, place)


async def _taken(context: Context, asked: ImageRequest, place: ExitStack) -> Response:
    payload = as_object(parse_object(context.request.body).get("payload"))
    if asked.state is not None:
        context.call.turns = gmi_turns.read(payload["contents"]).earlier
    now = int(time.time())
    job = Job(
        request_id=str(uuid.uuid4()),
        owner=_owner(context),
        org_id=context.request.headers.get(gmi.HEADER_ORGANIZATION, "o-emulated"),
        asked=asked,
        echo=_echo(payload),
        quirks=_quirks(context),
        seconds=latency(context),
        created_at=now,
        updated_at=now,
        started=time.monotonic(),
    )
    gmi_jobs.keep(context.memory, job)
    gmi_jobs.start(context, job, place)
    if "blocking" in job.quirks and job.task is not None:
        # Not awaited itself: a client that goes away must not take the work with it.
        await asyncio.wait({job.task})
    return delivered(context, spoilt(context) or _record(context, job, context.fault.status or 200))


def _echo(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The payload as records give it back."""
    try:
        return payload if len(dump_exact(payload)) <= ECHO_MAX_BYTES else {}
    except WireError:
        return {}


def _owner(context: Context) -> str:
    """Whose requests these are, without the key itself."""
    return hashlib.sha256(bearer(context.request).encode()).hexdigest()


def _record(context: Context, job: Job, status: int = 200) -> Response:
    urls = {"string_urls": Urls.STRINGS, "flat_url": Urls.URL, "flat_image_url": Urls.IMAGE_URL}
    reasons = {f"failed_in={reason}": reason for reason in Reason}
    body = gmi.encode_answer(
        job.record(),
        urls=next((found for quirk, found in urls.items() if quirk in job.quirks), Urls.OBJECTS),
        reason=next((found for quirk, found in reasons.items() if quirk in job.quirks), Reason.OUTCOME_ERROR),
        turns_beside="top_level_next_turn" in job.quirks,
        with_outcome=job.has_outcome,
    )
    return Response(status, cut(context, body), JSON)


async def _about_requests(context: Context, method: str, path: str) -> Response | None:
    """List, status and cancel."""
    if (method, path) == ("GET", "/requests"):
        context = _aside(context, "gmi:list")
        return await _failing(context) or delivered(context, _list(context))
    folder, _, request_id = path.removeprefix("/").partition("/")
    if folder != "requests" or method not in ("GET", "DELETE"):
        return None
    context = _aside(context, "gmi:poll" if method == "GET" else "gmi:cancel")
    if failed := await _failing(context):
        return failed
    job = context.memory.kept[VENDOR].get(request_id)
    if not isinstance(job, Job) or job.owner != _owner(context):
        return _error(context, 404, f"request {request_id[:80]} does not exist")
    if method == "DELETE":
        if {"no_cancel"} & (job.quirks | _quirks(context)):
            return _error(context, 405, "Method Not Allowed")
        if not gmi_jobs.call_off(job):
            return _error(context, 409, f"request is already {job.status}")
    return delivered(context, spoilt(context) or _record(context, job))


async def _failing(context: Context) -> Response | None:
    """The error that the fault of a call that is no submit asks for."""
    if context.fault.latency:
        await asyncio.sleep(context.fault.latency)
    status = context.fault.status or 200
    return delivered(context, _error(context, status, context.fault.message or "")) if status >= 400 else None


def _list(context: Context) -> Response:
    """Own requests, newest first; both filters that clients use are taken."""
    query, owner = context.request.query, _owner(context)
    model = query.get("model_id") or query.get("model")
    own = [job for job in gmi_jobs.jobs(context.memory) if job.owner == owner]
    found = [job.record() for job in reversed(own) if model in (None, "", job.asked.model)]
    shown = found[:SHORT_LIST] if "short_list" in _quirks(context) else found
    listing = gmi.Listing(tuple(shown), total=len(found))
    return spoilt(context) or Response(200, cut(context, gmi.encode_listing(listing)), JSON)


# --- Models and uploads -------------------------------------------------------------------------


def _models(context: Context, path: str, *, signed_in: bool) -> Response | None:
    """The catalogue, and one model of it; without `/apikey` they need no key."""
    if context.request.method != "GET":
        return None
    name = path.removeprefix("/models").removeprefix("/")
    if not name:
        return Response(200, gmi_catalog.encode_models(list(MODELS), signed_in=signed_in), JSON)
    if name not in MODELS:
        return _error(context, 404, f"model {name[:80]} does not exist")
    model = gmi_catalog.Model(
        model=name,
        brief_description=MODELS[name],
        detailed_description=f"## {name}\n\n{MODELS[name]}",
        modalities=("text", "image"),
        parameters=("prompt", "image", "aspect_ratio", "contents"),
        price="0.039",
        tags=("image",),
    )
    return Response(200, gmi_catalog.encode_model(model), JSON)


async def _upload_url(context: Context) -> Response:
    if failed := await _failing(context):
        return failed
    try:
        file_type = gmi_catalog.decode_upload_request(context.request.body)
    except InvalidRequest as error:
        return _error(context, 400, gmi_errors.validation_message(error.issues))
    except WireError as error:
        return _error(context, 400, str(error))
    body = gmi_catalog.encode_upload(gmi_uploads.promise(context, file_type))
    return delivered(context, spoilt(context) or Response(200, cut(context, body), JSON))


# --- Errors -------------------------------------------------------------------------------------


def _error(context: Context, status: int, message: str = "") -> Response:
    fault = context.fault
    words = message or gmi_errors.MESSAGES.get(status, "Something went wrong")
    headers, wait = dict(JSON), fault.retry_after
    if wait is not None and "retry_header" in quirks(context):
        headers["retry-after"], wait = wait, None
    if other := misplaced(context, status, words):
        return replace(other, headers={**headers, **other.headers})
    envelope = Envelope.NESTED if fault.envelope == "nested" else Envelope.STRING
    error = ErrorAnswer(status, words, code=fault.code or "", retry_after_seconds=_number(wait))
    return Response(status, gmi_errors.encode_error(error, envelope=envelope, wait=wait), headers)


def _number(text: str | None) -> float | None:
    try:
        number = float(text) if text is not None else None
    except ValueError:
        return None
    return number if number is not None and math.isfinite(number) else None
