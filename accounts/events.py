"""What changed, for whom: written with the change, read by open pages and API streams."""

from collections.abc import Iterable

from accounts import rows
from accounts.models import Event

Kind = Event.Kind


def record(*, user_id: int | None, kind: Event.Kind, subject: str = "") -> None:
    """Note a change in the caller's transaction, so that it is heard of if and only if it happened."""
    if user_id is not None:
        rows.insert(Event(user_id=user_id, kind=kind, subject=subject))


def record_each(*, user_ids: Iterable[int], kind: Event.Kind) -> None:
    """Note the same change for many people."""
    Event.objects.bulk_create((Event(user_id=user_id, kind=kind) for user_id in user_ids), batch_size=500)


def record_many(changes: Iterable[tuple[int, str]], *, kind: Event.Kind) -> None:
    """Note changes of the same kind: whose, and of what."""
    Event.objects.bulk_create(
        (Event(user_id=user_id, kind=kind, subject=subject) for user_id, subject in changes), batch_size=500
    )


def since(*, user_id: int, after: int, limit: int = 200) -> list[Event]:
    """The person's events with an id above `after`, oldest first."""
    return list(Event.objects.filter(user_id=user_id, pk__gt=after).order_by("pk")[:limit])


def latest_id(*, user_id: int) -> int:
    """The id of the person's newest event, 0 when there is none."""
    return Event.objects.filter(user_id=user_id).order_by("-pk").values_list("pk", flat=True).first() or 0
