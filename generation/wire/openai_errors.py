"""OpenAI's images API: the errors, from both sides.

The vendor's words (`code`, else `type`) say more than the status, so they go first on 4xx; servers that know
none of them are read by status and text. Sources: the vendor's client library (openai 3.52.0), public records
of refusals of 2026-09, and what LiteLLM, vLLM, LocalAI and FastAPI answer, 2026-11.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generation.wire.errors import InvalidRequest, WireError
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.openai_answers import decode_cost, vendor_id
from generation.wire.reading import as_list, as_object, as_text, parse_object

MESSAGE_MAX = 1_000
WORD_MAX = 100

# Says to the vendor's clients whether to repeat a call that failed, whatever its status. `false` belongs on
# every error after which the pictures may have been made: they send no key that would guard against a second.
HEADER_SHOULD_RETRY = "x-should-retry"
# The wait in milliseconds; it goes before `retry-after`.
HEADER_RETRY_MS = "retry-after-ms"

# What a status means when no word says more.
STATUSES: Mapping[int, Meaning] = {
    401: Meaning.BAD_KEY,
    402: Meaning.NO_MONEY,
    403: Meaning.NOT_ALLOWED,
    404: Meaning.UNKNOWN_MODEL,
    405: Meaning.UNKNOWN_MODEL,  # the server has no such endpoint: it may draw, and not edit
    408: Meaning.TIMED_OUT,
    409: Meaning.BROKEN,
    429: Meaning.RATE_LIMITED,
    503: Meaning.UNAVAILABLE,
    504: Meaning.TIMED_OUT,
    524: Meaning.TIMED_OUT,
}
# What a `code` or `type` means on a 4xx.
WORDS: Mapping[str, Meaning] = {
    "moderation_blocked": Meaning.CONTENT,
    "content_policy_violation": Meaning.CONTENT,
    "image_generation_user_error": Meaning.CONTENT,
    "content_filter": Meaning.CONTENT,
    "invalid_api_key": Meaning.BAD_KEY,
    "invalid_issuer": Meaning.BAD_KEY,
    "auth_error": Meaning.BAD_KEY,
    "insufficient_quota": Meaning.NO_MONEY,
    "billing_hard_limit_reached": Meaning.NO_MONEY,
    "billing_not_active": Meaning.NO_MONEY,
    "budget_exceeded": Meaning.NO_MONEY,
    "model_not_found": Meaning.UNKNOWN_MODEL,
    "rate_limit_exceeded": Meaning.RATE_LIMITED,
}
# Type, code and message as the vendor words a status, for servers that answer in its place.
EXAMPLES: Mapping[int, tuple[str, str, str]] = {
    400: ("invalid_request_error", "", "Your request was malformed."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    403: ("invalid_request_error", "", "Your organization must be verified to use this model."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist or you cannot use it."),
    408: ("server_error", "", "The request took too long."),
    409: ("invalid_request_error", "", "The resource was changed by another request."),
    422: ("invalid_request_error", "", "Unable to process the request although its form is right."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    503: ("server_error", "", "The engine is currently overloaded. Please try again later."),
}
SERVER_ERROR = ("server_error", "", "The server had an error while processing your request.")
# Likewise for a word of its own.
CODE_EXAMPLES: Mapping[str, tuple[str, str, str]] = {
    "moderation_blocked": (
        "image_generation_user_error",
        "moderation_blocked",
        "Your request was rejected by the safety system.",
    ),
    "insufficient_quota": (
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
    ),
}

_CONTENT = re.compile(
    r"safety|moderat|prohibited|content.?(policy|filter)|policy.violation|violat.{0,40}polic|nsfw", re.I
)
_MODEL = re.compile(
    r"\bmodel\b.{0,80}(not found|not exist|unknown|invalid|unsupported|not supported)|invalid model", re.I
)
_MONEY = re.compile(r"insufficient|credit|balance|top up|billing|payment|funds|budget|spend limit", re.I)
# How Python servers write "nothing" where they meant null.
_NOTHING = ("none", "null", "undefined")


@dataclass(frozen=True)
class OpenAIError(ErrorAnswer):
    """An error with the vendor's other words: its `type`, and the `param` that is at fault.

    A refusal for its content says at which stage (`input` or `output`) and for which `categories`.
    """

    type: str = ""
    param: str = ""
    stage: str = ""
    categories: tuple[str, ...] = ()


class Envelope(StrEnum):
    """How an error's body can be laid out."""

    NESTED = "nested"  # the vendor's: {"error": {…}}
    FLAT = "flat"  # the same without `error` around it, as older vLLM
    LITELLM = "litellm"  # the vendor's, with the status as text for a code and "None" for nothing
    DETAIL = "detail"  # {"detail": "…"}, FastAPI's
    DETAIL_LIST = "detail_list"  # {"detail": [{"loc", "msg", "type"}]}, FastAPI's for a wrong request
    BARE = "bare"  # {"error": "…"}
    TEXT = "text"  # the words alone


def meaning(error: ErrorAnswer) -> Meaning:
    """What the error says: by its words on 4xx, else by its status and, where that says little, its text."""
    if not 400 <= error.status < 500:
        return STATUSES.get(error.status, Meaning.BROKEN)
    kind, param = (error.type, error.param) if isinstance(error, OpenAIError) else ("", "")
    if word := WORDS.get(error.code.lower()) or WORDS.get(kind.lower()):
        return word
    if error.status in (400, 403, 422) and (read := _by_text(error, param)):
        return read
    return STATUSES.get(error.status, Meaning.INVALID)


def _by_text(error: ErrorAnswer, param: str) -> Meaning | None:
    if error.status == 403:
        return Meaning.NO_MONEY if _MONEY.search(error.message) else None
    if param == "model" or _MODEL.search(error.message):
        return Meaning.UNKNOWN_MODEL
    return Meaning.CONTENT if _CONTENT.search(error.message) else None


# --- Reading ------------------------------------------------------------------------------------


def decode_error(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> OpenAIError:
    """An error in any of the envelopes, or in none: whatever the bytes are, this reads something.

    `headers` by lower-case name.
    """
    headers = headers or {}
    try:
        said = parse_object(body)
    except WireError:
        said = {"message": _plain(body)}
    return read_error(status, said, headers)


def read_error(status: int, said: dict[str, Any], headers: Mapping[str, str]) -> OpenAIError:
    """The error in an object that was read before, as the events of a stream have it."""
    inner = as_object(said.get("error")) or as_object(said.get("detail")) or said
    message, param = _message(inner, said), _word(inner.get("param"))
    for issue in as_list(said.get("detail")):
        where = [step for step in as_list(as_object(issue).get("loc")) if isinstance(step, str)]
        param = param or _word(where[-1] if where else None)
    details = as_object(inner.get("moderation_details"))
    return OpenAIError(
        status=status,
        message=message,
        vendor_id=vendor_id(headers),
        cost=decode_cost(headers),
        code=_word(inner.get("code")),
        type=_word(inner.get("type")),
        param=param,
        stage=_word(details.get("moderation_stage")),
        categories=tuple(filter(None, map(_word, as_list(details.get("categories"))[:50]))),
    )


def _message(inner: dict[str, Any], said: dict[str, Any]) -> str:
    for value in (inner.get("message"), said.get("error"), said.get("detail"), said.get("title")):
        if isinstance(value, list):
            value = "; ".join(as_text(as_object(item).get("msg")) or as_text(item) for item in value[:50])
        if text := as_text(value, MESSAGE_MAX).strip():
            return text
    return ""


def _word(value: Any) -> str:
    """A word of the vendor's; a number is only the status again, and "None" is nothing."""
    word = as_text(value, WORD_MAX).strip()
    return "" if word.isdecimal() or word.lower() in _NOTHING else word


def _plain(body: bytes) -> str:
    """The words of a body that is no JSON object: a bare string, or a gateway's HTML page."""
    text = body[:20_000].decode("utf-8", "replace")
    if text.startswith('"'):
        try:
            text = as_text(json.loads(text))
        except ValueError:
            text = text.strip('"')
    text = re.sub(r"(?is)<(script|style)\b.*?</\1>|<[^>]*>", " ", text)
    return as_text(" ".join(text.split()), MESSAGE_MAX)


# --- Writing ------------------------------------------------------------------------------------


def example(status: int, code: str = "", message: str = "") -> OpenAIError:
    """An error as the vendor words this status and code; other words take the place of its message."""
    unheard_of = EXAMPLES[400] if status < 500 else SERVER_ERROR
    kind, word, words = CODE_EXAMPLES.get(code) or EXAMPLES.get(status, unheard_of)
    return OpenAIError(status, message or words, code=code or word, type=kind)


def invalid(error: InvalidRequest) -> OpenAIError:
    """The answer to a request that breaks the format's rules: the vendor names the first fault alone."""
    issue = error.issues[0]
    code = "missing_required_parameter" if issue.message.startswith("Missing") else "invalid_value"
    return OpenAIError(400, issue.message, code=code, type="invalid_request_error", param=issue.field)


def encode_error(error: OpenAIError, *, envelope: Envelope = Envelope.NESTED) -> bytes:
    """The body of an error. `DETAIL`, `BARE` and `TEXT` have room for its message alone."""
    if envelope is Envelope.TEXT:
        return error.message.encode("utf-8", "replace")
    if envelope in (Envelope.DETAIL, Envelope.BARE):
        return json.dumps({"detail" if envelope is Envelope.DETAIL else "error": error.message}).encode()
    if envelope is Envelope.DETAIL_LIST:
        issue = {"loc": ["body", error.param], "msg": error.message, "type": error.type}
        return json.dumps({"detail": [issue]}).encode()
    body = error_object(error)
    if envelope is Envelope.LITELLM:
        body |= {"code": str(error.status), "param": error.param or "None"}
    return json.dumps(body if envelope is Envelope.FLAT else {"error": body}).encode()


def error_object(error: OpenAIError) -> dict[str, Any]:
    """The vendor's error object."""
    body: dict[str, Any] = {
        "message": error.message,
        "type": error.type or None,
        "param": error.param or None,
        "code": error.code or None,
    }
    if error.stage or error.categories:
        details = {"moderation_stage": error.stage, "categories": list(error.categories)}
        body["moderation_details"] = details
    return body
