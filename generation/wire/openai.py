"""OpenAI's images API, `POST …/images/generations` and `…/images/edits`: requests, from both sides.

Its format is spoken by many: self-hosted servers, proxies such as LiteLLM, and Easel itself. What differs
among them is a `Dialect`. Facts come from the vendor's client library (openai 3.52.0), and from that client
and LiteLLM pointed at a recording server, 2026-11. Answers are in `openai_answers`, errors in
`openai_errors`, events of a stream in `openai_stream`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from decimal import Decimal
from enum import StrEnum
from typing import Any

from generation.wire import multipart, shapes
from generation.wire.errors import InvalidRequest, Issue, Unsupported, WireError
from generation.wire.messages import ImageBytes, ImageRequest
from generation.wire.multipart import Part
from generation.wire.reading import as_text, parse_object

GENERATIONS = "/images/generations"
EDITS = "/images/edits"
MODELS = "/models"

COUNT_MAX = 10
REFERENCES_MAX = 16
PROMPT_MAX = 32_000
PARTIAL_IMAGES_MAX = 3
RESPONSE_FORMATS = ("url", "b64_json")

_IMAGE_PART = re.compile(r"image(\[\d*\])?", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?\d{1,9}\s*", re.ASCII)


class Sizing(StrEnum):
    """How a server is told the shape."""

    RATIO = "ratio"  # by the extra field `aspect_ratio`
    PIXELS = "pixels"  # by `size`, in the pixels of the ratio
    AUTO = "auto"  # not at all: it draws squares, or what it likes


class Counting(StrEnum):
    """How a server is told the number of pictures."""

    N = "n"
    ONE = "one"  # it makes one a call, and is told nothing


@dataclass(frozen=True)
class Dialect:
    """What one server wants otherwise than another. An empty `response_format` is not sent.

    `always_brackets` names a single file `image[]` too, as LiteLLM does.
    """

    size: Sizing = Sizing.RATIO
    response_format: str = ""
    count: Counting = Counting.N
    always_brackets: bool = False

    @classmethod
    def read(cls, options: Mapping[str, Any]) -> "Dialect":
        """The dialect that a connection's options describe; others are none of its business.

        :raises ValueError: an option has a value that it cannot have; the text says which it can.
        """
        return cls(
            size=Sizing(_option(options, "size", tuple(Sizing))),
            response_format=_option(options, "response_format", ("", *RESPONSE_FORMATS)),
            count=Counting(_option(options, "count", tuple(Counting))),
            always_brackets=_option(options, "always_brackets", (False, True)),
        )


def _option(options: Mapping[str, Any], name: str, choices: tuple[Any, ...]) -> Any:
    value = options.get(name, choices[0])
    if value not in choices or isinstance(value, bool) is not isinstance(choices[0], bool):
        known = ", ".join(json.dumps(choice) for choice in choices)
        raise ValueError(f"the option {name} is one of {known}")
    return value


@dataclass(frozen=True)
class Extras:
    """What a request may say beyond an `ImageRequest`; empty where it says nothing.

    `size` stands here as it was sent, whatever ratio was read from it.
    """

    size: str = ""
    response_format: str = ""
    quality: str = ""
    background: str = ""
    moderation: str = ""
    output_format: str = ""
    style: str = ""
    input_fidelity: str = ""
    user: str = ""
    safety_identifier: str = ""
    output_compression: int | None = None
    stream: bool = False
    partial_images: int = 0
    mask: ImageBytes | None = field(default=None, repr=False)


_WORDS = tuple(item.name for item in fields(Extras) if item.type is str)
NO_EXTRAS = Extras()
PLAIN = Dialect()


@dataclass(frozen=True)
class ImagesCall:
    """A request as a server reads it; `model` is empty where it is left to the server."""

    request: ImageRequest
    extras: Extras = NO_EXTRAS


@dataclass(frozen=True)
class EncodedCall:
    """A request's body, its content type, and the path under the base URL that takes it."""

    path: str
    body: bytes = field(repr=False)
    content_type: str


# --- Writing ------------------------------------------------------------------------------------


def encode_request(
    request: ImageRequest, dialect: Dialect = PLAIN, extras: Extras = NO_EXTRAS
) -> EncodedCall:
    """JSON, or a form when there are references.

    :raises Unsupported: the format, or this dialect of it, has no word for something that is asked.
    """
    said = {**_request_fields(request, dialect), **_extra_fields(extras)}
    said |= _shape_field(request.aspect_ratio, dialect)
    if dialect.response_format:
        said["response_format"] = dialect.response_format
    if request.references:
        form = multipart.encode(_parts(request, dialect, extras, said))
        return EncodedCall(EDITS, form.body, form.content_type)
    if extras.mask is not None:
        raise Unsupported("a mask without references says nothing")
    return EncodedCall(GENERATIONS, json.dumps(said).encode(), "application/json")


def _request_fields(request: ImageRequest, dialect: Dialect) -> dict[str, Any]:
    for name in ("temperature", "top_p", "image_size", "provider_route", "state"):
        if getattr(request, name) is not None:
            raise Unsupported(f"the OpenAI images format has no word for {name}")
    said: dict[str, Any] = {"model": request.model} if request.model else {}
    said["prompt"] = request.prompt
    if dialect.count is Counting.N:
        said["n"] = request.count
    elif request.count != 1:
        raise Unsupported("this server makes one picture a call")
    return said


def _shape_field(ratio: str | None, dialect: Dialect) -> dict[str, str]:
    if ratio is None:
        return {}
    if dialect.size is Sizing.RATIO:
        return {"aspect_ratio": ratio}
    if dialect.size is Sizing.PIXELS and ratio in shapes.PIXELS:
        return {"size": shapes.size_of(ratio)}
    if ratio != "1:1":
        raise Unsupported(f"this server cannot be told the ratio {ratio}")
    return {}


def _extra_fields(extras: Extras) -> dict[str, Any]:
    said: dict[str, Any] = {name: getattr(extras, name) for name in _WORDS if getattr(extras, name)}
    if extras.output_compression is not None:
        said["output_compression"] = extras.output_compression
    if extras.stream:
        said["stream"] = True
    if extras.partial_images:
        said["partial_images"] = extras.partial_images
    return said


def _parts(request: ImageRequest, dialect: Dialect, extras: Extras, said: dict[str, Any]) -> list[Part]:
    several = dialect.always_brackets or len(request.references) > 1
    parts = []
    for index, reference in enumerate(request.references):
        if not isinstance(reference, ImageBytes):
            raise Unsupported("the OpenAI images format takes references as files alone")
        parts.append(_file("image[]" if several else "image", f"reference-{index}", reference))
    if extras.mask is not None:
        parts.append(_file("mask", "mask", extras.mask))
    for name, value in said.items():
        text = ("false", "true")[value] if isinstance(value, bool) else str(value)
        parts.append(Part(name, text.encode("utf-8", "replace")))
    return parts


def _file(name: str, stem: str, picture: ImageBytes) -> Part:
    kind = picture.content_type.partition("/")[2]
    suffix = kind if kind.isascii() and kind.isalnum() else "png"
    return Part(name, picture.data, f"{stem}.{suffix}", picture.content_type)


# --- Reading ------------------------------------------------------------------------------------


def decode_generation(body: bytes) -> ImagesCall:
    """The request in the JSON of `…/images/generations`; fields that nobody knows are ignored.

    :raises WireError: not a JSON object.
    :raises InvalidRequest: a field is missing or outside the documented values.
    """
    issues: list[Issue] = []
    return _read(parse_object(body), (), None, issues)


def decode_edit(body: bytes, content_type: str) -> ImagesCall:
    """The request in the form of `…/images/edits`; parts that nobody knows are ignored.

    :raises WireError: not a multipart form.
    :raises InvalidRequest: a field is missing or outside the documented values.
    """
    said: dict[str, Any] = {}
    images: list[ImageBytes] = []
    mask = None
    for part in multipart.decode(body, content_type):
        if _IMAGE_PART.fullmatch(part.name):
            images.append(_picture(part))
        elif part.name == "mask":
            mask = _picture(part) if part.data else None
        elif part.filename is None and part.text is not None:
            said[part.name] = part.text
    issues: list[Issue] = []
    if not images:
        issues.append(Issue("image", "Missing required parameter: 'image'."))
    elif len(images) > REFERENCES_MAX:
        issues.append(Issue("image", f"Invalid 'image': at most {REFERENCES_MAX} files can be sent."))
    elif not all(image.data for image in images):
        issues.append(Issue("image", "Invalid 'image': a file is empty."))
    return _read(said, tuple(images), mask, issues)


def _picture(part: Part) -> ImageBytes:
    return ImageBytes(part.data, part.content_type.partition(";")[0].strip().lower())


def _read(
    said: dict[str, Any], images: tuple[ImageBytes, ...], mask: ImageBytes | None, issues: list[Issue]
) -> ImagesCall:
    words = {name: as_text(said.get(name), 1_000) for name in _WORDS}
    request = ImageRequest(
        model=_text(said, "model", issues),
        prompt=_prompt(said, issues),
        aspect_ratio=_ratio(said, issues),
        count=_whole(said, "n", (1, COUNT_MAX), issues) or 1,
        references=images,
    )
    if words["response_format"] not in ("", *RESPONSE_FORMATS):
        issues.append(Issue("response_format", _wrong("response_format", "'url' or 'b64_json'")))
    extras = Extras(
        **words,
        output_compression=_whole(said, "output_compression", (0, 100), issues),
        stream=_flag(said.get("stream")),
        partial_images=_whole(said, "partial_images", (0, PARTIAL_IMAGES_MAX), issues) or 0,
        mask=mask,
    )
    if issues:
        raise InvalidRequest(*issues)
    return ImagesCall(request, extras)


def _wrong(name: str, wanted: str) -> str:
    return f"Invalid value for '{name}': expected {wanted}."


def _text(said: dict[str, Any], name: str, issues: list[Issue]) -> str:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        issues.append(Issue(name, _wrong(name, "a string")))
    return as_text(value, len(value)) if isinstance(value, str) else ""


def _prompt(said: dict[str, Any], issues: list[Issue]) -> str:
    before, prompt = len(issues), _text(said, "prompt", issues)
    if len(issues) == before and not prompt.strip():
        issues.append(Issue("prompt", "Missing required parameter: 'prompt'."))
    elif len(prompt) > PROMPT_MAX:
        issues.append(Issue("prompt", f"Invalid 'prompt': string too long, at most {PROMPT_MAX} characters."))
    return prompt


def _ratio(said: dict[str, Any], issues: list[Issue]) -> str | None:
    """`aspect_ratio` where it is given, else the nearest to `size`."""
    ratio = _text(said, "aspect_ratio", issues)
    if ratio:
        if ratio not in shapes.RATIOS:
            issues.append(Issue("aspect_ratio", _wrong("aspect_ratio", f"one of {', '.join(shapes.RATIOS)}")))
        return ratio
    try:
        return shapes.ratio_of(_text(said, "size", issues))
    except WireError:
        issues.append(Issue("size", _wrong("size", "WIDTHxHEIGHT, such as '1024x1024', or 'auto'")))
        return None


def _whole(said: dict[str, Any], name: str, limits: tuple[int, int], issues: list[Issue]) -> int | None:
    """A whole number within limits, as a number or, as every value of a form, as its text."""
    value, (low, high) = said.get(name), limits
    if value is None or value == "":
        return None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    whole = isinstance(value, int | Decimal) and not isinstance(value, bool)
    if not whole or not low <= value <= high or value != int(value):
        issues.append(Issue(name, _wrong(name, f"a whole number from {low} to {high}")))
        return None
    return int(value)


def _flag(value: Any) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "1"))
