"""OpenAI's images API as seen from outside: pictures, edits, streams and models, with every way to fail.

Other servers of the format stand in for the vendor by quirks: their envelopes, and what they leave out.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

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
    quirks,
    size_of,
)
from generation.emulator.faults import CHOICES, UnknownFault
from generation.emulator.http import Response
from generation.wire import openai, openai_answers, openai_errors, openai_stream
from generation.wire.errors import InvalidRequest, WireError
from generation.wire.messages import ImageAnswer, ImageBytes, ImageLink, ImageRequest
from generation.wire.openai import ImagesCall
from generation.wire.openai_answers import Facts, ImagesAnswer, Usage
from generation.wire.openai_errors import Envelope, OpenAIError
from generation.wire.openai_stream import PictureEvent

VENDOR = "openai"
MODELS = ("gemini-2.5-flash-image", "gemini-3-pro-image-preview", "gpt-image-1")
# Every model began on the same day here.
MODELS_CREATED = 1_767_225_600
TOKENS_PER_IMAGE = 1_290
QUIRKS: Mapping[str, str] = {
    "no_created": "A success without `created`, which strict readers miss.",
    "images": "A success with `images` in place of `data`, and without the vendor's other fields.",
    "bare": 'A success with bare addresses or base64 as items, and errors as {"error": "…"}.',
    "flat": "Errors without `error` around them, as older vLLM writes them.",
    "litellm": 'Errors with the status as text for a code, and "None" for nothing, as LiteLLM writes them.',
    "detail": 'Errors as {"detail": "…"}, as FastAPI writes them.',
    "detail_list": "Errors as a list of `detail`, as FastAPI writes what is wrong with a request.",
    "text": "Errors as words without JSON.",
    "retry_ms": "The wait as `retry-after-ms`, and a `retry-after` of 60 s that must not be believed.",
    "retried": "Errors without `x-should-retry: false`, so that the vendor's clients send paid calls again.",
    "stream_error": "A stream that ends in an event of error after its partial pictures.",
    "param_model": "Errors that name `model` as the parameter at fault.",
}
ENVELOPES = frozenset(str(envelope) for envelope in Envelope)


async def handle(context: Context) -> Response | None:
    """The answer to a request for this vendor; None when the address is none of its own."""
    path, method = context.request.path.removeprefix("/v1"), context.request.method
    if method == "POST" and path in (openai.GENERATIONS, openai.EDITS):
        context = replace(context, vendor_id=f"req_{new_id()}")
        response = await _generate(context, edit=path == openai.EDITS)
        return replace(response, headers={openai_answers.HEADER_ID: context.vendor_id, **response.headers})
    if method == "GET" and (path == openai.MODELS or path.startswith(f"{openai.MODELS}/")):
        return _models(context, path.removeprefix(openai.MODELS).removeprefix("/"))
    return None


async def _generate(context: Context, *, edit: bool) -> Response:
    """Check as documented, wait as long as a model takes, paint, answer whole or as a stream."""
    if not key_fits(context, bearer(context.request)):
        return _error(context, 401)
    body = context.request.body
    try:
        if edit:
            call = openai.decode_edit(body, context.request.headers.get("content-type", ""))
        else:
            call = openai.decode_generation(body)
    except InvalidRequest as error:
        return _refusal(context, openai_errors.invalid(error))
    except WireError as error:
        return _error(context, 400, f"Could not parse the body of your request: {error}.")
    request = replace(call.request, model=call.request.model or MODELS[0])
    context = context.asked(request)
    if unknown := quirks(context) - QUIRKS.keys():
        raise UnknownFault(f"no quirk {', '.join(sorted(unknown))}; there are {', '.join(QUIRKS)}")
    if call.extras.output_format in CHOICES["format"] and context.fault.format is None:
        context = replace(context, fault=replace(context.fault, format=call.extras.output_format))
    if request.model not in MODELS:
        return _error(context, 404, f"The model '{request.model[:80]}' does not exist.")
    answer = partial(_success, ImagesCall(request, call.extras), edit)
    return await perform(context, request, vendor=VENDOR, error=_error, success=answer)


# --- Successes ----------------------------------------------------------------------------------


def _success(
    call: ImagesCall, edit: bool, context: Context, asked: ImageRequest, pictures: list[ImageBytes]
) -> Response:
    status, odd = context.fault.status or 200, quirks(context)
    facts = _facts(call, context, pictures)
    if call.extras.stream:
        body = b"".join(
            openai_stream.encode_event(event) for event in _events(call, edit, odd, facts, pictures)
        )
        return Response(status, cut(context, body), {"content-type": openai_stream.CONTENT_TYPE})
    inside = (context.fault.result or call.extras.response_format or "b64_json") == "b64_json"
    answer = ImageAnswer(
        # The vendor names no picture's type or size beside it.
        images=tuple(
            ImageBytes(one.data) if inside else ImageLink(link(context, one).url) for one in pictures
        ),
        description=_excuse(context),
    )
    encoded = openai_answers.encode_answer(ImagesAnswer(answer, facts))
    body = _oddly(encoded.body, odd)
    if context.fault.body == "null":
        body = b'{"created":0,"data":null}'
    return Response(status, cut(context, body), encoded.headers)


def _excuse(context: Context) -> str:
    """What a server in between passes on when a model explains why it drew nothing."""
    if context.fault.body != "refusal":
        return ""
    return context.fault.message or "I can't create this picture because it goes against the safety policy."


def _facts(call: ImagesCall, context: Context, pictures: list[ImageBytes]) -> Facts:
    width, height = size_of(call.request, context.fault)
    words = len(call.request.prompt) // 4 + 1
    seen = 258 * len(call.request.references)
    drawn = TOKENS_PER_IMAGE * len(pictures)
    return Facts(
        created=None if "no_created" in quirks(context) else int(time.time()),
        usage=Usage(words + seen, seen, words, drawn, words + seen + drawn),
        size=f"{width}x{height}",
        quality=call.extras.quality or "high",
        background="opaque",
        output_format=pictures[0].content_type.partition("/")[2] if pictures else "",
    )


def _events(
    call: ImagesCall, edit: bool, odd: frozenset[str], facts: Facts, pictures: list[ImageBytes]
) -> Iterator[PictureEvent | OpenAIError]:
    """A picture's partial ones look as the whole does: nothing here is half painted."""
    early = replace(facts, usage=None)
    for picture in pictures:
        for index in range(call.extras.partial_images):
            yield PictureEvent(picture, index, edit, early)
        if "stream_error" in odd:
            yield openai_errors.example(500)
            return
        yield PictureEvent(picture, None, edit, facts)


def _oddly(body: bytes, odd: frozenset[str]) -> bytes:
    """The answer as servers in the vendor's place shape it."""
    if not odd & {"images", "bare"}:
        return body
    said = json.loads(body)
    items = said.pop("data")
    if "bare" in odd:
        items = [next(iter(item.values())) for item in items]
    if "images" in odd:
        return json.dumps({"images": items}).encode()
    return json.dumps({**said, "data": items}).encode()


# --- Errors -------------------------------------------------------------------------------------


def _error(context: Context, status: int, message: str = "") -> Response:
    return _refusal(context, openai_errors.example(status, context.fault.code or "", message))


def _refusal(context: Context, error: OpenAIError) -> Response:
    odd = quirks(context)
    if error.code == "moderation_blocked":
        error = replace(error, stage="input", categories=("violence",))
    if "param_model" in odd:
        error = replace(error, param="model")
    headers = {"content-type": "application/json", **_hints(context, odd)}
    # 408 and 409 say nothing of what was done; the vendor's clients would repeat both.
    if (context.call.paid or error.status in (408, 409)) and "retried" not in odd:
        headers[openai_errors.HEADER_SHOULD_RETRY] = "false"
    if other := misplaced(context, error.status, error.message):
        return replace(other, headers={**headers, **other.headers})
    envelope = next((Envelope(name) for name in sorted(odd & ENVELOPES)), Envelope.NESTED)
    if envelope is Envelope.TEXT:
        headers["content-type"] = "text/plain; charset=utf-8"
    return Response(error.status, openai_errors.encode_error(error, envelope=envelope), headers)


def _hints(context: Context, odd: frozenset[str]) -> dict[str, str]:
    wait = context.fault.retry_after
    if wait is None:
        return {}
    if "retry_ms" in odd:
        return {openai_errors.HEADER_RETRY_MS: f"{float(wait) * 1000:.0f}", "retry-after": "60"}
    return {"retry-after": wait}


# --- The other addresses ------------------------------------------------------------------------


def _models(context: Context, name: str) -> Response:
    """The list, or one model; slashes in its name stay as they are."""
    if not key_fits(context, bearer(context.request)):
        return _error(context, 401)
    if not name:
        return as_json({"object": "list", "data": [_model(known) for known in MODELS]})
    return as_json(_model(name)) if name in MODELS else _error(context, 404)


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": MODELS_CREATED, "owned_by": "emulator"}
