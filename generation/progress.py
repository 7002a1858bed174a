"""How far a generation has come, picture by picture, read from its attempts: pure, so all claims agree."""

from collections.abc import Iterable
from dataclasses import dataclass

from generation.models import Attempt

Status = Attempt.Status
# A picture whose promise was broken is asked for once more, where that cannot pay for it twice.
BROKEN_MAX = 2


@dataclass(frozen=True)
class Reason:
    """Why something ended: a stable code, and a sentence for people."""

    code: str
    detail: str


@dataclass(frozen=True)
class Part:
    """The picture for a place: the attempt that answered, and where in its answer it stands."""

    attempt: Attempt
    index: int

    @property
    def where(self) -> dict[str, str]:
        """Its address or staged name, as kept when it was answered."""
        found: dict[str, str] = self.attempt.answer[self.index]
        return found


@dataclass(frozen=True)
class Progress:
    """Places, from 1, of the pictures asked for.

    `open` may be asked for; `held` have an answer that is not delivered yet; `closed` will not come, and why.
    `pending` are attempts that were sent and have no end: nobody knows what became of them.
    """

    open: tuple[int, ...]
    held: dict[int, Part]
    closed: dict[int, Reason]
    pending: tuple[Attempt, ...]


def progress(*, count: int, attempts: Iterable[Attempt]) -> Progress:
    """What the attempts, in the order they were made, leave to do of `count` pictures."""
    open_ = set(range(1, count + 1))
    held: dict[int, Part] = {}
    closed: dict[int, Reason] = {}
    pending: list[Attempt] = []
    broken = dict.fromkeys(open_, 0)
    for attempt in attempts:
        if attempt.status in (Status.SENDING, Status.ACCEPTED):
            pending.append(attempt)
        for index, place in enumerate(attempt.positions):
            if place not in open_:
                continue
            part, reason = _what_came(attempt, index)
            if reason is not None and attempt.status != Status.NOT_ACCEPTED:
                broken[place] += _is_broken(attempt, index)
                if not _is_broken(attempt, index) or broken[place] >= BROKEN_MAX:
                    closed[place] = reason
            if part is not None:
                held[place] = part
        open_ -= held.keys() | closed.keys()
    for attempt in pending:
        open_ -= set(attempt.positions)
    return Progress(tuple(sorted(open_)), held, closed, tuple(pending))


def _what_came(attempt: Attempt, index: int) -> tuple[Part | None, Reason | None]:
    """The picture at that place of an attempt, or why there is none; neither while it has no end."""
    if attempt.status in (Status.SENDING, Status.ACCEPTED):
        return None, None
    if attempt.status not in (Status.ANSWERED, Status.DELIVERED):
        return None, Reason(attempt.code, attempt.detail)
    if index >= len(attempt.answer):
        return None, too_few(len(attempt.answer), len(attempt.positions))
    if _is_broken(attempt, index):
        part = attempt.answer[index]
        return None, Reason(part["broken"], part["detail"])
    return Part(attempt, index), None


def _is_broken(attempt: Attempt, index: int) -> bool:
    if attempt.status == Status.BROKEN_PROMISE:
        return True
    return index < len(attempt.answer) and "broken" in attempt.answer[index]


def too_few(got: int, asked: int) -> Reason:
    """The provider made fewer than it was asked for."""
    return Reason("too_few_images", f"The provider made {got} of {asked} images.")
