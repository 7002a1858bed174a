"""The AIML API as seen from outside: pictures, models and balance, with every documented way to fail."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from generation.emulator.answers import as_json
from generation.emulator.context import (
    Context,
    bearer,
    cut,
    key_fits,
    link,
    misplaced,
    new_id,
    perform,
)
from generation.emulator.faults import without_words
from generation.emulator.http import Request, Response
from generation.wire import aiml, aiml_errors
from generation.wire.aiml_errors import Envelope
from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.messages import UNSTATED, Cost, ErrorAnswer, ImageAnswer, ImageBytes, ImageRequest

VENDOR = "aiml"
MODELS = (aiml.TEXT_MODEL, aiml.EDIT_MODEL, "google/nano-banana", "google/nano-banana-edit")
PATHS = (aiml.PATH, aiml.PATH.removeprefix("/v1"))
MODEL_PATHS = ("/v1/models", "/models", "/api/v1/models")
_CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")


async def handle(context: Context) -> Response | None:
    """The answer to a request for this vendor; None when the address is none of its own."""
    path, got = context.request.path, context.request.method == "GET"
    if path in PATHS and context.request.method == "POST":
        context = replace(context, vendor_id=new_id())
        return with_ids(context, await _generate(context))
    if got and path in MODEL_PATHS:
        return _models(context.request)
    if got and path.startswith("/model/"):
        return _model_named(context, path.removeprefix("/model/"))
    if got and path in ("/v2/billing", "/v1/billing/balance"):
        return _billing(context)
    return None


def with_ids(context: Context, response: Response) -> Response:
    """The headers on every answer: its id, and the client's where it is a good one."""
    sent = context.request.headers.get(aiml.HEADER_CLIENT_ID, "")
    echoed = {aiml.HEADER_CLIENT_ID: sent} if _CLIENT_ID.fullmatch(sent) else {}
    return replace(response, headers={aiml.HEADER_ID: context.vendor_id, **echoed, **response.headers})


async def _generate(context: Context) -> Response:
    """`POST /v1/images/generations`: check as documented, wait as long as a model takes, paint, answer."""
    if not key_fits(context, bearer(context.request)):
        return _error(context, 401)
    try:
        asked = aiml.decode_request(context.request.body)
    except InvalidRequest as error:
        return _error(context, 400, aiml_errors.validation_message(error.issues))
    except WireError:
        return _error(context, 400, "Body validation error\nExpected object, received string")
    context = context.asked(asked)
    if asked.model not in MODELS:
        return _error(context, 400, _unknown_model(asked.model))
    return await perform(context, asked, vendor=VENDOR, error=_error, success=_success)


def _unknown_model(model: str) -> str:
    choices = " | ".join(f"'{known}'" for known in MODELS)
    issue = Issue("model", f"Invalid enum value. Expected {choices}, received '{model[:80]}'")
    return aiml_errors.validation_message((issue,))


def _success(context: Context, asked: ImageRequest, pictures: list[ImageBytes]) -> Response:
    encoded = _encode(context, asked, pictures)
    body, headers = _without_cost(encoded, context.fault.cost)
    if context.fault.body == "null":
        body = b'{"data":null,"meta":null}'
    return Response(context.fault.status or 200, cut(context, body), headers)


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
        images=tuple(pictures if fault.result == "b64_json" else (link(context, one) for one in pictures)),
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


def _error(context: Context, status: int, message: str = "") -> Response:
    fault = context.fault
    words = message or aiml_errors.MESSAGES.get(status, "Something wrong with the server.")
    hint = {"retry-after": fault.retry_after} if fault.retry_after is not None else {}
    if other := misplaced(context, status, words):
        return replace(other, headers={**other.headers, **hint})
    body = aiml_errors.encode_error(
        ErrorAnswer(status, words, context.vendor_id, UNSTATED),
        timestamp=datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        envelope=Envelope(fault.envelope or "string"),
        path=context.request.path,
    )
    return Response(status, body, {"content-type": "application/json; charset=utf-8", **hint})


# --- The other addresses ------------------------------------------------------------------------


def _models(request: Request) -> Response:
    """The catalogue, by the documented filters `id` and `type`."""
    listed = [_model(name) for name in MODELS]
    for name in ("id", "type"):
        if wanted := request.query.get(name):
            listed = [model for model in listed if model[name] in wanted.split(",")]
    return as_json({"object": "list", "data": listed})


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "type": "image", "endpoints": [aiml.PATH]}


def _model_named(context: Context, name: str) -> Response:
    """One model; its slashes stay as they are."""
    return as_json(_model(name)) if name in MODELS else _error(context, 404)


def _billing(context: Context) -> Response:
    """`/v2/billing` in dollars (fields by our guess), and the older `/v1/billing/balance` in credits."""
    if not key_fits(context, bearer(context.request)):
        return _error(context, 401)
    if context.request.path == "/v2/billing":
        return as_json({"balance": 100.0, "currency": "USD"})
    return as_json({"balance": 100 * aiml.CREDITS_PER_USD, "lowBalance": False, "status": "current"})
