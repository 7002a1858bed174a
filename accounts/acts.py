"""The record of what admins do: who, what, before, after, why, from where."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.http import HttpRequest

from accounts.models import AdminAct, User


@dataclass(frozen=True)
class Origin:
    """From where something was done; empty for a command on the server."""

    address: str | None = None
    request_id: str = ""


HERE = Origin()


def origin_of(request: HttpRequest) -> Origin:
    """The request's address and id. `REMOTE_ADDR` is what the server in front of us says."""
    return Origin(address=request.META.get("REMOTE_ADDR") or None, request_id=getattr(request, "id", ""))


def record(
    *,
    by: User | None,
    verb: str,
    subject: Model,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
    origin: Origin = HERE,
) -> AdminAct:
    """Write an act in the caller's transaction, so that it is there if and only if it was done."""
    made = act(by=by, verb=verb, subject=subject, before=before, after=after, reason=reason, origin=origin)
    made.save()
    return made


def record_each(made: Iterable[AdminAct]) -> None:
    """Write many acts of `act` in the caller's transaction."""
    AdminAct.objects.bulk_create(made, batch_size=500)


def act(
    *,
    by: User | None,
    verb: str,
    subject: Model,
    before: dict[str, Any],
    after: dict[str, Any],
    reason: str,
    origin: Origin = HERE,
) -> AdminAct:
    """An act that is not written yet."""
    return AdminAct(
        by=by,
        verb=verb,
        subject_kind=subject._meta.model_name or "",
        subject_id=str(subject.pk),
        subject_label=str(subject)[:200],
        before=before,
        after=after,
        reason=reason,
        address=origin.address,
        request_id=origin.request_id,
    )
