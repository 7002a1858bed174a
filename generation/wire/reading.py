"""Careful reading of JSON from outside: whatever the bytes are, a value or a WireError."""

import base64
import binascii
import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

from generation.wire.errors import WireError

# Far above any real figure, and small enough that arithmetic with it stays cheap.
CREDITS_MAX = 10**15
USD_MAX = Decimal(100_000)
SIDE_MAX = 100_000
TEXT_MAX = 20_000
URL_MAX = 8_192

_DATA_URI = re.compile(
    r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?:;[\w.+-]+=[^;,]*)*;base64,", re.ASCII | re.IGNORECASE
)


def parse(body: bytes) -> Any:
    """The JSON in `body`, numbers with a point as Decimal.

    :raises WireError: not UTF-8, not JSON, or too deep.
    """
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=Decimal, parse_constant=_refuse_constant)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise WireError("not JSON") from error


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, numbers with a point as Decimal.

    :raises WireError: not UTF-8, not JSON, too deep, or not an object.
    """
    value = parse(body)
    if not isinstance(value, dict):
        raise WireError("not a JSON object")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def as_object(value: Any) -> dict[str, Any]:
    """`value` when it is an object, else an empty one: what may be null is read as absent."""
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    """`value` when it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: Any, limit: int = TEXT_MAX) -> str:
    """`value` when it is text, without what a database cannot hold (NUL, lone surrogates); else empty."""
    if not isinstance(value, str):
        return ""
    return value[:limit].replace("\0", "").encode("utf-8", "replace").decode()


def page_text(body: bytes, limit: int) -> str:
    """The words of a body that is not JSON, such as a gateway's HTML page."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", body[:20_000].decode("utf-8", "replace"))
    return as_text(" ".join(text.split()), limit)


def as_pixels(value: Any) -> int | None:
    """A side of a picture in pixels, or None."""
    number = _as_number(value)
    if number is None or not 0 < number <= SIDE_MAX:
        return None
    return int(number)


def as_credits(value: Any) -> int | None:
    """A count of vendor credits, from a number or its text, or None."""
    number = _as_number(value)
    if number is None or not 0 <= number <= CREDITS_MAX:
        return None
    return round(number)


def as_usd(value: Any) -> Decimal | None:
    """An amount of US dollars to a millionth, from a number or its text, or None."""
    number = _as_number(value)
    if number is None or not 0 <= number <= USD_MAX:
        return None
    return number.quantize(Decimal("0.000001"))


def _as_number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    if isinstance(value, str) and len(value) > 40:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def is_link(value: str) -> bool:
    """Whether `value` is an http or https address a client could fetch."""
    head = value[:8].lower()
    return head.startswith(("http://", "https://")) and len(value) <= URL_MAX and value.isprintable()


def decode_base64(text: str) -> bytes:
    """The bytes behind base64 text, with or without padding, line breaks and the URL alphabet.

    :raises WireError: not base64, or nothing in it.
    """
    plain = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        data = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise WireError("not base64") from error
    if not data:
        raise WireError("empty base64")
    return data


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def encode_data_uri(data: bytes, content_type: str) -> str:
    """`data:<type>;base64,…`, the form in which pictures travel inside JSON."""
    return f"data:{content_type};base64,{encode_base64(data)}"


def decode_data_uri(uri: str) -> tuple[bytes, str]:
    """The bytes and the claimed content type of a base64 data URI.

    :raises WireError: not a base64 data URI.
    """
    match = _DATA_URI.match(uri[:300])
    if match is None:
        raise WireError("not a base64 data URI")
    return decode_base64(uri[match.end() :]), (match["type"] or "").lower()


def is_data_uri(value: str) -> bool:
    return value[:5].lower() == "data:"


def dump_exact(value: Any) -> bytes:
    """JSON of what `parse_object` read: the same members in the same order, numbers to the last digit.

    :raises WireError: too deep.
    """
    try:
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except TypeError:  # a Decimal, for which json has no word
            return _dumped(value).encode()
    except RecursionError as error:
        raise WireError("too deep") from error


def _dumped(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join([f"{json.dumps(name)}:{_dumped(item)}" for name, item in value.items()]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join([_dumped(item) for item in value]) + "]"
    return str(value) if isinstance(value, Decimal) else json.dumps(value)
