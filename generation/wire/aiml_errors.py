"""The AIML API's errors: the table of statuses, and three envelopes to read and write.

Source: docs.aimlapi.com, "Errors with status code 4xx" and "5xx", read 2026-11; the second and third envelope
are from public clients' records of real answers.
"""

import json
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from generation.wire.aiml import HEADER_ID, PATH, decode_cost
from generation.wire.errors import Issue, WireError
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.reading import as_object, as_text, page_text, parse_object

MESSAGE_MAX = 1_000

# What a status means when its words say nothing more exact.
ERRORS: Mapping[int, Meaning] = {
    400: Meaning.INVALID,
    401: Meaning.BAD_KEY,
    403: Meaning.NO_MONEY,  # "authenticated but not allowed (e.g., no credits)"
    404: Meaning.UNKNOWN_MODEL,
    429: Meaning.RATE_LIMITED,
    500: Meaning.BROKEN,
    502: Meaning.BROKEN,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
}
# The vendor's own words for each, for servers that answer in its place.
MESSAGES: Mapping[int, str] = {
    400: "Body validation error",
    401: "This request requires a valid API key. You can create a new API key on the Billing page.",
    403: "You've run out of credits. Please top up your balance or update your payment method to continue.",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Something wrong with the server. Please, try again later.",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}

_CONTENT = re.compile(
    r"safety|moderat|prohibited|content.?(policy|filter)|policy.violation|violat.{0,40}polic|blocked|nsfw",
    re.I,
)
_MODEL = re.compile(
    r"\bmodel\b.{0,80}(not found|not exist|unknown|invalid|unsupported|not supported)|\(at model\)", re.I
)
_ACCESS = re.compile(r"not allowed|permission|verif|not have access|access denied", re.I)
_MONEY = re.compile(r"credit|balance|top up|billing|payment|funds|exhausted|plan limit", re.I)


class Envelope(StrEnum):
    """How an error's body can be laid out."""

    STRING = "string"  # documented, with statusCode as text, as the documented example has it
    NUMBER = "number"  # documented, with statusCode as a number
    TITLE = "title"  # seen for an empty account
    NESTED = "nested"  # seen, more rarely


def meaning(error: ErrorAnswer) -> Meaning:
    """What the error says, from its status and, where one status means several things, its words."""
    if error.status == 400 and _CONTENT.search(error.message):
        return Meaning.CONTENT
    if error.status == 400 and _MODEL.search(error.message):
        return Meaning.UNKNOWN_MODEL
    if error.status == 403 and _ACCESS.search(error.message) and not _MONEY.search(error.message):
        return Meaning.NOT_ALLOWED
    if error.status in ERRORS:
        return ERRORS[error.status]
    # 408 says that the server stopped waiting, not what it did; so does every other status that is no 4xx.
    return Meaning.INVALID if 400 <= error.status < 500 and error.status != 408 else Meaning.BROKEN


def decode_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> ErrorAnswer:
    """An error in any of the envelopes, or in none: whatever the bytes are, this reads something.

    `headers` by lower-case name.
    """
    headers = headers or {}
    try:
        fields = parse_object(body)
    except WireError:
        fields = {}
    vendor_id = as_text(fields.get("requestId"), 200) or as_text(headers.get(HEADER_ID), 200)
    message = _message(fields) if fields else page_text(body, MESSAGE_MAX)
    return ErrorAnswer(status=status, message=message, vendor_id=vendor_id, cost=decode_cost(headers))


def _message(fields: dict[str, Any]) -> str:
    nested = fields.get("error")
    for value in (fields.get("message"), as_object(nested).get("message"), nested, fields.get("title")):
        if isinstance(value, list):
            value = "; ".join(as_text(item) for item in value)
        if text := as_text(value, MESSAGE_MAX).strip():
            return text
    return ""


def encode_error(
    error: ErrorAnswer, *, timestamp: str, envelope: Envelope = Envelope.STRING, path: str = PATH
) -> bytes:
    """The body of an error. `timestamp` is ISO 8601 in UTC."""
    body: dict[str, Any]
    if envelope is Envelope.TITLE:
        body = {"title": "Forbidden", "status": error.status, "message": error.message}
    elif envelope is Envelope.NESTED:
        body = {"error": {"message": error.message}}
    else:
        code = str(error.status) if envelope is Envelope.STRING else error.status
        body = {
            "message": error.message,
            "path": path,
            "requestId": error.vendor_id,
            "statusCode": code,
            "timestamp": timestamp,
        }
    return json.dumps(body).encode()


def validation_message(issues: tuple[Issue, ...]) -> str:
    """The vendor's text for a request that breaks its schema."""
    return "\n".join([MESSAGES[400], *(f"{issue.message} (at {issue.field})" for issue in issues)])
