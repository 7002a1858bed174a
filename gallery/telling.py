"""Who hears of a change of images: all who see them, or did until now."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import NamedTuple

from accounts import events
from accounts.models import Membership
from gallery.models import Image

SUBJECTS_MAX = 100
"""Of so many images at once each is told of by its id; of more only that images changed."""


class Changed(NamedTuple):
    """An image, the team that may be shown it, and the visibilities it had and has."""

    public_id: object
    owner_id: int
    team_id: int | None
    visibilities: Collection[str]


def tell(changed: Iterable[Changed]) -> None:
    """Write it down in the caller's transaction, once for each who hears of it."""
    everybody: list[str] = []
    some: dict[tuple[int, int | None], list[str]] = defaultdict(list)
    for one in changed:
        if Image.Visibility.EVERYONE in one.visibilities:
            everybody.append(str(one.public_id))
        else:
            team = one.team_id if Image.Visibility.TEAM in one.visibilities else None
            some[one.owner_id, team].append(str(one.public_id))
    for subject in _subjects(everybody):
        events.record_for_everybody(kind=events.Kind.IMAGE, subject=subject)
    members: dict[int, list[int]] = {}
    for (owner_id, team), public_ids in some.items():
        people = {owner_id}
        if team is not None:
            if team not in members:
                found = Membership.objects.filter(team=team).values_list("user_id", flat=True)
                members[team] = list(found)
            people.update(members[team])
        pairs = ((pk, subject) for pk in sorted(people) for subject in _subjects(public_ids))
        events.record_many(pairs, kind=events.Kind.IMAGE)


def _subjects(public_ids: list[str]) -> list[str]:
    return public_ids if len(public_ids) <= SUBJECTS_MAX else [""]
