"""From what a vendor's error means to what the caller may do next: one table for every format."""

import re

from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.wire.messages import ErrorAnswer, Meaning

_KEY_LIKE = re.compile(r"(?i)\b(bearer\s+\S+|(sk|esl|key)[-_][\w-]{8,})")
_QUERY = re.compile(r"(https?://[^\s?\"'<>]*)\?[^\s\"'<>]*")

_FINAL_FOR_PROVIDER = {
    Meaning.BAD_KEY: Code.BAD_KEY,
    Meaning.NO_MONEY: Code.NO_MONEY,
    Meaning.QUOTA: Code.QUOTA,
    Meaning.NOT_ALLOWED: Code.BAD_KEY,
    Meaning.UNKNOWN_MODEL: Code.MODEL,
}
_REFUSED = {Meaning.INVALID: Code.INVALID, Meaning.CONTENT: Code.CONTENT}
_UNKNOWN = {
    Meaning.BROKEN: Code.ERROR,
    Meaning.TIMED_OUT: Code.TIMEOUT,
    # AIML documents 503 as "the AI model or a partner service is temporarily unavailable" (2026-11):
    # the partner may have been asked. Only a documented "queue full" would count as not accepted.
    Meaning.UNAVAILABLE: Code.BUSY,
}


def to_error(
    meaning: Meaning, error: ErrorAnswer, *, key: str, retry_after_seconds: float | None
) -> ProviderError:
    """The exception for an error answer. `key` is the secret that must not be in its text."""
    text = clean(error.message, key=key)
    if meaning is Meaning.RATE_LIMITED:
        return NotAccepted(
            Code.RATE_LIMITED, retry_after_seconds=retry_after_seconds, vendor_text=text, cost=error.cost
        )
    if code := _FINAL_FOR_PROVIDER.get(meaning):
        return NotAccepted(code, final_for_provider=True, vendor_text=text, cost=error.cost)
    if code := _REFUSED.get(meaning):
        return Refused(code, vendor_text=text, cost=error.cost)
    return OutcomeUnknown(_UNKNOWN[meaning], vendor_text=text, cost=error.cost)


def clean(text: str, *, key: str) -> str:
    """Vendor text without our key, anything that looks like one, or the queries of addresses."""
    without = text.replace(key, "…") if key else text
    return _QUERY.sub(r"\1", _KEY_LIKE.sub("…", without))
