"""Google as seen from outside, at the Gemini API's addresses and Vertex AI's: pictures, streams, models."""

import contextlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from generation.emulator.answers import as_json
from generation.emulator.context import Context, bearer, cut, key_fits, misplaced, new_id, perform, quirks
from generation.emulator.faults import UnknownFault
from generation.emulator.google_answers import encode_answer, unsigned
from generation.emulator.http import Response
from generation.wire import google, google_errors, google_models
from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.google import Address
from generation.wire.google_parts import Picture, decode_history, decode_part, field, listed
from generation.wire.messages import ErrorAnswer, ImageBytes, ImageLink, ImageRequest

VENDOR = "google"
MODELS = google_models.MODELS
MODEL_LISTS = tuple(f"{version}/models" for version in ("", "/v1", "/v1beta", "/v1alpha"))
# What can be told by `quirk=`, beside the faults that every vendor has. `code=` names an error's status,
# reason or quota, and with `body=refusal` or `body=empty` the reason for blocking or for finishing.
QUIRKS: Mapping[str, str] = {
    "array": "An error comes as the one element of a list, as a stream's does.",
    "drafts": "A draft picture and a thought in words come before the result, marked as thoughts.",
    "no_content": "A candidate without a picture has no content at all.",
    "no_facts": "The answer names neither usage, model version nor response id.",
    "per_candidate": "Each picture comes in a candidate of its own.",
    "pictures_first": "The words come behind the pictures.",
    "role_only": "The content of a candidate without a picture holds only its role.",
    "signed": "Parts carry a thought signature, as the newer models' always do.",
    "silent": "No words come with the picture.",
    "snake": "The answer is spelled in snake_case.",
    "text_only": "The model answers in words, and says that it stopped as it should.",
}
_CONTENT_TYPE = "application/json; charset=UTF-8"


async def handle(context: Context) -> Response | None:
    """The answer to a request for this vendor; None when the address is none of its own."""
    path, method = context.request.path, context.request.method
    if method == "GET" and path in MODEL_LISTS:
        return _refused_key(context, vertex=False) or _models(context)
    if method == "GET" and path.rpartition("/")[0] in MODEL_LISTS:
        return _refused_key(context, vertex=False) or _model_named(context, path.rpartition("/")[2])
    address = google.decode_address(path)
    if method != "POST" or address is None or address.method not in (google.GENERATE, google.STREAM):
        return None
    return await _generate(replace(context, vendor_id=new_id()), address)


async def _generate(context: Context, address: Address) -> Response:
    """`generateContent`: check as documented, wait as long as a model takes, paint, answer."""
    if refused := _refused_key(context, vertex=address.vertex):
        return refused
    if address.model not in MODELS:
        return _error(context, 404, _unknown_model(address))
    try:
        asked = google.decode_request(context.request.body, model=address.model)
        modalities = google.decode_modalities(context.request.body)
    except InvalidRequest as error:
        return _error(context, 400, google_errors.validation_message(error.issues))
    except WireError as error:
        return _error(context, 400, f"Invalid JSON payload received. {error}")
    context, history = context.asked(asked), decode_history(asked.state) if asked.state else []
    context.call.turns = sum(field(turn, "role") == "model" for turn in history)
    _check_quirks(context)
    if issue := _beyond(asked):
        return _error(context, 400, google_errors.validation_message((issue,)))
    if where := unsigned(history) if MODELS[asked.model].signs else "":
        return _error(context, 400, where)
    given = asked if asked.references else replace(asked, references=_newest_picture(history))

    def success(context: Context, _: ImageRequest, pictures: list[ImageBytes]) -> Response:
        return _success(context, asked, pictures, modalities, address)

    response = await perform(
        _sized(context, asked, modalities), given, vendor=VENDOR, error=_error, success=success
    )
    _count_as_free(context, address, response)
    return response


def _check_quirks(context: Context) -> None:
    """
    :raises UnknownFault: the fault asks for an oddity that there is not.
    """
    if unknown := sorted(quirks(context) - QUIRKS.keys()):
        raise UnknownFault(f"google knows no quirk {unknown[0]}; it knows {', '.join(QUIRKS)}")


def _refused_key(context: Context, *, vertex: bool) -> Response | None:
    """None for a key that fits, else Google's three ways to say no: none, a wrong key, a wrong token."""
    request, token = context.request, bearer(context.request)
    key = request.headers.get(google.KEY_HEADER, "") or request.query.get("key", "")
    if not key and not token:
        return _error(context, 403, google_errors.KEY_MISSING_MESSAGE)
    if key_fits(context, key or token):
        return None
    if vertex and token:
        return _error(context, 401)
    wrong = ErrorAnswer(400, google_errors.KEY_INVALID_MESSAGE, code=google_errors.KEY_INVALID)
    return Response(400, google_errors.encode_error(wrong), {"content-type": _CONTENT_TYPE})


def _unknown_model(address: Address) -> str:
    version = address.version or "v1beta"
    return (
        f"models/{address.model[:80]} is not found for API version {version}, or is not supported for "
        f"{address.method}. Call ListModels to see the list of available models and their supported methods."
    )


def _beyond(asked: ImageRequest) -> Issue | None:
    """What this model does not do though the format has a word for it."""
    model, config = MODELS[asked.model], "generation_config"
    if asked.count > 1:
        return Issue(f"{config}.candidate_count", "Multiple candidates is not enabled for this model")
    if asked.image_size is not None and asked.image_size not in model.sizes:
        sizes = ", ".join(model.sizes)
        return Issue(f"{config}.image_config.image_size", f"this model draws only {sizes}")
    if len(asked.references) > model.references_max:
        return Issue("contents", f"this model takes at most {model.references_max} images in a prompt")
    return None


def _newest_picture(history: list[dict[str, Any]]) -> tuple[Picture, ...]:
    """What a turn without references is painted from; none where the conversation holds no picture."""
    for turn in reversed(history):
        for part in reversed(listed(field(turn, "parts"))):
            with contextlib.suppress(WireError):
                read = decode_part(part)
                if isinstance(read, ImageBytes | ImageLink):
                    return (read,)
    return ()


def _sized(context: Context, asked: ImageRequest, modalities: frozenset[str]) -> Context:
    """With the model's own pixels for what is asked; without pictures where only words are wanted."""
    table = MODELS[asked.model].sizes[asked.image_size or "1K"]
    fault = context.fault
    if fault.size is None:
        fault = replace(fault, size=table[asked.aspect_ratio or "1:1"])
    if "IMAGE" not in modalities or "text_only" in quirks(context):
        fault = replace(fault, count=0)
    return replace(context, fault=fault)


def _count_as_free(context: Context, address: Address, response: Response) -> None:
    """Google does not charge for errors of its own, as `google_errors.is_free` says."""
    own = context.fault.envelope not in ("html", "empty")
    error = ErrorAnswer(response.status, code="INTERNAL" if own else "")
    if context.fault.paid != "yes" and google_errors.is_free(error, vertex=address.vertex):
        context.call.paid = False


def _success(
    context: Context,
    asked: ImageRequest,
    pictures: list[ImageBytes],
    modalities: frozenset[str],
    address: Address,
) -> Response:
    status = context.fault.status or 200
    if context.fault.body == "null":
        answers = [{"candidates": None, "promptFeedback": None}]
    else:
        answers = encode_answer(
            context, asked, pictures, modalities, in_pieces=address.method == google.STREAM
        )
    if address.method == google.STREAM and context.request.query.get("alt") == "sse":
        events = b"".join(b"data: " + json.dumps(one).encode() + b"\r\n\r\n" for one in answers)
        return Response(status, cut(context, events), {"content-type": "text/event-stream"})
    value = answers if address.method == google.STREAM else answers[0]
    return Response(status, cut(context, json.dumps(value).encode()), {"content-type": _CONTENT_TYPE})


def _error(context: Context, status: int, message: str = "") -> Response:
    fault = context.fault
    code = fault.code or ""
    known = google_errors.KEY_INVALID_MESSAGE if code == google_errors.KEY_INVALID else ""
    words = message or known or google_errors.MESSAGES.get(status, "An error has occurred.")
    if other := misplaced(context, status, words):
        return other
    streamed = context.request.path.endswith(google.STREAM) and "alt" not in context.request.query
    body = google_errors.encode_error(
        ErrorAnswer(status, words, code=code),
        retry_delay=_delay(fault.retry_after),
        listed=streamed or "array" in quirks(context),
    )
    return Response(status, body, {"content-type": _CONTENT_TYPE})


def _delay(text: str | None) -> str | None:
    """`retry_after=34` as a RetryInfo has it, `34s`; what is no number stays as it is."""
    return f"{text}s" if text and text[-1].isdigit() else text


# --- The other addresses ------------------------------------------------------------------------


def _models(context: Context) -> Response:
    """The catalogue, in pages where the client asks for small ones."""
    names, query = list(MODELS), context.request.query
    size, start = query.get("pageSize", ""), query.get("pageToken", "")
    first = int(start) if start.isdecimal() else 0
    last = first + int(size) if size.isdecimal() and int(size) else len(names)
    page: dict[str, Any] = {"models": [_model(name) for name in names[first:last]]}
    return as_json(page | ({"nextPageToken": str(last)} if last < len(names) else {}))


def _model(name: str) -> dict[str, Any]:
    return {
        "name": f"models/{name}",
        "displayName": MODELS[name].title,
        "version": "001",
        "inputTokenLimit": 32768,
        "outputTokenLimit": 32768,
        "supportedGenerationMethods": [google.GENERATE],
        "temperature": 1,
        "maxTemperature": google.TEMPERATURE_MAX,
        "topP": 0.95,
        "topK": 64,
    }


def _model_named(context: Context, name: str) -> Response:
    return (
        as_json(_model(name)) if name in MODELS else _error(context, 404, f"Model {name[:80]} is not found.")
    )
