"""Doing something to many pictures at once, and undoing it.

Each act is a row that says what is left to do and what was done, part by part. A request does as many parts
as it has time for; what is left goes on in the background, and at any point it may be undone, once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import OperationalError, transaction
from django.db.models import Q
from django.utils import timezone

from accounts.models import Membership, User
from gallery import collections, later, packing, selection, tags
from gallery.bulk_verbs import VERBS, Acting
from gallery.models import Collection, Image, UndoableAct
from gallery.refusals import NotNow, Refused
from gallery.selection import Selection
from gallery.sharing import NoTeam

REQUEST_SECONDS = 1.5
"""So long a request works on an act; a part takes a fraction of a second."""
UNDO_SECONDS = 60
"""So long after its end an act may be undone."""
KEPT = timedelta(hours=1)
GIVEN_UP = timedelta(days=1)
"""What isn't done by then never will be."""

log = structlog.get_logger(__name__)


class TooLate(NotNow):
    """An act can't be undone any more."""

    def __init__(self) -> None:
        super().__init__("It is too late to undo this.")


class AlreadyUndone(NotNow):
    code = "already_undone"

    def __init__(self) -> None:
        super().__init__("This was undone already.")


@dataclass(frozen=True)
class Outcome:
    """How far an act is, in images: asked for, changed, left to do (or to undo), and not changed.

    What wasn't changed is not the person's to change, or was so already. Once it is undone, `restored` says
    how many are as before; others were changed again in between.
    """

    asked: int
    changed: int
    left: int
    restored: int

    @property
    def unchanged(self) -> int:
        return max(0, self.asked - self.changed - self.left)


# Verbs


def tag(user: User, chosen: Selection, names: Sequence[str]) -> UndoableAct:
    """:raises tags.BadName: :raises tags.TooManyTags: :raises selection.TooLarge:"""
    return _begin(user, "tag", chosen, lambda ids: {"tags": [one.pk for one in tags.named(names, by=user)]})


def untag(user: User, chosen: Selection, names: Sequence[str]) -> UndoableAct:
    """:raises tags.BadName: :raises selection.TooLarge:"""
    return _begin(user, "untag", chosen, lambda ids: {"tags": [one.pk for one in tags.known(names)]})


def collect(user: User, chosen: Selection, collection: Collection) -> UndoableAct:
    """:raises collections.Full: :raises collections.Unknown: :raises selection.TooLarge:"""

    def checked(ids: Sequence[int]) -> dict[str, Any]:
        collections.check_room(collection, ids)
        return {"collection": collection.pk}

    return _begin(user, "collect", chosen, checked)


def uncollect(user: User, chosen: Selection, collection: Collection) -> UndoableAct:
    """:raises collections.Unknown: :raises selection.TooLarge:"""
    return _begin(user, "uncollect", chosen, lambda ids: {"collection": collection.pk})


def favourite(user: User, chosen: Selection, *, liked: bool = True) -> UndoableAct:
    """:raises selection.TooLarge:"""
    return _begin(user, "favourite" if liked else "unfavourite", chosen, lambda ids: {})


def show(user: User, chosen: Selection, visibility: str) -> UndoableAct:
    """:raises NoTeam: :raises selection.TooLarge: :raises Refused: for what is no visibility."""
    if visibility not in Image.Visibility.values:
        raise Refused("Choose one of those shown.")
    if visibility == Image.Visibility.TEAM and not Membership.objects.filter(user=user).exists():
        raise NoTeam
    return _begin(user, "show", chosen, lambda ids: {"visibility": visibility})


def trash(user: User, chosen: Selection) -> UndoableAct:
    """:raises selection.TooLarge:"""
    return _begin(user, "trash", chosen, lambda ids: {})


# Undoing


def undo(user: User, public_id: UUID) -> UndoableAct:
    """Undo an act of the person's for all that is still as it left it.

    :raises UndoableAct.DoesNotExist: :raises TooLate: :raises AlreadyUndone:
    """
    now = timezone.now()
    with transaction.atomic():
        act = UndoableAct.objects.select_for_update().get(owner=user, public_id=public_id)
        if act.undone_at is not None:
            raise AlreadyUndone
        if not may_undo(act, now=now):
            raise TooLate
        act.undone_at = now
        act.before = {**act.before, "todo": [], "left": act.images, "ended_at": None}
        act.save(update_fields=["undone_at", "before"])
    return _work(act.pk, until=time.monotonic() + REQUEST_SECONDS)


def may_undo(act: UndoableAct, *, now: datetime) -> bool:
    """Whether there is time left to undo it."""
    ended = act.before["ended_at"]
    ended_at = datetime.fromisoformat(ended) if ended else now
    return act.undone_at is None and now <= ended_at + timedelta(seconds=UNDO_SECONDS)


def outcome(act: UndoableAct) -> Outcome:
    """How far it is."""
    before = act.before
    return Outcome(before["asked"], act.images, before["left"], before["restored"])


# Part by part


def finish(*, seconds: float) -> bool:
    """Go on with acts that requests left, for so long; whether there was time for all."""
    until = time.monotonic() + seconds
    for pk in UndoableAct.objects.filter(before__left__gt=0).order_by("pk").values_list("pk", flat=True):
        try:
            while _step(pk):
                if time.monotonic() >= until:
                    return False
        except Exception:
            # The others go on; this one is tried again by the clock.
            log.exception("an act on many pictures could not be gone on with", act=pk)
    return True


def prune(*, now: datetime) -> int:
    """Forget acts that can't be undone any more; how many."""
    ended = Q(before__left=0, created_at__lt=now - KEPT)
    return UndoableAct.objects.filter(ended | Q(created_at__lt=now - GIVEN_UP)).delete()[0]


def _begin(
    user: User, verb: str, chosen: Selection, args: Callable[[Sequence[int]], dict[str, Any]]
) -> UndoableAct:
    """Write the act and work on it; `args` checks what the verb needs, once it is known for which images."""
    until = time.monotonic() + REQUEST_SECONDS
    ids = selection.resolve(user, chosen)
    part = VERBS[verb].part
    todo = [packing.pack(ids[start : start + part]) for start in range(0, len(ids), part)]
    before = {
        "args": args(ids),
        "todo": todo,
        "done": [],
        "asked": len(ids),
        "left": len(ids),
        "restored": 0,
        "ended_at": None if todo else timezone.now().isoformat(),
    }
    with transaction.atomic():
        act = UndoableAct.objects.create(owner=user, verb=verb, before=before, images=0)
        # What is refused leaves no act behind.
        more = _step(act.pk)
    return _work(act.pk, until=until) if more else UndoableAct.objects.get(pk=act.pk)


def _work(pk: int, *, until: float) -> UndoableAct:
    try:
        while more := _step(pk):
            if time.monotonic() >= until:
                break
    except OperationalError:
        # Somebody else held the same rows: what is done is done, and the rest comes later.
        log.exception("an act on many pictures was interrupted", act=pk)
        more = True
    if more:
        later.ask()
    return UndoableAct.objects.get(pk=pk)


@transaction.atomic
def _step(pk: int) -> bool:
    """Do or undo one part; whether there is more."""
    act = UndoableAct.objects.select_for_update(of=("self",)).select_related("owner").filter(pk=pk).first()
    if act is None:
        return False
    before, verb = act.before, VERBS[act.verb]
    acting = Acting(act.owner, act.created_at, before["args"])
    if act.undone_at is None and before["todo"]:
        ids = packing.unpack(before["todo"].pop(0))
        changed, part = verb.do(acting, ids)
        if changed:
            before["done"].append([changed, part])
        act.images += changed
        before["left"] -= len(ids)
    elif act.undone_at is not None and before["done"]:
        changed, part = before["done"].pop()
        before["restored"] += verb.undo(acting, part)
        before["left"] -= changed
    more = bool(before["todo"] if act.undone_at is None else before["done"])
    if not more:
        before["left"], before["ended_at"] = 0, timezone.now().isoformat()
    act.save(update_fields=["before", "images"])
    return more
