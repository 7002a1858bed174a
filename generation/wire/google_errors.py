"""Google's errors: the table of statuses, its envelope with details to read and write, and what is free.

Sources: ai.google.dev, "Troubleshooting" and "Rate limits"; cloud.google.com, "API errors"; google.rpc.Status
with its details `ErrorInfo`, `QuotaFailure` and `RetryInfo`; all read 2026-11.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from generation.wire.errors import Issue, WireError
from generation.wire.google_parts import field
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.reading import as_list, as_object, as_text, parse_object

MESSAGE_MAX = 1_000
_TYPES = "type.googleapis.com/google.rpc."

# What a status means when its words say nothing more exact.
ERRORS: Mapping[int, Meaning] = {
    400: Meaning.INVALID,
    401: Meaning.BAD_KEY,
    402: Meaning.NO_MONEY,
    403: Meaning.NOT_ALLOWED,
    404: Meaning.UNKNOWN_MODEL,
    429: Meaning.RATE_LIMITED,
    499: Meaning.BROKEN,
    500: Meaning.BROKEN,
    502: Meaning.BROKEN,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
}
# Google's own word and sentence for each status.
STATUSES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "RESOURCE_EXHAUSTED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
MESSAGES: Mapping[int, str] = {
    400: "Request contains an invalid argument.",
    401: "Request had invalid authentication credentials. Expected OAuth 2 access token.",
    402: "Your prepayment credits are depleted.",
    403: "The caller does not have permission.",
    404: "Requested entity was not found.",
    429: "You exceeded your current quota, please check your plan and billing details.",
    499: "The operation was cancelled.",
    500: "An internal error has occurred.",
    503: "The model is overloaded. Please try again later.",
    504: "The request timed out. Please try again.",
}
# Words that stand in `status` beside the one that belongs to the number.
OTHER_STATUSES = ("FAILED_PRECONDITION", "OUT_OF_RANGE", "ALREADY_EXISTS", "DATA_LOSS", "UNKNOWN")
KEY_INVALID = "API_KEY_INVALID"
KEY_INVALID_MESSAGE = "API key not valid. Please pass a valid API key."
KEY_MISSING_MESSAGE = (
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API."
)
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel"
PER_MINUTE = "GenerateRequestsPerMinutePerProjectPerModel"

_KEY = re.compile(r"API.?key (not valid|not found|expired|invalid)|reported as leaked", re.I)
_CONTENT = re.compile(r"safety|prohibited|content.?policy|violat.{0,40}polic|responsible ai|blocked", re.I)
_MODEL = re.compile(r"unexpected model name|model.{0,80}(not found|not supported|not exist)", re.I)
_BILLING = re.compile(r"billing|paid plan|payment|prepay|credits? (are|is) depleted", re.I)
_SPENT = re.compile(r"prepay|spending cap", re.I)
_LOCATION = re.compile(r"location|country|region", re.I)
_FILE = re.compile(r"\bfiles?\b", re.I)
_PER_DAY = re.compile(r"per.?day|daily", re.I)
# A plan that has no share of this model at all says so in its message.
_NOTHING_LEFT = re.compile(r"\blimit: 0\b")
_DELAY = re.compile(r"[+-]?\d{1,12}(\.\d{1,12})?s?", re.ASCII)


def meaning(error: ErrorAnswer) -> Meaning:
    """What the error says, from its status, the vendor's word in `code`, and its message."""
    if error.status == 400:
        return _bad_request(error)
    if error.status == 403 and (_BILLING.search(error.message) or error.code == "BILLING_DISABLED"):
        return Meaning.NO_MONEY
    if error.status in (403, 404) and _FILE.search(error.message) and "model" not in error.message.lower():
        return Meaning.INVALID
    if error.status == 429:
        return _exhausted(error)
    if error.status in ERRORS:
        return ERRORS[error.status]
    return Meaning.INVALID if 400 <= error.status < 500 and error.status != 408 else Meaning.BROKEN


def _bad_request(error: ErrorAnswer) -> Meaning:
    """Google answers 400 to bad keys, to plans and countries that it does not serve, and to bad requests."""
    if error.code.startswith("API_KEY_") or _KEY.search(error.message):
        return Meaning.BAD_KEY
    if error.code == "FAILED_PRECONDITION":
        elsewhere = _LOCATION.search(error.message) and not _BILLING.search(error.message)
        return Meaning.NOT_ALLOWED if elsewhere else Meaning.NO_MONEY
    if _MODEL.search(error.message):
        return Meaning.UNKNOWN_MODEL
    return Meaning.CONTENT if _CONTENT.search(error.message) else Meaning.INVALID


def _exhausted(error: ErrorAnswer) -> Meaning:
    """A day's quota is used up until midnight in California, a minute's for as long as the hint says."""
    if _SPENT.search(error.message):
        return Meaning.NO_MONEY
    if _PER_DAY.search(error.code) or _NOTHING_LEFT.search(error.message):
        return Meaning.QUOTA
    return Meaning.RATE_LIMITED


def is_free(error: ErrorAnswer, *, vertex: bool) -> bool:
    """Whether Google says in writing that a call which ends so is not charged, so that it may be sent again.

    Only for errors of Google's own making, not for those of a gateway on the way, which know nothing of what
    was done. Read 2026-11: "If your request fails with a 400 or 500 error, you won't be charged for the
    tokens used" (ai.google.dev/gemini-api/docs/billing); "You're charged only for requests that return a
    200 response code. Requests returning any other response codes, such as 4xx and 5xx codes, aren't charged"
    (cloud.google.com/vertex-ai/generative-ai/pricing). 503 is documented as overloaded, so nothing was begun.
    Of 504 the Gemini API says nothing.
    """
    return bool(error.code) and (error.status in (500, 503) or (vertex and 500 <= error.status < 600))


def decode_error(status: int, body: bytes) -> ErrorAnswer:
    """An error in Google's envelope, alone or as the one element of a list, or in none.

    `code` is the most exact word there is: a quota's id, a reason, else the status; empty when the body is
    not Google's.
    """
    try:
        fields = parse_object(b'{"body":' + body + b"}")
    except WireError:
        return ErrorAnswer(status=status, message=_plain(body))
    value = fields["body"]
    first = value[0] if isinstance(value, list) and value else value
    error = as_object(as_object(first).get("error"))
    details = [as_object(detail) for detail in as_list(error.get("details"))]
    return ErrorAnswer(
        status=status,
        message=_message(first, error),
        code=_quota(details) or _reason(details) or as_text(error.get("status"), 100),
        retry_after_seconds=_delay(details),
    )


def _message(body: Any, error: dict[str, Any]) -> str:
    for value in (error.get("message"), as_object(body).get("error"), as_object(body).get("message")):
        if text := as_text(value, MESSAGE_MAX).strip():
            return text
    return ""


def _quota(details: list[dict[str, Any]]) -> str:
    """The id of the quota that is used up; a day's goes before a minute's, for it lasts longer."""
    named = [
        as_text(field(violation, "quotaId"), 200)
        for detail in details
        for violation in as_list(detail.get("violations"))
    ]
    found = [name for name in named if name]
    return next((name for name in found if _PER_DAY.search(name)), found[0] if found else "")


def _reason(details: list[dict[str, Any]]) -> str:
    reasons = (as_text(detail.get("reason"), 100) for detail in details)
    return next((reason for reason in reasons if reason), "")


def _delay(details: list[dict[str, Any]]) -> float | None:
    """The seconds of a `retryDelay`: "34s", "1.5s", or an object of seconds and nanos."""
    for detail in details:
        value = field(detail, "retryDelay")
        if isinstance(value, dict):
            value = value.get("seconds")
        text = "" if isinstance(value, bool) else str(value)[:40] if value is not None else ""
        if not _DELAY.fullmatch(text):
            continue
        try:
            return float(Decimal(text.removesuffix("s")))
        except InvalidOperation:
            continue
    return None


def _plain(body: bytes) -> str:
    """The words of a body that is not JSON, such as a gateway's HTML page."""
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", body[:20_000].decode("utf-8", "replace"))
    return as_text(" ".join(text.split()), MESSAGE_MAX)


def encode_error(error: ErrorAnswer, *, retry_delay: str | None = None, listed: bool = False) -> bytes:
    """The body of an error. `retry_delay` is the hint as text, where the error's own seconds shall not do.

    `listed` puts it into a list, as a stream that fails does.
    """
    known = error.code in (*STATUSES.values(), *OTHER_STATUSES)
    status = error.code if known else STATUSES.get(error.status, "UNKNOWN")
    if retry_delay is None and error.retry_after_seconds is not None:
        retry_delay = f"{error.retry_after_seconds:g}s"
    body: dict[str, Any] = {"code": error.status, "message": error.message, "status": status}
    if details := _details("" if known else error.code, error.status, retry_delay):
        body["details"] = details
    return json.dumps([{"error": body}] if listed else {"error": body}).encode()


def _details(code: str, status: int, retry_delay: str | None) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    if code and status == 429:
        details.append({"@type": f"{_TYPES}QuotaFailure", "violations": [{"quotaId": code}]})
    elif code:
        details.append({"@type": f"{_TYPES}ErrorInfo", "reason": code, "domain": "googleapis.com"})
    if retry_delay is not None:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": retry_delay})
    return details


def validation_message(issues: tuple[Issue, ...]) -> str:
    """The vendor's text for a request that breaks its rules."""
    return "".join(f"* GenerateContentRequest.{issue.field}: {issue.message}\n" for issue in issues)
