"""A claim's generation and attempts as rows, written only while the claim is ours."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts import events, rows
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.progress import Reason

Status = Generation.Status


class Fenced(Exception):
    """The claim is not ours any more; another worker has it, or it has ended."""


@dataclass(frozen=True)
class Change:
    """What is to be written of a claim's attempt."""

    claim: Claim
    attempt: Attempt
    fields: dict[str, Any]

    def set(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self.attempt, name, value)


def locked(claim: Claim) -> Generation:
    """The claim's generation, locked until the transaction ends.

    :raises Fenced:
    """
    (found,) = rows.send(reading(claim))
    return only_one(claim, found)


def reading(claim: Claim, only: tuple[str, ...] = ()) -> rows.Statement:
    """Reads the claim's generation and locks it, where it is still the claim's."""
    mine = "id = %s AND attempts_made = %s AND status = %s"
    values = [claim.generation_id, claim.attempt, Status.RUNNING.value]
    return rows.finding(Generation, where=mine, values=values, lock=True, only=only)


def only_one(claim: Claim, found: Sequence[Sequence[Any]], only: tuple[str, ...] = ()) -> Generation:
    """What `reading` answered.

    :raises Fenced:
    """
    if not found:
        raise Fenced(claim)
    return rows.as_read(Generation, found[0], only=only)


def end(generation: Generation, status: Status, reason: Reason | None, now: datetime) -> None:
    """Write that it has ended, and tell of it; `reason` where it brought less than was asked for."""
    rows.send(*ending(generation, status, reason, now))


def ending(
    generation: Generation, status: Status, reason: Reason | None, now: datetime
) -> list[rows.Statement]:
    """As `end`, for `rows.send`; the first of them ends it."""
    generation.status, generation.finished_at = status, now
    generation.leased_until = generation.wake_at = None
    generation.error_code = reason.code if reason else ""
    generation.error_detail = reason.detail[:500] if reason else ""
    ended = ("status", "finished_at", "leased_until", "wake_at", "error_code", "error_detail")
    return [rows.updating(generation, *ended, "attempts_made"), *telling(generation)]


def tell(generation: Generation) -> None:
    """Note that the generation has changed."""
    rows.send(*telling(generation))


def telling(generation: Generation) -> list[rows.Statement]:
    """As `tell`, for `rows.send`."""
    return events.noting(
        user_id=generation.user_id, kind=events.Kind.GENERATION, subject=str(generation.public_id)
    )


def update(attempt: Attempt, **changes: Any) -> None:
    """Write these fields of an attempt, under a lock that the caller has."""
    rows.send(updating(attempt, **changes))


def updating(attempt: Attempt, **changes: Any) -> rows.Statement:
    """As `update`, for `rows.send`."""
    for name, value in changes.items():
        setattr(attempt, name, value)
    return rows.updating(attempt, *changes)


def update_mine(claim: Claim, attempt: Attempt, **changes: Any) -> None:
    """Write these fields of an attempt where the claim is still ours.

    :raises Fenced:
    """
    (fenced,) = update_each([Change(claim, attempt, changes)])
    if fenced is not None:
        raise fenced


def update_each(changes: Sequence[Change]) -> list[Fenced | None]:
    """Write what is the case of attempts whose claims are still ours, each under its generation's lock."""
    # Several generations are locked in one order by all.
    order = sorted(range(len(changes)), key=lambda index: changes[index].claim.generation_id)
    before, updates = {}, []
    for index in order:
        one = changes[index]
        before[index] = {name: getattr(one.attempt, name) for name in one.fields}
        one.set(one.fields)
        updates.append((one.attempt, tuple(one.fields), reading(one.claim, ("id",))))
    fenced: dict[int, Fenced] = {}
    for index, written in zip(order, rows.update_each_where(updates), strict=True):
        if not written:
            changes[index].set(before[index])
            fenced[index] = Fenced(changes[index].claim)
    return [fenced.get(index) for index in range(len(changes))]
