"""Lanes and limits of the queue: whose turn comes how often, and how many of theirs run at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

from accounts.models import Lane, QueueRule

__all__ = ["Lane", "QueueRules", "in_force"]


@dataclass(frozen=True)
class QueueRules:
    """Lanes and limits in force, of everybody they concern."""

    # By the person's id: their own rule's, else their team's. Who is absent is in the normal lane.
    lanes: Mapping[int, Lane] = field(default_factory=dict)
    # By the person's id: their own rule's. Who is absent has the limit of the settings.
    person_max: Mapping[int, int] = field(default_factory=dict)
    # By the person's id, for teams with a limit; and that limit, of all members together, by the team's id.
    team_of: Mapping[int, int] = field(default_factory=dict)
    team_max: Mapping[int, int] = field(default_factory=dict)

    def lane(self, user_id: int) -> Lane:
        """The person's lane."""
        return self.lanes.get(user_id, Lane.NORMAL)

    def limit(self, user_id: int) -> int | None:
        """How many of the person's own may run at once; None for any number. Their team's is apart."""
        return self.person_max.get(user_id) or settings.PERSON_PLACES_MAX or None


def in_force() -> QueueRules:
    """Every rule in force with whom it concerns, by one query however many there are.

    Who is switched off keeps theirs: what they asked for before may still wait.
    """
    own: dict[int, Lane] = {}
    shared: dict[int, Lane] = {}
    person_max: dict[int, int] = {}
    team_of: dict[int, int] = {}
    team_max: dict[int, int] = {}
    rows = QueueRule.objects.filter(ended_at__isnull=True).values_list(
        "user_id", "team_id", "team__memberships__user_id", "lane", "concurrency_max"
    )
    for user_id, team_id, member_id, lane, limit in rows:
        person_id, lanes = (user_id, own) if user_id is not None else (member_id, shared)
        if lane and person_id is not None:
            lanes[person_id] = Lane(lane)
        if limit is None:
            continue
        if user_id is not None:
            person_max[user_id] = limit
        else:
            team_max[team_id] = limit
            if member_id is not None:
                team_of[member_id] = team_id
    return QueueRules({**shared, **own}, person_max, team_of, team_max)
