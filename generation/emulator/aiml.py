"""The AIML API as seen from outside: pictures, models and balance, with every documented way to fail."""

import asyncio
import json
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from generation.emulator import studio
from generation.emulator.answers import as_html, as_json
from generation.emulator.faults import Fault, without_words
from generation.emulator.http import Delivery, Request, Response
from generation.emulator.state import Call, Memory
from generation.wire import aiml, aiml_errors
from generation.wire.aiml_errors import Envelope
from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.messages import (
    UNSTATED,
    Cost,
    ErrorAnswer,
    ImageAnswer,
    ImageBytes,
    ImageLink,
    ImageRequest,
)

MODELS = (aiml.TEXT_MODEL, aiml.EDIT_MODEL)
PATHS = (aiml.PATH, aiml.PATH.removeprefix("/v1"))
MODEL_PATHS = ("/v1/models", "/models", "/api/v1/models")

# Pixels of each ratio, from the vendor's resolution table for this model.
SIZES = {
    "1:1": (1024, 1024),
    "2:3": (832, 1248),
    "3:2": (1248, 832),
    "3:4": (864, 1184),
    "4:3": (1184, 864),
    "4:5": (896, 1152),
    "5:4": (1152, 896),
    "9:16": (768, 1344),
    "16:9": (1344, 768),
    "21:9": (1536, 672),
}
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_HTML = "<html><head><title>{status}</title></head><body><h1>{message}</h1><hr>edge</body></html>"
HUGE_BYTES = 1024 * 1024
HUGE_TIMES = 200


@dataclass(frozen=True)
class Context:
    """What one call to the vendor carries through."""

    memory: Memory
    request: Request
    call: Call
    fault: Fault
    vendor_id: str

    @property
    def headers(self) -> dict[str, str]:
        """The headers on every answer."""
        sent = self.request.headers.get(aiml.HEADER_CLIENT_ID, "")
        echoed = {aiml.HEADER_CLIENT_ID: sent} if _CLIENT_ID.fullmatch(sent) else {}
        return {aiml.HEADER_ID: self.vendor_id, **echoed}


async def generate(
    memory: Memory, request: Request, call: Call, find_fault: Callable[[str], Fault]
) -> Response:
    """`POST /v1/images/generations`: check as documented, wait as long as a model takes, paint, answer.

    `find_fault` gives the fault for a prompt.
    """
    context = Context(memory, request, call, Fault(), secrets.token_hex(16))
    if not _key_fits(context):
        return _error(context, 401)
    try:
        asked = aiml.decode_request(request.body)
    except InvalidRequest as error:
        return _error(context, 400, aiml_errors.validation_message(error.issues))
    except WireError:
        return _error(context, 400, "Body validation error\nExpected object, received string")
    _note(call, asked)
    context = replace(context, fault=find_fault(asked.prompt))
    call.fault = str(context.fault)
    if asked.model not in MODELS:
        return _error(context, 400, _unknown_model(asked.model))
    return await _perform(context, asked)


def _key_fits(context: Context) -> bool:
    scheme, _, key = context.request.headers.get("authorization", "").partition(" ")
    wanted = context.memory.settings.key
    return scheme.lower() == "bearer" and bool(key.strip()) and (not wanted or key.strip() == wanted)


def _note(call: Call, asked: ImageRequest) -> None:
    call.model, call.prompt, call.count = asked.model, asked.prompt[:80], asked.count
    call.aspect_ratio, call.references = asked.aspect_ratio or "", len(asked.references)


def _unknown_model(model: str) -> str:
    choices = " | ".join(f"'{known}'" for known in MODELS)
    issue = Issue("model", f"Invalid enum value. Expected {choices}, received '{model[:80]}'")
    return aiml_errors.validation_message((issue,))


async def _perform(context: Context, asked: ImageRequest) -> Response:
    fault, status = context.fault, context.fault.status or 200
    context.call.paid = fault.paid == "yes" if fault.paid else not 400 <= status < 500
    latency = context.memory.settings.latency if fault.latency is None else fault.latency
    if status >= 400:
        await asyncio.sleep(latency if status >= 500 else 0)
        return _delivered(context, _error(context, status, fault.message or ""))
    if fault.connection in ("hang", "reset"):
        await asyncio.sleep(latency)
        return _delivered(context, Response(status))
    try:
        pictures, _ = await asyncio.gather(_pictures(context, asked), asyncio.sleep(latency))
    except studio.BadReference as error:
        context.call.paid = False
        return _error(context, 400, f"Unable to process input image: {error}")
    return _delivered(context, _success(context, asked, pictures))


async def _pictures(context: Context, asked: ImageRequest) -> list[ImageBytes]:
    fault, settings = context.fault, context.memory.settings
    if fault.body in ("html", "empty", "null", "refusal", "huge", "unknown"):
        return []
    count = asked.count if fault.count is None else fault.count
    commission = studio.Commission(
        prompt=without_words(asked.prompt),
        size=fault.size or SIZES[asked.aspect_ratio or "1:1"],
        references=await studio.open_references(context.memory, asked.references),
        format=fault.format or settings.format,
        sketch=settings.sketch,
        spoil=fault.picture or "",
    )
    first = context.memory.next_index(asked.prompt, count)
    places = range(first, first + count)
    return list(await asyncio.gather(*(studio.make(commission, index) for index in places)))


def _success(context: Context, asked: ImageRequest, pictures: list[ImageBytes]) -> Response:
    fault = context.fault
    status = fault.status or 200
    if fault.body == "html":
        return as_html(_HTML.format(status=status, message="Just a moment"), status=status)
    if fault.body == "huge":
        headers = {**context.headers, "content-type": "application/json"}
        return Response(status, b" " * HUGE_BYTES, headers, times=HUGE_TIMES)
    encoded = _encode(context, asked, pictures)
    body, headers = _without_cost(encoded, fault.cost)
    match fault.body:
        case "truncated":
            body = body[: len(body) * 2 // 3]
        case "null":
            body = b'{"data":null,"meta":null}'
        case "unknown":
            body = b'{"result":{"status":"done"}}'
    return Response(status, body, {**context.headers, **headers})


def _encode(context: Context, asked: ImageRequest, pictures: list[ImageBytes]) -> aiml.Encoded:
    fault, settings = context.fault, context.memory.settings
    shape = aiml.Shape(fault.shape or settings.shape)
    description = f"A picture of {without_words(asked.prompt)}"[:500]
    if fault.body == "refusal":
        # `data[]` alone has no room for a description, so a refusal comes in the mixed shape instead.
        shape = aiml.Shape.IMAGES if shape is aiml.Shape.IMAGES else aiml.Shape.MIXED
        description = (
            fault.message or "I can't create this picture because it goes against the safety policy."
        )
    spent = aiml.CREDITS_PER_IMAGE * len(pictures)
    answer = ImageAnswer(
        images=tuple(pictures if fault.result == "b64_json" else (_link(context, one) for one in pictures)),
        description=description,
        cost=Cost(credits=spent, usd=Decimal(spent) / aiml.CREDITS_PER_USD),
        vendor_id=context.vendor_id,
    )
    return aiml.encode_answer(answer, shape=shape, usage_key=fault.usage or "credits_used")


def _without_cost(encoded: aiml.Encoded, wanted: str | None) -> tuple[bytes, dict[str, str]]:
    """The answer with the cost in body and headers, in one of them, or in none."""
    body, headers = encoded.body, dict(encoded.headers)
    if wanted in ("off", "body"):
        headers = {name: value for name, value in headers.items() if not name.startswith("x-aimlapi-")}
    if wanted in ("off", "headers"):
        body = json.dumps({**json.loads(body), "meta": None}).encode()
    return body, headers


def _link(context: Context, picture: ImageBytes) -> ImageLink:
    lifetime = 0.0 if context.fault.links == "expired" else context.memory.settings.link_lifetime
    name = context.memory.keep(picture.data, picture.content_type, lifetime=lifetime)
    host = context.request.headers.get("host", "localhost")
    return ImageLink(f"http://{host}/results/{name}", picture.content_type, picture.width, picture.height)


def _error(context: Context, status: int, message: str = "") -> Response:
    fault = context.fault
    words = message or aiml_errors.MESSAGES.get(status, "Something wrong with the server.")
    headers = {**context.headers}
    if fault.retry_after is not None:
        headers["retry-after"] = fault.retry_after
    if fault.envelope == "html":
        page = as_html(_HTML.format(status=status, message=words), status=status)
        return replace(page, headers={**page.headers, **headers})
    if fault.envelope == "empty":
        return Response(status, b"", headers)
    body = aiml_errors.encode_error(
        ErrorAnswer(status, words, context.vendor_id, UNSTATED),
        timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        envelope=Envelope(fault.envelope or "string"),
        path=context.request.path,
    )
    return Response(status, body, {"content-type": "application/json; charset=utf-8", **headers})


def _delivered(context: Context, response: Response) -> Response:
    connection = context.fault.connection
    return replace(response, delivery=Delivery(connection)) if connection else response


# --- The other addresses ------------------------------------------------------------------------


def models(request: Request) -> Response:
    """The catalogue, by the documented filters `id` and `type`."""
    listed = [_model(name) for name in MODELS]
    for name in ("id", "type"):
        if wanted := request.query.get(name):
            listed = [model for model in listed if model[name] in wanted.split(",")]
    return as_json({"object": "list", "data": listed})


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "type": "image", "endpoints": [aiml.PATH]}


def model(memory: Memory, request: Request, call: Call, name: str) -> Response:
    """One model; its slashes stay as they are."""
    if name in MODELS:
        return as_json(_model(name))
    return _error(Context(memory, request, call, Fault(), secrets.token_hex(16)), 404)


def billing(memory: Memory, request: Request, call: Call) -> Response:
    """`/v2/billing` in dollars (fields by our guess), and the older `/v1/billing/balance` in credits."""
    context = Context(memory, request, call, Fault(), secrets.token_hex(16))
    if not _key_fits(context):
        return _error(context, 401)
    if request.path == "/v2/billing":
        return as_json({"balance": 100.0, "currency": "USD"})
    return as_json({"balance": 100 * aiml.CREDITS_PER_USD, "lowBalance": False, "status": "current"})
