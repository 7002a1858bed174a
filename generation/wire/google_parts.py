"""Google's `Content` and `Part`: what a turn of a conversation is made of, and a conversation as bytes.

Names are written in camelCase; on reading, snake_case is taken as well, for clients really send both, mixed.
"""

import base64
import json
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from generation.wire.errors import WireError
from generation.wire.messages import ImageBytes, ImageLink
from generation.wire.reading import URL_MAX, as_object, as_text, decode_base64, is_link

Picture = ImageBytes | ImageLink


@lru_cache(maxsize=256)
def snake(name: str) -> str:
    """`inlineData` as `inline_data`."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def field(value: Any, name: str) -> Any:
    """A field by its camelCase name, else by the same name in snake_case; None when it is absent or null."""
    fields = as_object(value)
    found = fields.get(name)
    return fields.get(snake(name)) if found is None else found


def listed(value: Any) -> list[Any]:
    """A repeated field; one item may stand alone, as it does in some of Google's own examples."""
    if isinstance(value, dict):
        return [value]
    return value if isinstance(value, list) else []


def encode_part(picture: Picture) -> dict[str, Any]:
    """A picture as a part: inline, or by its address."""
    claimed = {"mimeType": picture.content_type} if picture.content_type else {}
    if isinstance(picture, ImageLink):
        return {"fileData": {**claimed, "fileUri": picture.url}}
    return {"inlineData": {**claimed, "data": base64.b64encode(picture.data).decode()}}


def decode_part(part: Any) -> Picture | str | None:
    """A part: a picture, text, or None for what is neither, such as a call of a function.

    :raises WireError: it should be a picture and cannot be read as one.
    """
    if inline := as_object(field(part, "inlineData")):
        return _inline(inline)
    if file := as_object(field(part, "fileData")):
        return _file(file)
    text = field(part, "text")
    return as_text(text, limit=len(text)) if isinstance(text, str) else None


def _inline(inline: dict[str, Any]) -> ImageBytes:
    data = field(inline, "data")
    if not isinstance(data, str):
        raise WireError("inlineData holds no data")
    return ImageBytes(decode_base64(data), _content_type(inline))


def _file(file: dict[str, Any]) -> ImageLink:
    uri = as_text(field(file, "fileUri"), URL_MAX + 1)
    stored = uri.startswith("gs://") and uri.isprintable() and len(uri) <= URL_MAX
    if not stored and not is_link(uri):
        raise WireError("fileData holds no address")
    return ImageLink(uri, _content_type(file))


def _content_type(blob: dict[str, Any]) -> str:
    """The claimed type of a blob.

    :raises WireError: it claims to be something else than a picture.
    """
    claimed = as_text(field(blob, "mimeType"), 100)
    if claimed and not claimed.lower().startswith("image/"):
        raise WireError(f"Unsupported MIME type: {claimed}")
    return claimed


def is_thought(part: Any) -> bool:
    """Whether the part is a step on the way: words or a draft of a picture that are no result."""
    return field(part, "thought") is True


def dumps(value: Any) -> bytes:
    """JSON of what was read with numbers as Decimal.

    :raises WireError: too deep, or a number that no JSON reader would give back.
    """
    try:
        return json.dumps(value, default=_as_float, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error


def _as_float(value: Any) -> float:
    if isinstance(value, Decimal):
        return float(value)
    raise ValueError(f"{type(value).__name__} is not JSON")


def decode_history(history: bytes) -> list[dict[str, Any]]:
    """The turns of a conversation kept as bytes.

    :raises WireError: it is no JSON list of turns.
    """
    try:
        turns = json.loads(history.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise WireError("the conversation so far is not JSON") from error
    if not isinstance(turns, list) or not all(isinstance(turn, dict) for turn in turns):
        raise WireError("the conversation so far is not a list of turns")
    return turns


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def joined(history: bytes | None, turns: bytes) -> bytes:
    """The conversation so far with further turns, both JSON lists. What was there stays byte for byte.

    :raises WireError: the conversation so far is none.
    """
    if history is None or not decode_history(history):
        return turns
    return history.rstrip()[:-1] + b"," + turns.lstrip()[1:]
