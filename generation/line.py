"""The line of what waits: the one order in which places are given, and in which people are told theirs.

People take turns, each as often as their lane says, oldest first within a person. A person's k-th place comes
at k divided by the weight of their lane, and places they hold already count, so who holds many waits longer.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heapify, heappop, heappush
from itertools import islice
from math import lcm

from accounts.queue_rules import Lane, QueueRules

# Divisible by every weight, so that turns are compared as whole numbers.
_ROUND = lcm(*(lane.weight for lane in Lane))


def order(
    waiting: Iterable[tuple[int, int]],
    *,
    running: Mapping[int, int],
    rules: QueueRules,
    served: Mapping[int, int] | None = None,
) -> list[int]:
    """Ids of waiting generations, (id, user id) pairs given oldest first, in the order they get a place.

    `running` is how many places each person holds. `served` is how many each was given lately, those they
    hold among them, and counts for turns alone. Without it only what is held counts, and where places are
    fewer than people, a place that comes free goes back to whoever asked first, until all of theirs are done.
    """
    return list(_turns(waiting, running=running, rules=rules, served=served or {}))


def next_up(
    waiting: Iterable[tuple[int, int]],
    *,
    running: Mapping[int, int],
    rules: QueueRules,
    free: int,
    served: Mapping[int, int] | None = None,
    here: Mapping[int, int] | None = None,
    here_max: int | None = None,
) -> list[int]:
    """The first `free` of that order that may have a place now: within the person's and the team's limit.

    `here` is how many places of this worker each person holds, and `here_max` how many they may. Who is at a
    limit is left out and holds up nobody else.
    """
    places = _Places(running, rules, here or {}, here_max)
    turns = _turns(waiting, running=running, rules=rules, served=served or {}, take=places.take)
    return list(islice(turns, max(free, 0)))


class _Places:
    """The places that people and teams hold, and how many more they may."""

    def __init__(
        self, running: Mapping[int, int], rules: QueueRules, here: Mapping[int, int], here_max: int | None
    ) -> None:
        self._rules = rules
        self._here = Counter(here)
        self._here_max = here_max
        self._of_people = Counter(running)
        self._of_teams: Counter[int] = Counter()
        for user_id, count in running.items():
            if (team_id := rules.team_of.get(user_id)) is not None:
                self._of_teams[team_id] += count

    def take(self, user_id: int) -> bool:
        """Take a place for a person, if they and their team may have one more."""
        if self._here_max is not None and self._here[user_id] >= self._here_max:
            return False
        limit = self._rules.limit(user_id)
        if limit is not None and self._of_people[user_id] >= limit:
            return False
        team_id = self._rules.team_of.get(user_id)
        if team_id is not None:
            if self._of_teams[team_id] >= self._rules.team_max[team_id]:
                return False
            self._of_teams[team_id] += 1
        self._of_people[user_id] += 1
        self._here[user_id] += 1
        return True


def _turns(
    waiting: Iterable[tuple[int, int]],
    *,
    running: Mapping[int, int],
    rules: QueueRules,
    served: Mapping[int, int],
    take: Callable[[int], bool] = lambda user_id: True,
) -> Iterator[int]:
    """The waiting in the order of people's turns, as far as `take` lets them; whom it refuses once is out."""
    lines: dict[int, deque[tuple[int, int]]] = {}
    for age, (generation_id, user_id) in enumerate(waiting):
        lines.setdefault(user_id, deque()).append((age, generation_id))
    steps = {user_id: _ROUND // rules.lane(user_id).weight for user_id in lines}
    # When each person's next turn is, whose waits longest where that is equal, and who it is.
    turns = [
        (steps[user_id] * (max(running.get(user_id, 0), served.get(user_id, 0)) + 1), line[0][0], user_id)
        for user_id, line in lines.items()
    ]
    heapify(turns)
    while turns:
        moment, _, user_id = heappop(turns)
        if not take(user_id):
            continue
        line = lines[user_id]
        yield line.popleft()[1]
        if line:
            heappush(turns, (moment + steps[user_id], line[0][0], user_id))
