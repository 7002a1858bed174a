"""1min.ai as seen from outside: runs of its picture features, their results, uploads and models."""

import asyncio
import io
import uuid
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from PIL import Image

from generation.emulator import faults, studio
from generation.emulator.answers import as_json
from generation.emulator.context import (
    Context,
    bearer,
    cut,
    delivered,
    is_paid,
    key_fits,
    latency,
    link,
    misplaced,
    page,
    pictures,
    quirks,
    spoilt,
)
from generation.emulator.faults import NO_FAULT, Fault, UnknownFault
from generation.emulator.http import Request, Response
from generation.emulator.state import TooMany
from generation.wire import onemin, onemin_assets, onemin_errors
from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.messages import ErrorAnswer, ImageBytes, ImageLink, ImageRequest
from generation.wire.onemin import Record, Run, Status
from generation.wire.onemin_assets import Form
from generation.wire.reading import is_link

VENDOR = "onemin"
# The editor's documented model is retired at its maker; it is not known that it takes the other, as here.
MODELS: Mapping[str, tuple[str, ...]] = {
    onemin.GENERATOR: (onemin.TEXT_MODEL,),
    onemin.EDITOR: (onemin.EDIT_MODEL, onemin.TEXT_MODEL),
}
# As documented, held with the setting `vendor_limits`; every request of an account counts.
REQUESTS_PER_MINUTE = 180
UPLOADS_PER_MINUTE = 100
UPLOADS_AT_ONCE = 5
JOBS_MAX = 20_000
UPLOAD = "upload"
_ASSETS = "onemin.assets"
_SIGNATURE = "?X-Amz-Expires=604800&X-Amz-Signature=00"
_ENVELOPES = (None, "nested", "html", "empty")
_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"RIFF", "image/webp"),
)
_CAUSES = (400, 401, 403, 404, 408, 429, 500, 503, 504)

QUIRKS: Mapping[str, str] = {
    "beside": "The signed address stands beside the record instead of inside it.",
    "plain_key": "The one result is plain text instead of a list.",
    "no_url": "The record names the result's key and no signed address.",
    "url_as_result": "The result is an address itself, and there is no signed one.",
    "ignores_ratio": "The ratio has no effect: 1:1, or the shape of the picture that is edited.",
    "ignores_async": "The answer comes when the picture is made, although an id at once was asked for.",
    "no_uuid": "The answer to the run names no id.",
    "failure": "The run ends as a failed record, with `message` or with words of ours.",
    "failure_bare": "The run ends as a failed record that says nothing.",
    "on_poll": "What shall go wrong with an answer goes wrong with the first question for the result.",
    "on_each_poll": "It goes wrong with every question for the result.",
    "listed_late": "The first two questions for the result are answered as if the id were unknown.",
    "forgotten": "Every question for the result is answered as if the id were unknown.",
    "details_object": "An error's details are JSON itself instead of JSON written as text.",
    **{
        f"nested_{status}": f"The model's vendor failed with {status}; it stands in the details of a 400, or "
        "of the failed record."
        for status in _CAUSES
    },
}

_running: set[asyncio.Task[None]] = set()


@dataclass
class Job:
    """One run: what was asked, how it shall depart from the plain, and how far it is."""

    run: Run
    fault: Fault
    record: Record
    created_at: str
    polls: int = 0


async def handle(context: Context) -> Response | None:
    """The answer to a request for this vendor; None when the address is none of its own."""
    request = context.request
    if request.method == "POST" and request.path == onemin.PATH:
        return await _features(context)
    if request.method == "POST" and request.path == onemin_assets.PATH:
        return await _upload(context)
    if request.method == "GET" and request.path.startswith(onemin.RESULTS_PATH):
        return _result(context, request.path.removeprefix(onemin.RESULTS_PATH))
    if request.method == "GET" and request.path == "/models":
        return _models(request)
    return None


def _key(request: Request) -> str:
    """`API-KEY`, as most pages say, or `Authorization`, as one does."""
    return request.headers.get(onemin.KEY_HEADER.lower(), "") or bearer(request)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- Runs ---------------------------------------------------------------------------------------


async def _features(context: Context) -> Response:
    """`POST /api/features`: check as documented, begin to paint, answer at once or in the end."""
    if not key_fits(context, _key(context.request)):
        return _error(context, 401)
    try:
        run = onemin.decode_request(context.request.body)
    except InvalidRequest as error:
        told = "Missing required fields"
        return _error(context, 400, onemin_errors.MISSING, told, issues=error.issues)
    except WireError as error:
        return _error(context, 400, onemin_errors.UNKNOWN, f"Unable to run the feature: {error}")
    context = context.asked(run.asked)
    _check(context)
    feature = onemin.EDITOR if run.asked.references else onemin.GENERATOR
    if run.asked.model not in MODELS[feature]:
        told = f"The model {run.asked.model[:80]} is not supported for {feature}"
        return _error(context, 400, onemin_errors.UNSUPPORTED_MODEL, told)
    return await _run(context, run)


def _check(context: Context) -> None:
    """:raises UnknownFault: the fault asks for something that this vendor has not."""
    if unknown := quirks(context) - QUIRKS.keys():
        known = ", ".join(QUIRKS)
        raise UnknownFault(f"1min.ai has no quirk {', '.join(sorted(unknown))}; it has {known}")
    if context.fault.envelope not in _ENVELOPES:
        raise UnknownFault(f"1min.ai has no envelope {context.fault.envelope}; it has nested, html, empty")
    if context.fault.result == "b64_json":
        raise UnknownFault("1min.ai gives no picture inside its answer")


async def _run(context: Context, run: Run) -> Response:
    odd = quirks(context)
    # What goes wrong with a later question does not go wrong here.
    later = bool(odd & {"on_poll", "on_each_poll"})
    begun = replace(context, fault=_harmless(context.fault)) if later else context
    status = 200 if later else _status(context)
    async with AsyncExitStack() as stack:
        try:
            stack.enter_context(context.memory.place(VENDOR, per_minute=REQUESTS_PER_MINUTE))
        except TooMany as full:
            return _too_many(context, full)
        context.call.paid = is_paid(replace(begun.fault, status=status))
        if status >= 400:
            await asyncio.sleep(latency(context) if status >= 500 else 0)
            return delivered(begun, _error(begun, status))
        job = _begin(context, run)
        painting = context if not later else replace(context, fault=_without_body(context.fault))
        task = _keep_running(_work(painting, job, stack.pop_all()))
    if not run.is_async or "ignores_async" in odd:
        await asyncio.shield(task)
    if job.record.failure is not None and job.record.failure.cause and "failure" not in odd:
        context.call.paid = False
        return _error(begun, 400, onemin_errors.EXTERNAL, onemin_errors.BUSY, cause=job.record.failure.cause)
    return _answer(begun, job)


def _status(context: Context) -> int:
    """The status that the fault wants; a cause behind an error comes with 400, unless in a failed record."""
    caused = _cause(context) is not None and "failure" not in quirks(context)
    return context.fault.status or (400 if caused else 200)


def _without_body(fault: Fault) -> Fault:
    """The fault of a run whose answers are spoilt only on their way."""
    return fault if fault.body in ("refusal", "empty") else replace(fault, body=None)


def _harmless(fault: Fault) -> Fault:
    return replace(fault, status=None, connection=None, body=None)


def _begin(context: Context, run: Run) -> Job:
    jobs, name = context.memory.kept[VENDOR], str(uuid.uuid4())
    while len(jobs) >= JOBS_MAX:
        del jobs[next(iter(jobs))]
    record = Record("" if "no_uuid" in quirks(context) else name, Status.PROCESSING)
    jobs[name] = job = Job(run, context.fault, record, _now())
    return job


def _keep_running(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task that goes on although whoever asked for it has gone."""
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    return task


async def _work(context: Context, job: Job, places: AsyncExitStack) -> None:
    """Paint what the job asks for; its place is taken until then."""
    async with places:
        try:
            asked, size = _opened(context, job.run.asked)
            sized = replace(context, fault=replace(context.fault, size=size))
            painted, _ = await asyncio.gather(pictures(sized, asked), asyncio.sleep(latency(context)))
        except studio.BadReference as bad:
            told = ErrorAnswer(400, f"Unable to process input image: {bad}", code="INVALID_ARGUMENT")
            job.record = _failed(job, onemin_errors.BUSY, told)
        else:
            job.record = _ended(context, job, painted)


def _opened(context: Context, asked: ImageRequest) -> tuple[ImageRequest, tuple[int, int] | None]:
    """What is asked with the uploads themselves, and the size if the ratio does not decide.

    :raises studio.BadReference: an upload is not there, or its size cannot be read.
    """
    references: list[ImageLink | ImageBytes] = []
    for reference in asked.references:
        if isinstance(reference, ImageLink) and not is_link(reference.url):
            found = context.memory.result(reference.url.rpartition("/")[2])
            if found is None:
                raise studio.BadReference("there is no such asset")
            references.append(ImageBytes(found.data, found.content_type))
        else:
            references.append(reference)
    size, ratio = context.fault.size, asked.aspect_ratio
    if "ignores_ratio" in quirks(context):
        ratio = None
        if size is None and references and isinstance(references[0], ImageBytes):
            size = _size(references[0].data)
    return replace(asked, references=tuple(references), aspect_ratio=ratio), size


def _size(data: bytes) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise studio.BadReference("it is no picture") from error


def _ended(context: Context, job: Job, painted: list[ImageBytes]) -> Record:
    fault, odd = context.fault, quirks(context)
    if fault.body == "refusal":
        told = "The prompt was blocked by the safety system of the model"
        return _failed(job, fault.message or told)
    if "failure_bare" in odd:
        return _failed(job, "")
    if "failure" in odd:
        return _failed(job, fault.message or "The feature could not be run", _cause(context))
    links = [link(context, picture).url for picture in painted]
    keys = tuple(f"images/{url.rpartition('/')[2]}" for url in links)
    if "url_as_result" in odd:
        return replace(job.record, status=Status.SUCCESS, keys=tuple(links))
    address = links[0] + _SIGNATURE if links and "no_url" not in odd else ""
    return replace(job.record, status=Status.SUCCESS, keys=keys, link=address)


def _failed(job: Job, message: str, cause: ErrorAnswer | None = None) -> Record:
    code = onemin_errors.EXTERNAL if cause else ""
    failure = ErrorAnswer(200, message, code=code, cause=cause)
    return replace(job.record, status=Status.FAILURE, failure=failure)


def _answer(context: Context, job: Job) -> Response:
    """The job as it stands, unless the fault wants another body."""
    odd = quirks(context)
    body = onemin.encode_answer(
        None if context.fault.body == "null" else job.record,
        job.run.asked,
        created_at=job.created_at,
        beside="beside" in odd,
        plain="plain_key" in odd,
    )
    plain = Response(
        context.fault.status or 200,
        cut(context, body),
        {"content-type": "application/json; charset=utf-8", "cache-control": "no-store"},
    )
    return delivered(context, spoilt(context) or plain)


def _result(context: Context, name: str) -> Response:
    """`GET /api/results/{uuid}`; an unknown id is a 200 that says so."""
    if not key_fits(context, _key(context.request)):
        return _error(context, 401)
    if context.memory.settings.vendor_limits:
        try:
            context.memory.count(VENDOR, per_minute=REQUESTS_PER_MINUTE)
        except TooMany as full:
            return _too_many(context, full)
    job: Job | None = context.memory.kept[VENDOR].get(name)
    if job is None:
        return as_json({"aiRecord": None})
    job.polls += 1
    spoils = replace(context, fault=job.fault)
    odd = quirks(spoils)
    if "forgotten" in odd or ("listed_late" in odd and job.polls <= 2):
        return as_json({"aiRecord": None})
    if "on_each_poll" in odd or ("on_poll" in odd and job.polls == 1):
        status = _status(spoils)
        return delivered(spoils, _error(spoils, status)) if status >= 400 else _answer(spoils, job)
    return _answer(replace(context, fault=_harmless(job.fault)), job)


# --- Errors -------------------------------------------------------------------------------------


def _cause(context: Context) -> ErrorAnswer | None:
    """The error of the model's vendor that the fault wants behind this one's."""
    for status in _CAUSES:
        if f"nested_{status}" in quirks(context):
            told = context.fault.message or "The model's vendor says so"
            return ErrorAnswer(status, told, code=context.fault.code or "VendorError")
    return None


def _too_many(context: Context, full: TooMany) -> Response:
    return _error(replace(context, fault=Fault(retry_after=f"{full.seconds:.0f}")), 429)


def _error(
    context: Context,
    status: int,
    code: str = "",
    message: str = "",
    *,
    issues: tuple[Issue, ...] = (),
    cause: ErrorAnswer | None = None,
) -> Response:
    fault = context.fault
    hint = {"retry-after": fault.retry_after} if fault.retry_after is not None else {}
    if status == 400 and not code and (cause := _cause(context)):
        code, message = onemin_errors.EXTERNAL, onemin_errors.BUSY
    usual = onemin_errors.MESSAGES.get(status, (onemin_errors.UNKNOWN, "An unknown error occurred"))
    code, message = code or fault.code or usual[0], message or fault.message or usual[1]
    if status >= 520 and fault.envelope is None:
        # The edge speaks for a vendor that it can't reach.
        other: Response | None = page(status, message)
    else:
        other = misplaced(context, status, message)
    if other:
        return replace(other, headers={**other.headers, **hint})
    body = onemin_errors.encode_error(
        ErrorAnswer(status, message, code=code, cause=cause),
        envelope=onemin_errors.Envelope(fault.envelope or "features"),
        issues=issues,
        structured="details_object" in quirks(context),
    )
    return Response(status, body, {"content-type": "application/json; charset=utf-8", **hint})


# --- Uploads and models -------------------------------------------------------------------------


async def _upload(context: Context) -> Response:
    """`POST /api/assets`. Its faults come by header, or planned for `upload`."""
    if not key_fits(context, _key(context.request)):
        return _error(context, 401)
    text = context.request.headers.get(faults.HEADER)
    fault = faults.parse(text) if text else context.memory.plan.take("", at=UPLOAD)
    context = replace(context, fault=fault or NO_FAULT)
    context.call.fault = str(context.fault)
    _check(context)
    try:
        with context.memory.place(_ASSETS, per_minute=UPLOADS_PER_MINUTE, at_once=UPLOADS_AT_ONCE):
            await asyncio.sleep(context.fault.latency or 0)
            return delivered(context, _uploaded(context))
    except TooMany as full:
        return _too_many(context, full)


def _uploaded(context: Context) -> Response:
    status = context.fault.status or 200
    if status >= 400:
        return _error(context, status)
    request = context.request
    try:
        asset = onemin_assets.decode_upload(Form(request.body, request.headers.get("content-type", "")))
    except WireError:
        missing = (Issue("asset", "asset is required"),)
        return _error(context, 400, onemin_errors.MISSING, "Missing required fields", issues=missing)
    if len(asset.data) > onemin_assets.ASSET_MAX_BYTES:
        return _error(context, 413, "FILE_TOO_LARGE", "The file is larger than 50 MB")
    kind = next((kind for sign, kind in _SIGNS if asset.data.startswith(sign)), "")
    if not kind:
        return _error(context, 400, onemin_errors.UNKNOWN, "Unsupported file type")
    name = context.memory.keep(asset.data, kind, lifetime=context.memory.settings.link_lifetime)
    body = onemin_assets.encode_uploaded(f"images/{name}", asset, created_at=_now())
    return spoilt(context) or Response(
        status, cut(context, body), {"content-type": "application/json; charset=utf-8"}
    )


def _models(request: Request) -> Response:
    """The catalogue, by its one documented filter; fields besides the ids are by our guess."""
    wanted = request.query.get("feature", "")
    names = sorted({name for feature, known in MODELS.items() if wanted in ("", feature) for name in known})
    return as_json({"models": [_model(name) for name in names]})


def _model(name: str) -> dict[str, object]:
    features = [feature for feature, known in MODELS.items() if name in known]
    return {"modelId": name, "name": name, "features": features, "status": "ACTIVE"}
