"""The sentences of a receipt."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

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


def said_of_retry(generation: Generation, earlier: Generation, title: Callable[[str], str]) -> str:
    """After which one it was asked for, and where it goes instead. `title` names a provider."""
    been = list(dict.fromkeys(attempt.provider for attempt in earlier.attempts.all()))
    at = f" at {' and '.join(map(title, been))}" if been else ""
    chosen = generation.provider
    moved = chosen and chosen != earlier.provider and chosen not in been
    elsewhere = f" This time it goes to {title(chosen)} alone." if moved else ""
    return f"Asked for again after an earlier one{at}.{elsewhere}"


def said_of_quote(generation: Generation) -> str:
    images = plural(generation.count, "image")
    each = " each" if generation.count > 1 else ""
    return f"Quoted {images} at {plural(generation.price, 'credit')}{each}."


def said_of_hold(hold: Hold) -> str:
    by_key = f" by the API key “{hold.api_key.name}”" if hold.api_key else ""
    return f"{plural(hold.amount, 'credit')} put on hold{by_key}."


def said_of_choice(attempt: Attempt, name: str, titles: Mapping[str, str]) -> str:
    """Why that provider, and why not the others. `titles` are what people call providers, by their names."""
    chosen = f"Chose {name}. {attempt.choice.get('reason', '')}".strip()
    others = [
        f"{titles.get(one['provider'], one['provider'])}: {one['reason']}"
        for one in attempt.choice.get("passed_over", [])
    ]
    restarted = attempt.choice.get("restarted")
    went_on = " It doesn't hold this conversation, so it starts from the picture." if restarted else ""
    return f"{chosen}{went_on}{' Passed over: ' + ' '.join(others) if others else ''}"


def said_of_sending(attempt: Attempt, name: str, *, again: bool) -> str:
    """To whom it was sent, and for which pictures where it was not for all."""
    asked = attempt.generation.count
    places = attempt.positions
    part = ""
    if 0 < len(places) < asked:
        numbers = ", ".join(str(place) for place in places)
        part = f" for picture{'s' if len(places) > 1 else ''} {numbers} of {asked}"
    return f"Sent to {name}{part}{' once more' if again and not part else ''}."


def said_of_answer(attempt: Attempt, name: str) -> str:
    assert attempt.answered_at is not None
    seconds = (attempt.answered_at - attempt.started_at).total_seconds()
    return f"{name} answered after {max(0.0, seconds):.1f} s."


def said_of_end(attempt: Attempt, name: str) -> str:
    sentence = _ENDS.get(Status(attempt.status), "{name} is at work.").format(name=name)
    return f"{sentence} {attempt.detail}".strip() if attempt.status != Status.DELIVERED else sentence


def said_of_late(attempt: Attempt, name: str, *, cost_usd: Decimal | None) -> str:
    """An answer that came when nobody waited for it, and that it cost the person nothing.

    `cost_usd` is what it may have cost the studio, for who may see that.
    """
    assert attempt.late_at is not None
    seconds, moment = _late_by(attempt, attempt.late_at)
    after = f"{_lasting(seconds)} after {moment}"
    pictures = plural(attempt.late_images, "picture") if attempt.late_images else "no picture"
    if attempt.late_asked:
        said = f"Asked {after}, {name} said that it had made {pictures}."
    else:
        said = f"{name} answered {after}, with {pictures}."
    cost = f"; it may have cost us {dollars(cost_usd)}" if cost_usd else ""
    return f"{said} You were not charged for that{cost}."


def _lasting(seconds: float) -> str:
    return f"{max(0.0, seconds):.0f} s" if seconds < 100 else f"{seconds / 60:,.0f} min"


def _late_by(attempt: Attempt, at: datetime) -> tuple[float, str]:
    """By how much it came too late, and for what."""
    generation = attempt.generation
    if generation.cancel_requested_at is not None and generation.cancel_requested_at <= at:
        return (at - generation.cancel_requested_at).total_seconds(), "it was cancelled"
    if generation.deadline_at <= at:
        return (at - generation.deadline_at).total_seconds(), "the deadline"
    if generation.finished_at is not None:
        return (at - generation.finished_at).total_seconds(), "this had ended"
    return (at - attempt.started_at).total_seconds(), "it was sent, when another worker had taken over"


def dollars(amount: Decimal) -> str:
    """`$0.039`, `$1,204.50`."""
    whole, _, cents = f"{amount:,.6f}".rstrip("0").partition(".")
    return f"${whole}.{cents.ljust(2, '0')}"


def said_of_refund(entry: LedgerEntry) -> str:
    who = f" by {entry.by.get_full_name()}" if entry.by else ""
    return f"{plural(entry.amount, 'credit')} refunded{who}: {entry.reason}"
