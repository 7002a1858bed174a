"""GMI Cloud's errors: the table of statuses, bodies to read and write, and failures that arrive as records.

Source: published records of real answers (2026-05 to 2026-08) and the vendor's SDK; no page documents
them.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from generation.wire.errors import Issue, WireError
from generation.wire.gmi import MESSAGE_MAX
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.reading import as_object, as_text, parse_object

# What a status means when its words say nothing more exact.
ERRORS: Mapping[int, Meaning] = {
    400: Meaning.INVALID,
    401: Meaning.BAD_KEY,
    402: Meaning.NO_MONEY,
    403: Meaning.BAD_KEY,
    404: Meaning.UNKNOWN_MODEL,
    429: Meaning.RATE_LIMITED,
    500: Meaning.BROKEN,
    502: Meaning.BROKEN,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
}
# Words for each, for servers that answer in its place; those of 402 and 404 were seen.
MESSAGES: Mapping[int, str] = {
    400: "Invalid request payload",
    401: "Invalid API key",
    402: "Insufficient credits. Please top up your account to continue.",
    403: "Access denied",
    404: "model does not exist",
    429: "Rate limit exceeded. Please retry later.",
    500: "Internal server error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
# What the server's answer says when the model's own vendor turned the parameters down.
BACKEND_REFUSAL = "Backend error (400). {reason}"
# A limit that arrives as a failed record names no wait; others found this long to be enough.
FAILED_RETRY_SECONDS = 20.0
WAIT_MAX_SECONDS = 10.0**9

_BACKEND = re.compile(r"(?:\berror|\bstatus|\bcode)\W{0,4}(4\d\d)\b", re.I)
_RATE = re.compile(r"\brate.?limit|too many requests|\bRPM\b", re.I)
_CONTENT = re.compile(
    r"safety|moderat|policy|policies|prohibited|content.?filter|\bblocked\b|nsfw|sensitive content", re.I
)
_MODEL = re.compile(r"\bmodel\b.{0,120}(does not exist|not found|no access|not available to)", re.I)
_MONEY = re.compile(r"insufficient (credit|balance|fund)", re.I)
_INVALID = re.compile(
    r"\binvalid\b.{0,60}(param|payload|argument|image|request|value)|unsupported|unable to process input",
    re.I,
)


class Envelope(StrEnum):
    """How an error's body can be laid out."""

    STRING = "string"  # `error` is a text, as the SDK reads it
    NESTED = "nested"  # `error.message` and `error.details`, which may be JSON as text


def meaning(error: ErrorAnswer) -> Meaning:
    """What an error answer says, from its words where they are exact, else from its status."""
    status = error.status
    if status == 400:
        return _said(error.message) or Meaning.INVALID
    if status == 500 and (backend := _BACKEND.search(error.message)):
        # The server passes on that the model's own vendor refused: the same request will fail again.
        return _backend(int(backend[1]), error.message)
    if status in (401, 403) and _MONEY.search(error.message):
        return Meaning.NO_MONEY
    if status in ERRORS:
        return ERRORS[status]
    # 408 says that the server stopped waiting, not what it did; so does every other status that is no 4xx.
    return Meaning.INVALID if 400 <= status < 500 and status != 408 else Meaning.BROKEN


def failure_meaning(message: str) -> Meaning:
    """What a failed record's reason says; BROKEN when it says nothing exact."""
    if said := _said(message):
        return said
    if backend := _BACKEND.search(message):
        return _backend(int(backend[1]), message)
    return Meaning.INVALID if _INVALID.search(message) else Meaning.BROKEN


def _said(message: str) -> Meaning | None:
    """What words alone say."""
    if _RATE.search(message):
        return Meaning.RATE_LIMITED
    if _MONEY.search(message):
        return Meaning.NO_MONEY
    if _MODEL.search(message):
        return Meaning.UNKNOWN_MODEL
    return Meaning.CONTENT if _CONTENT.search(message) else None


def _backend(status: int, message: str) -> Meaning:
    """What it says that the model's own vendor answered with `status`, a 4xx."""
    if status == 408:
        return Meaning.TIMED_OUT
    return Meaning.RATE_LIMITED if status == 429 else _said(message) or Meaning.INVALID


def decode_error(status: int, body: bytes) -> ErrorAnswer:
    """An error in either envelope, or in none: whatever the bytes are, this reads something."""
    try:
        fields = parse_object(body)
    except WireError:
        return ErrorAnswer(status, _plain(body))
    limit = as_object(fields.get("rate_limit")) or as_object(as_object(fields.get("error")).get("rate_limit"))
    return ErrorAnswer(
        status=status,
        message=_message(fields),
        vendor_id=as_text(fields.get("request_id"), 200),
        code=as_text(as_object(fields.get("error")).get("code"), 100),
        retry_after_seconds=_seconds(limit.get("retry_after_ms")),
    )


def _message(fields: dict[str, Any]) -> str:
    nested = as_object(fields.get("error"))
    words = [nested.get("message"), fields.get("error"), fields.get("message"), fields.get("error_message")]
    text = next((text for value in words if (text := as_text(value, MESSAGE_MAX).strip())), "")
    details = as_text(nested.get("details"), MESSAGE_MAX).strip()
    return f"{text} {_details(details)}".strip()[:MESSAGE_MAX]


def _details(text: str) -> str:
    """The words of `details`, which may be a JSON document with a message in it."""
    try:
        return _message(parse_object(text.encode()))
    except (WireError, RecursionError):
        return text


def _seconds(value: Any) -> float | None:
    """A wait in milliseconds, from a number or its text, in seconds; not clamped to what is sensible."""
    try:
        milliseconds = Decimal(value) if isinstance(value, int | Decimal | str) else None
    except ArithmeticError:
        return None
    if milliseconds is None or isinstance(value, bool) or not milliseconds.is_finite():
        return None
    return min(max(float(milliseconds) / 1000, -WAIT_MAX_SECONDS), WAIT_MAX_SECONDS)


def _plain(body: bytes) -> str:
    """The words of a body that is no JSON object: a bare JSON text, or a gateway's HTML page."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", body[:20_000].decode("utf-8", "replace"))
    return as_text(" ".join(text.strip().strip('"').split()), MESSAGE_MAX)


def encode_error(
    error: ErrorAnswer, *, envelope: Envelope = Envelope.STRING, wait: str | None = None
) -> bytes:
    """The body of an error. `wait` is a hint as it shall stand there, even where it is no number."""
    body: dict[str, Any] = {"error": error.message}
    if envelope is Envelope.NESTED:
        body = {"error": {"code": error.code, "message": error.message, "details": ""}}
    if error.retry_after_seconds is not None:
        body["rate_limit"] = {"retry_after_ms": round(error.retry_after_seconds * 1000)}
    elif wait is not None:
        body["rate_limit"] = {"retry_after_ms": wait}
    if error.vendor_id:
        body["request_id"] = error.vendor_id
    return json.dumps(body).encode()


def validation_message(issues: tuple[Issue, ...]) -> str:
    """A sentence for a request that breaks the payload's rules; the vendor's own words are not known."""
    return "; ".join([MESSAGES[400], *(f"{issue.field} {issue.message}" for issue in issues)])
