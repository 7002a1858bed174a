"""1min.ai's errors: its codes, two envelopes to read and write, and the errors of others that it passes on.

Source: public records of real answers of 2026-08. A model's vendor that fails is reported as status 400 whose
text asks to try again, with the true cause as JSON text in `details`.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

from generation.wire.errors import Issue, WireError
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.reading import as_object, as_text, page_text, parse, parse_object

MESSAGE_MAX = 1_000
DETAILS_MAX = 100_000
CODE_MAX = 100

EXTERNAL = "EXTERNAL_API_RESPONSE_WITH_ERROR"
MISSING = "MISSING_REQUIRED_FIELDS"
NO_CREDITS = "INSUFFICIENT_CREDITS"
UNSUPPORTED_MODEL = "UNSUPPORTED_MODEL"
UNKNOWN = "UNKNOWN_ERROR"

# What a 4xx means by its code, which says more than the status.
CODES: Mapping[str, Meaning] = {
    UNSUPPORTED_MODEL: Meaning.UNKNOWN_MODEL,
    MISSING: Meaning.INVALID,
    NO_CREDITS: Meaning.NO_MONEY,
    "INVALID_AUTH_TOKEN": Meaning.BAD_KEY,
    UNKNOWN: Meaning.INVALID,
}
# What a status means when no code says more. 522 and 524 come from the edge, which waited in vain for the
# vendor behind it.
ERRORS: Mapping[int, Meaning] = {
    400: Meaning.INVALID,
    401: Meaning.BAD_KEY,
    402: Meaning.NO_MONEY,
    403: Meaning.NOT_ALLOWED,
    404: Meaning.UNKNOWN_MODEL,
    406: Meaning.NO_MONEY,
    408: Meaning.BROKEN,
    429: Meaning.RATE_LIMITED,
    500: Meaning.BROKEN,
    502: Meaning.BROKEN,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
    522: Meaning.TIMED_OUT,
    524: Meaning.TIMED_OUT,
}
# What the error of a model's vendor means for whoever asked 1min.ai. That vendor's quarrel over keys and
# money is with 1min.ai: for others it comes to the model not being on offer.
CAUSES: Mapping[int, Meaning] = {
    401: Meaning.UNKNOWN_MODEL,
    402: Meaning.UNKNOWN_MODEL,
    403: Meaning.UNKNOWN_MODEL,
    404: Meaning.UNKNOWN_MODEL,
    408: Meaning.TIMED_OUT,
    429: Meaning.RATE_LIMITED,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
}
# For servers that answer in the vendor's place. The codes of 401, 429 and 5xx are not documented.
MESSAGES: Mapping[int, tuple[str, str]] = {
    400: (UNKNOWN, "An unknown error occurred"),
    401: ("INVALID_API_KEY", "The API key is invalid"),
    406: (NO_CREDITS, "The feature requires 4,800 credits, but the team Example Team has only 120 credits"),
    429: ("TOO_MANY_REQUESTS", "Too many requests, please try again later"),
    500: ("INTERNAL_SERVER_ERROR", "Internal server error"),
    502: ("BAD_GATEWAY", "Bad gateway"),
    503: ("SERVICE_UNAVAILABLE", "Service unavailable"),
    504: ("GATEWAY_TIMEOUT", "Gateway timeout"),
}
BUSY = "The gemini service is busy. Please try again shortly."

_CONTENT = re.compile(
    r"safety|moderat|prohibited|content.?(policy|filter)|policy.violation|violat.{0,40}polic|blocked|nsfw",
    re.I,
)
_REQUEST = re.compile(
    r"input image|invalid.?(argument|parameter|image|request)|unsupported (image|file|format)", re.I
)
_AMOUNT = re.compile(r"\d[\d,.]*\s+credits?\b", re.I)
_MONEY = re.compile(r"insufficient.{0,3}credit|not enough credit|\d\s+credits?\b", re.I)
_TEAM = re.compile(
    r"\b[Tt]eam\b(?:\s+name)?[\s:]*"
    r"(?:[\"'“‘][^\"'”’]*[\"'”’]?|[A-Z0-9][\w.&'-]*(?:\s+[A-Z0-9][\w.&'-]*)*)"
)


class Envelope(StrEnum):
    """How an error's body can be laid out."""

    FEATURES = "features"  # errorCode, message, context, details
    NESTED = "nested"  # success false and error.{code,message}, as the chat API documents it


def meaning(error: ErrorAnswer) -> Meaning:
    """What the error says: by the cause it passes on, its code, its words, then its status."""
    if not 400 <= error.status < 500 or error.status == 429:
        return ERRORS.get(error.status, Meaning.BROKEN)
    if error.code == EXTERNAL:
        return _meaning_of_cause(error)
    if error.status == 400 and _CONTENT.search(error.message):
        return Meaning.CONTENT
    return CODES.get(error.code) or ERRORS.get(error.status, Meaning.INVALID)


def meaning_of_failure(error: ErrorAnswer) -> Meaning:
    """What a failed record says. It ends a run that was taken on, so only a clear no is a refusal."""
    if error.cause is not None and error.cause.status:
        return _meaning_of_cause(error)
    if _CONTENT.search(error.message):
        return Meaning.CONTENT
    return Meaning.INVALID if _REQUEST.search(error.message) else Meaning.BROKEN


def _meaning_of_cause(error: ErrorAnswer) -> Meaning:
    """The outer words ask to try again whatever has happened, so that they count for nothing here."""
    cause = error.cause or ErrorAnswer(0)
    if cause.status < 500 and _CONTENT.search(f"{cause.code} {cause.message}"):
        return Meaning.CONTENT
    if cause.status in CAUSES:
        return CAUSES[cause.status]
    return Meaning.INVALID if 400 <= cause.status < 500 else Meaning.BROKEN


def words(error: ErrorAnswer) -> str:
    """The vendor's words as they may be shown: the cause's where there is one, and never the team's name.

    Of an error over money only its code and amounts are left, since the name can stand anywhere in it.
    """
    if error.code == NO_CREDITS or meaning(error) is Meaning.NO_MONEY or _MONEY.search(error.message):
        amounts = ", ".join(_AMOUNT.findall(error.message)[:3])
        return f"{NO_CREDITS} ({amounts})" if amounts else NO_CREDITS
    told = error.cause.message if error.cause is not None and error.cause.message else error.message
    return _TEAM.sub("team", told)


# --- Reading ------------------------------------------------------------------------------------


def decode_error(status: int, body: bytes) -> ErrorAnswer:
    """An error in either envelope, or in none: whatever the bytes are, this reads something."""
    try:
        fields = parse_object(body)
    except WireError:
        return ErrorAnswer(status, page_text(body, MESSAGE_MAX))
    nested = as_object(fields.get("error"))
    details = _details(fields.get("details") or nested.get("details"))
    message = _first_text(fields.get("message"), nested.get("message"), fields.get("error"))
    return ErrorAnswer(
        status=status,
        message="; ".join(text for text in (message, _decode_issues(details)) if text)[:MESSAGE_MAX],
        code=_first_text(fields.get("errorCode"), nested.get("code"), fields.get("code"))[:CODE_MAX],
        cause=_decode_cause(details),
    )


def decode_failure(record: dict[str, Any], detail: dict[str, Any], results: tuple[str, ...]) -> ErrorAnswer:
    """Why a run failed, from wherever its record says something of it."""
    places = [part.get(name) for part in (record, detail) for name in ("message", "errorMessage", "error")]
    nested = as_object(record.get("error") or detail.get("error"))
    return ErrorAnswer(
        status=200,
        message=_first_text(*places, nested.get("message"), *results[:1]),
        code=_first_text(record.get("errorCode"), detail.get("errorCode"), nested.get("code"))[:CODE_MAX],
        cause=_decode_cause(_details(record.get("details") or detail.get("details"))),
    )


def _first_text(*values: Any) -> str:
    texts = (as_text(value, MESSAGE_MAX).strip() for value in values)
    return next((text for text in texts if text), "")


def _details(value: Any) -> Any:
    """What `details` holds: JSON, also where it is written as text."""
    if not isinstance(value, str):
        return value
    try:
        return parse(as_text(value, DETAILS_MAX).encode())
    except WireError:
        return None


def _decode_issues(details: Any) -> str:
    """The list of `{field, message}` that missing fields come with, as one text."""
    if not isinstance(details, list):
        return ""
    pairs = [(as_object(one).get("field"), as_object(one).get("message")) for one in details[:20]]
    told = (": ".join(filter(None, (as_text(field, 100), as_text(text, 200)))) for field, text in pairs)
    return "; ".join(text for text in told if text)


def _decode_cause(details: Any) -> ErrorAnswer | None:
    """The other vendor's answer inside `details`, whether or not it is wrapped in `response` and `data`."""
    outer = as_object(details)
    response = as_object(outer.get("response")) or outer
    data = response.get("data")
    inner = as_object(_details(data)) or response
    inner = as_object(inner.get("error")) or inner
    status = _status(response.get("status")) or _status(response.get("statusCode"))
    message = _first_text(inner.get("message"), data, outer.get("message"))
    if not (status or message):
        return None
    # A status in words, as `INVALID_ARGUMENT`, serves as the code of whoever has no other.
    named = "" if _status(inner.get("status")) else inner.get("status")
    return ErrorAnswer(status, message, code=_first_text(inner.get("code"), named)[:CODE_MAX])


def _status(value: Any) -> int:
    """A status of HTTP from a number or its text, or 0."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return 0
    text = str(value) if not isinstance(value, int) or 0 <= value < 1000 else ""
    return int(text) if re.fullmatch(r"[1-5][0-9]{2}", text, re.ASCII) else 0


# --- Writing ------------------------------------------------------------------------------------


def encode_error(
    error: ErrorAnswer,
    *,
    envelope: Envelope = Envelope.FEATURES,
    issues: tuple[Issue, ...] = (),
    structured: bool = False,
) -> bytes:
    """The body of an error. `structured` writes `details` as JSON itself instead of as JSON in text.

    Only `Envelope.FEATURES` has room for a cause.
    """
    if envelope is Envelope.NESTED:
        body: dict[str, Any] = {"success": False, "error": {"code": error.code, "message": error.message}}
        return json.dumps(body).encode()
    body = {"errorCode": error.code, "message": error.message}
    if error.cause is not None:
        details: Any = _encode_cause(error.cause)
        body |= {"context": {"service": "gemini"}, "details": details if structured else json.dumps(details)}
    elif issues:
        listed = [{"field": issue.field, "message": issue.message} for issue in issues]
        body["details"] = listed if structured else json.dumps(listed)
    return json.dumps(body).encode()


def encode_failure(error: ErrorAnswer) -> dict[str, Any]:
    """What a failed record says besides its message; by our guess, as the vendor's is not public."""
    said: dict[str, Any] = {"errorCode": error.code} if error.code else {}
    return said | ({"details": json.dumps(_encode_cause(error.cause))} if error.cause else {})


def _encode_cause(cause: ErrorAnswer) -> dict[str, Any]:
    return {"response": {"status": cause.status, "data": {"code": cause.code, "message": cause.message}}}
