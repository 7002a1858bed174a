"""What cancelling a generation costs, said before it is done: one answer for pages, API and `cancel` itself.

No provider documents a way to call off what it has taken, so none is asked to. What was sent is paid for and
may arrive; what was not sent costs nothing, and is not sent any more.
"""

from dataclasses import dataclass

from generation.models import Generation
from generation.progress import progress

FREE = "free"
ARRIVING = "arriving"
ARRIVED = "arrived"
STOPPING = "stopping"
FINISHED = "finished"
CODES = (FREE, ARRIVING, ARRIVED, STOPPING, FINISHED)


class TermsChanged(Exception):
    """Cancelling may cost more than the caller expected; nothing was changed."""

    code = "price_changed"

    def __init__(self, terms: "Terms", *, expected: int) -> None:
        credits = f"{terms.credits_max} credit{'' if terms.credits_max == 1 else 's'}"
        super().__init__(f"Cancelling can cost {credits} by now, not {expected}. {terms.sentence}")
        self.expected, self.quoted = expected, terms.credits_max


@dataclass(frozen=True)
class Terms:
    """What cancelling now would mean: a stable code, the most it can cost, and a sentence for people.

    `free`, `arriving` (a provider is at work), `arrived` (what came is kept, the rest is not asked for),
    `stopping`, `finished`. `possible` says whether it would change anything.
    """

    code: str
    credits_max: int
    sentence: str
    possible: bool = True

    @property
    def label(self) -> str:
        """What it costs, as a button says it."""
        return f"up to {_credits(self.credits_max)}" if self.credits_max else "free"


def terms(generation: Generation) -> Terms:
    """The terms as the attempts have them; read under the row's lock they are those that hold."""
    if generation.is_terminal:
        return Terms(FINISHED, 0, "This has ended already.", possible=False)
    found = progress(count=generation.count, attempts=generation.attempts.all())
    held = set(found.held)
    sent = {place for attempt in found.pending for place in attempt.positions} - held - set(found.closed)
    most = generation.price * len(held | sent)
    up_to = f"up to {_credits(most)}"
    if generation.cancel_requested_at is not None:
        said = f"It is being stopped. What arrives is kept and charged, {up_to}."
        return Terms(STOPPING, most, said, possible=False)
    if sent and held:
        both = "what has arrived and what still arrives is charged"
        return Terms(ARRIVING, most, f"The provider can’t be stopped: {both}, {up_to}.")
    if sent:
        return Terms(ARRIVING, most, f"The provider can’t be stopped: what arrives is charged, {up_to}.")
    if held:
        said = _said_of_arrived(len(held), generation.count, most)
        return Terms(ARRIVED, most, said, possible=len(held) < generation.count)
    return Terms(FREE, 0, f"Cancelling is free: {_back(generation.credits_quoted)} at once.")


def _said_of_arrived(held: int, asked: int, most: int) -> str:
    if held == asked:
        return f"All of it has arrived, and is charged: {_credits(most)}."
    came = "1 image has arrived and is" if held == 1 else f"{held} images have arrived and are"
    return f"{came} charged, {_credits(most)}; the rest isn’t asked for."


def _back(credits: int) -> str:
    return f"{_credits(credits)} come{'s' if credits == 1 else ''} back"


def _credits(number: int) -> str:
    return f"{number:,} credit{'' if number == 1 else 's'}"
