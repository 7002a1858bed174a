"""The sentences of a receipt."""

from accounts.models import Hold, LedgerEntry
from generation.models import Attempt, Generation

Status = Attempt.Status

_ENDS = {
    Status.DELIVERED: "What {name} made was fetched, checked and stored.",
    Status.NOT_ACCEPTED: "{name} did not take it, so it could safely be sent again.",
    Status.OUTCOME_UNKNOWN: "Nobody knows whether {name} made it, so it was not sent again, and not charged.",
    Status.REFUSED: "{name} refused it.",
    Status.BROKEN_PROMISE: "What {name} made was not what was asked for.",
}


def plural(number: int, word: str) -> str:
    """`1 credit`, `2,000 credits`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def said_of_quote(generation: Generation) -> str:
    images = plural(generation.count, "image")
    each = " each" if generation.count > 1 else ""
    return f"Quoted {images} at {plural(generation.price, 'credit')}{each}."


def said_of_hold(hold: Hold) -> str:
    by_key = f" by the API key “{hold.api_key.name}”" if hold.api_key else ""
    return f"{plural(hold.amount, 'credit')} put on hold{by_key}."


def said_of_answer(attempt: Attempt, name: str) -> str:
    assert attempt.answered_at is not None
    seconds = (attempt.answered_at - attempt.started_at).total_seconds()
    return f"{name} answered after {max(0.0, seconds):.1f} s."


def said_of_end(attempt: Attempt, name: str) -> str:
    sentence = _ENDS.get(Status(attempt.status), "{name} is at work.").format(name=name)
    return f"{sentence} {attempt.detail}".strip() if attempt.status != Status.DELIVERED else sentence


def said_of_refund(entry: LedgerEntry) -> str:
    who = f" by {entry.by.get_full_name()}" if entry.by else ""
    return f"{plural(entry.amount, 'credit')} refunded{who}: {entry.reason}"
