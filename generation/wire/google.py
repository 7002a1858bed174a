"""Google's `generateContent`, on the Gemini API and on Vertex AI: requests and answers, from both sides.

Facts come from ai.google.dev and cloud.google.com of 2025-08 to 2026-11 and from the `google-genai` SDK's
types. The model is in the address, not in the body. Errors are in `google_errors`, parts in `google_parts`,
what each model can do in `google_models`.

A conversation goes on by sending all of it again. `ImageRequest.state` is the JSON list of the turns so far;
`ImageAnswer.state` is the one turn that the model added, whole, with its signatures and with whatever else
it holds: the two joined behind the request's own turn are the state of the next request.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from generation.wire.errors import InvalidRequest, Issue, WireError
from generation.wire.google_models import IMAGE_SIZES, RATIOS
from generation.wire.google_parts import (
    Picture,
    decode_part,
    dumps,
    encode_part,
    field,
    is_thought,
    joined,
    listed,
    snake,
)
from generation.wire.messages import ImageAnswer, ImageRequest
from generation.wire.reading import as_object, as_text, parse_object

GENERATE = "generateContent"
STREAM = "streamGenerateContent"
KEY_HEADER = "x-goog-api-key"
# What the Gemini API takes with everything inline (firebase.google.com, input files, 2026).
REQUEST_MAX_BYTES = 20_000_000
CANDIDATES_MAX = 8
TEMPERATURE_MAX = 2.0

STOPPED = "STOP"


# --- Addresses ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Address:
    """Where a model is asked. On Vertex AI `project` and `location` are empty in express mode."""

    model: str
    method: str = GENERATE
    version: str = "v1beta"
    vertex: bool = False
    project: str = ""
    location: str = ""


_ADDRESS = re.compile(
    r"(?:/(?P<version>v\d\w*))?"
    r"(?P<vertex>(?:/projects/(?P<project>[^/]+)/locations/(?P<location>[^/]+))?/publishers/google)?"
    r"/models/(?P<model>[^/:]+):(?P<method>\w+)",
    re.ASCII,
)


def encode_address(address: Address) -> str:
    """The path of a call, quoted as a URL needs it."""
    parts = [address.version] if address.version else []
    if address.vertex:
        if address.project:
            parts += ["projects", address.project, "locations", address.location]
        parts += ["publishers", "google"]
    parts += ["models", address.model]
    return "/" + "/".join(quote(part, safe="") for part in parts) + f":{address.method}"


def decode_address(path: str) -> Address | None:
    """The call that an unquoted path makes; None when it is none of a model."""
    match = _ADDRESS.fullmatch(path)
    if match is None:
        return None
    named = {name: match[name] or "" for name in ("model", "method", "version", "project", "location")}
    return Address(vertex=match["vertex"] is not None, **named)


# --- Requests -----------------------------------------------------------------------------------


def encode_request(request: ImageRequest) -> bytes:
    """The JSON body of a request; its model belongs into the address.

    :raises WireError: its state is no conversation.
    """
    config: dict[str, Any] = {"responseModalities": ["TEXT", "IMAGE"]}
    image = {"aspectRatio": request.aspect_ratio, "imageSize": request.image_size}
    if named := {name: value for name, value in image.items() if value is not None}:
        config["imageConfig"] = named
    if request.temperature is not None:
        config["temperature"] = request.temperature
    if request.top_p is not None:
        config["topP"] = request.top_p
    if request.count > 1:
        config["candidateCount"] = request.count
    return b'{"contents":' + encode_contents(request) + b',"generationConfig":' + dumps(config) + b"}"


def encode_contents(request: ImageRequest) -> bytes:
    """The conversation as it is sent: the turns so far, then the prompt with its references.

    :raises WireError: the request's state is no conversation.
    """
    parts = [{"text": request.prompt}] if request.prompt or not request.references else []
    turn = {"role": "user", "parts": [*parts, *map(encode_part, request.references)]}
    return joined(request.state, dumps([turn]))


def decode_request(body: bytes, *, model: str) -> ImageRequest:
    """The request in a JSON body, in either spelling; fields it has no place for are ignored.

    :raises WireError: not a JSON object.
    :raises InvalidRequest: a field is missing or outside the documented values.
    """
    fields = parse_object(body)
    issues: list[Issue] = []
    contents = listed(field(fields, "contents"))
    prompt, references = _decode_turn(contents, issues)
    config = field(fields, "generationConfig")
    image = field(config, "imageConfig")
    request = ImageRequest(
        model=model,
        prompt=prompt,
        aspect_ratio=_one_of(image, "aspectRatio", RATIOS, issues),
        count=_decode_count(config, issues),
        references=references,
        temperature=_ranged(config, "temperature", TEMPERATURE_MAX, issues),
        top_p=_ranged(config, "topP", 1.0, issues),
        image_size=_one_of(image, "imageSize", IMAGE_SIZES, issues),
        state=dumps(contents[:-1]) if len(contents) > 1 else None,
    )
    if issues:
        raise InvalidRequest(*issues)
    return request


def decode_modalities(body: bytes) -> frozenset[str]:
    """What the answer shall hold, in capitals: TEXT, IMAGE or both, which is also what is meant by nothing.

    :raises WireError: not a JSON object.
    """
    named = field(field(parse_object(body), "generationConfig"), "responseModalities")
    asked = frozenset(as_text(name, 20).upper() for name in (named if isinstance(named, list) else []))
    return asked & {"TEXT", "IMAGE"} or frozenset({"TEXT", "IMAGE"})


def _decode_turn(contents: list[Any], issues: list[Issue]) -> tuple[str, tuple[Picture, ...]]:
    """The text and the pictures of the last turn."""
    if not contents:
        issues.append(Issue("contents", "contents is not specified"))
        return "", ()
    if not all(isinstance(content, dict) for content in contents):
        issues.append(Issue("contents", "Invalid value, expected an object"))
        return "", ()
    last, name = contents[-1], f"contents[{len(contents) - 1}]"
    if field(last, "role") not in (None, "", "user"):
        issues.append(Issue("contents", "Please ensure that multiturn requests end with a user role"))
    texts, pictures = [], []
    for index, part in enumerate(listed(field(last, "parts"))):
        try:
            read = decode_part(part)
        except WireError as error:
            issues.append(Issue(f"{name}.parts[{index}].data", str(error)))
            continue
        if isinstance(read, str):
            texts.append(read)
        elif read is not None:
            pictures.append(read)
    if not issues and not pictures and not "".join(texts).strip():
        issues.append(Issue(f"{name}.parts", "required oneof field 'data' must have one initialized field"))
    return "\n".join(texts), tuple(pictures)


def _one_of(config: Any, name: str, allowed: tuple[str, ...], issues: list[Issue]) -> str | None:
    value = field(config, name)
    if value is None or value in allowed:
        return value
    choices = ", ".join(f"'{choice}'" for choice in allowed)
    where = f"generation_config.image_config.{snake(name)}"
    issues.append(Issue(where, f"{snake(name)} must be one of {choices}"))
    return None


def _ranged(config: Any, name: str, most: float, issues: list[Issue]) -> float | None:
    value = field(config, name)
    if value is None:
        return None
    if not isinstance(value, bool) and isinstance(value, int | Decimal) and 0 <= value <= Decimal(most):
        return float(value)
    plain = snake(name)
    issues.append(Issue(f"generation_config.{plain}", f"{plain} must be in the range [0.0, {most}]"))
    return None


def _decode_count(config: Any, issues: list[Issue]) -> int:
    value = field(config, "candidateCount")
    if value is None:
        return 1
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= CANDIDATES_MAX:
        return value
    where = "generation_config.candidate_count"
    issues.append(Issue(where, f"candidate_count must be in the range [1, {CANDIDATES_MAX}]"))
    return 1


# --- Answers ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class GoogleAnswer(ImageAnswer):
    """An answer with the vendor's words for how it ended; `block_reason` is set when the prompt was refused.

    `state` is the model's turn alone, as a JSON list of one; None when it drew nothing.
    """

    finish_reason: str = STOPPED
    block_reason: str = ""


def encode_answer(answer: ImageAnswer, *, model: str = "", usage: Mapping[str, Any] | None = None) -> bytes:
    """The JSON body of a success. The model's turn is `answer.state` where there is one.

    Without a picture, the description is what the vendor says of the reason.

    :raises WireError: its state is no turn.
    """
    return dumps(answer_fields(answer, model=model, usage=usage))


def answer_fields(
    answer: ImageAnswer, *, model: str = "", usage: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The same as the object that it is, for who sends it in pieces."""
    ended = answer if isinstance(answer, GoogleAnswer) else GoogleAnswer(answer.images, answer.description)
    body: dict[str, Any] = {}
    if ended.block_reason:
        body["promptFeedback"] = _stripped(
            blockReason=ended.block_reason, blockReasonMessage=answer.description
        )
    else:
        body["candidates"] = [_encode_candidate(answer, ended.finish_reason)]
    return body | _stripped(usageMetadata=usage, modelVersion=model, responseId=answer.vendor_id)


def _encode_candidate(answer: ImageAnswer, finish_reason: str) -> dict[str, Any]:
    explained = not answer.images and finish_reason != STOPPED
    if answer.state is not None:
        content = decode_model_turn(answer.state)
    else:
        content = encode_model_turn(answer.images, "" if explained else answer.description)
    message = answer.description if explained else ""
    return {
        "content": content,
        **_stripped(finishReason=finish_reason, finishMessage=message),
        "index": 0,
    }


def encode_model_turn(images: tuple[Picture, ...], description: str) -> dict[str, Any]:
    """What the model says and draws, as a turn."""
    words = [{"text": description}] if description else []
    parts = [*words, *map(encode_part, images)]
    return {"role": "model", **({"parts": parts} if parts else {})}


def decode_model_turn(state: bytes) -> dict[str, Any]:
    """The turn in an answer's state.

    :raises WireError: it is none.
    """
    fields = parse_object(b'{"turns":' + state + b"}")
    turns = [turn for turn in listed(fields.get("turns")) if isinstance(turn, dict)]
    if len(turns) != 1:
        raise WireError("an answer's state is one turn")
    return turns[0]


def _stripped(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def decode_answer(body: bytes) -> GoogleAnswer:
    """A success, in either spelling. No pictures is an answer too: its reasons say what that means.

    All pictures of all candidates are handed on, but drafts that the model made while it thought: those
    only if it gave nothing else.

    :raises WireError: not JSON, not this format, or pictures of which none can be read.
    """
    fields = parse_object(body)
    candidates = [as_object(one) for one in listed(field(fields, "candidates"))]
    feedback = as_object(field(fields, "promptFeedback"))
    if not candidates and not feedback and not _is_answer(fields):
        raise WireError("neither candidates nor a prompt's feedback")
    drawn = _decode_drawn([as_object(field(candidate, "content")) for candidate in candidates])
    ended = candidates[0] if candidates else {}
    block_reason = "" if candidates else as_text(field(feedback, "blockReason"), 100)
    said = (
        drawn.text,
        as_text(field(ended, "finishMessage")),
        as_text(field(feedback, "blockReasonMessage")),
    )
    return GoogleAnswer(
        images=drawn.images,
        description=as_text(next((text for text in said if text), "")),
        vendor_id=as_text(field(fields, "responseId"), 200),
        state=drawn.state,
        finish_reason=as_text(field(ended, "finishReason"), 100) or ("" if block_reason else STOPPED),
        block_reason=block_reason,
    )


def _is_answer(fields: dict[str, Any]) -> bool:
    """An answer that says nothing is still one: what is empty is left out, or null."""
    return any(
        name in fields
        for name in ("candidates", "promptFeedback", "prompt_feedback", "usageMetadata", "usage_metadata")
    )


@dataclass(frozen=True)
class _Drawn:
    """What the candidates hold, and the turn of theirs to go on from."""

    images: tuple[Picture, ...]
    text: str
    state: bytes | None


def _decode_drawn(contents: list[dict[str, Any]]) -> _Drawn:
    """
    :raises WireError: there are pictures and none can be read, or the turn holds what JSON cannot.
    """
    results = [_read_parts(content, thoughts=False) for content in contents]
    text = "\n".join(words for _, words, _ in results if words)
    unreadable = any(broken for _, _, broken in results)
    if not any(images for images, _, _ in results):
        results = [_read_parts(content, thoughts=True) for content in contents]
    images = tuple(image for found, _, _ in results for image in found)
    if images:
        first = next(content for content, (found, _, _) in zip(contents, results, strict=True) if found)
        return _Drawn(images, text, dumps([_with_role(first)]))
    if unreadable:
        raise WireError("no picture of the answer can be read")
    return _Drawn((), text, None)


def _read_parts(content: dict[str, Any], *, thoughts: bool) -> tuple[list[Picture], str, bool]:
    """The pictures and words of a turn, thoughts or results; and whether a picture could not be read."""
    images: list[Picture] = []
    texts: list[str] = []
    broken = False
    for part in listed(field(content, "parts")):
        if is_thought(part) is not thoughts:
            continue
        try:
            read = decode_part(part)
        except WireError:
            broken = True
            continue
        if isinstance(read, str):
            texts += [read] if read else []
        elif read is not None:
            images.append(read)
    return images, "\n".join(texts), broken


def _with_role(content: dict[str, Any]) -> dict[str, Any]:
    """The turn verbatim; a role is put in where it has none, for a turn that is sent back must have one."""
    return content if field(content, "role") else {**content, "role": "model"}
