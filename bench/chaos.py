"""Everything is killed while people ask for pictures; then nothing may be lost, doubled or charged wrongly.

An installation, the people at its API and an emulator with faults run by themselves. `run` disturbs them in
random order as the work goes on, waits for the end of everything that was asked for, sweeps, and checks what
people were told against the rows and the emulator's own count.
"""

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from bench import clients, faulty
from bench.installation import Installation

T = TypeVar("T")
TICK_SECONDS = 0.2
# The next disturbance comes after so long even where no work was done.
PATIENCE_SECONDS = 12.0
PAUSE_SECONDS = (0.1, 1.0)
# What the listeners have left to hear and fetch when everything has ended.
SETTLE_SECONDS = 60.0
AWAY_SECONDS_MOST = 60.0
# A database that was away and a sweep that was killed may come between a deadline and its end.
LATE = timedelta(seconds=60)


@dataclass(frozen=True)
class Plan:
    """How much of everything; the seed decides the course as far as the machine lets it."""

    seed: int
    generations: int
    kills: int
    people: int
    # At most so many generations are open at a time.
    open_most: int
    faults: Sequence[str]
    # The share of calls that go wrong by those faults.
    share: float
    # However bad it is, it ends after so long.
    seconds_most: float
    # What else is done to it, by name; each once, among the kills.
    others: Sequence[tuple[str, Callable[[], None]]] = ()


@dataclass
class Course:
    """What happened: what was done, what came of it, and everything that should not be."""

    outcome: faulty.Outcome
    done: Counter[str]
    told: Counter[str]
    seconds: dict[str, float]

    @property
    def wrong(self) -> list[str]:
        return self.outcome.wrong

    def rows(self) -> list[dict[str, str | int | float]]:
        """All figures for a report."""
        groups = {
            "": self.done,
            "generations ": self.outcome.ended,
            "attempts ": self.outcome.attempts,
            "calls at ": self.outcome.providers,
            "clients: ": self.told,
        }
        rows: list[dict[str, str | int | float]] = [
            {"what": prefix + name, "number": counted[name]}
            for prefix, counted in groups.items()
            for name in sorted(counted)
        ]
        rows += [
            {"what": "calls the emulator saw", "number": self.outcome.calls},
            {"what": "of these with a fault", "number": self.outcome.faults},
        ]
        rows += [{"what": f"seconds {name}", "number": took} for name, took in self.seconds.items()]
        return [*rows, {"what": "things wrong", "number": len(self.wrong)}]


def run(plan: Plan, installation: Installation, emulator: str) -> Course:
    """The whole course. The rows are in this process's database, which is the installation's."""
    print(f"CHAOS_SEED={plan.seed}", flush=True)
    faulty.set_up(emulator, poll_seconds=0.5)
    faulty.plan_faults(emulator, share=plan.share, seed=plan.seed, faults=plan.faults)
    began, seconds = time.monotonic(), {}
    installation.start()
    seconds["to start"] = time.monotonic() - began
    crowd = clients.Crowd(
        installation.addresses,
        _people(plan),
        number=plan.generations,
        seed=plan.seed,
        open_most=plan.open_most,
    )
    watch = _Watch(plan, installation, crowd)
    with crowd:
        done = _disturb(plan, watch)
        seconds["disturbed"] = time.monotonic() - began
        watch.until(watch.over, plan.seconds_most)
        seconds["until all had ended"] = time.monotonic() - began
        installation.manage("sweep")
        seconds["until swept"] = time.monotonic() - began
        unheard = _settled(watch)
        seconds["until all was heard"] = time.monotonic() - began
    log = faulty.call(f"{emulator}/_emulator/log")
    outcome = patiently(lambda: faulty.checked(log, late=LATE))
    outcome.wrong += unheard + patiently(lambda: [*lost(crowd), *doubled(log), *held()])
    done |= Counter({f"killed: {role}": number for role, number in installation.kills.items()})
    done |= Counter({"generations asked for": len(crowd.taken), "started again": installation.restarts})
    return Course(outcome, done, crowd.counts, seconds)


def patiently(look: Callable[[], T]) -> T:
    """What a look at the rows finds, taken again while the database is away."""
    from django.db import Error, connections

    ends = time.monotonic() + AWAY_SECONDS_MOST
    while True:
        try:
            return look()
        except Error:
            connections.close_all()
            if time.monotonic() > ends:
                raise
            time.sleep(2 * TICK_SECONDS)


class _Watch:
    """Keeps the installation up and tells people how far it is, for as long as something is waited for."""

    def __init__(self, plan: Plan, installation: Installation, crowd: clients.Crowd) -> None:
        self.installation, self.crowd, self.dice = installation, crowd, random.Random(plan.seed)
        self._ends = time.monotonic() + plan.seconds_most

    def until(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Whether it came to that in time."""
        ends = min(time.monotonic() + seconds, self._ends)
        while not reached():
            if time.monotonic() >= ends:
                return False
            self.crowd.check()
            self.installation.look(self.dice)
            time.sleep(TICK_SECONDS)
        return True

    def ended(self) -> int:
        """How many generations have ended."""
        from generation.models import Generation

        self.crowd.ended = patiently(Generation.objects.exclude(status__in=("queued", "running")).count)
        return self.crowd.ended

    def has_ended(self, number: int) -> bool:
        return self.ended() >= number

    def over(self) -> bool:
        ended = self.ended()  # first: people ask for more only as what they have ends
        return self.crowd.done and ended >= len(self.crowd.taken)


def _people(plan: Plan) -> list[clients.Person]:
    from accounts import keys
    from tests import factories

    users = [factories.person(credits=plan.generations * 100) for _ in range(plan.people)]
    return [clients.Person(user.pk, keys.create(user=user, name="chaos").secret) for user in users]


def _disturb(plan: Plan, watch: _Watch) -> Counter[str]:
    """One thing after another as generations end, or when none does for a while; how often each was done."""
    done: Counter[str] = Counter()

    def kill() -> None:
        # Where all that there was has just been killed, what comes back is next.
        watch.until(lambda: watch.installation.kill_one(watch.dice) is not None, PATIENCE_SECONDS)

    acts: list[tuple[str, Callable[[], None]]] = [("kills", kill)] * plan.kills
    for other in plan.others:
        acts.insert(watch.dice.randrange(len(acts) + 1), other)
    for number, (name, act) in enumerate(acts, start=1):
        due = plan.generations * number // (len(acts) + 1)
        watch.until(partial(watch.has_ended, due), PATIENCE_SECONDS)
        act()
        done[name] += 1
        watch.until(lambda: False, watch.dice.uniform(*PAUSE_SECONDS))
    return done


def _settled(watch: _Watch) -> list[str]:
    """How the listeners' pictures differ from the rows, after as long as they may need."""
    found: list[str] = []

    def like() -> bool:
        found[:] = patiently(lambda: list(unlike(watch.crowd)))
        return watch.crowd.idle and not found

    watch.until(like, SETTLE_SECONDS)
    if found:
        found.append(f"after {SETTLE_SECONDS:.0f} s, with all fetched: {watch.crowd.idle}")
    return found


def unlike(crowd: clients.Crowd) -> Iterator[str]:
    """Where a listener's picture of its person's generations is not as the rows are."""
    from django.db.models import Count

    from generation.models import Generation

    if len(crowd.listeners) < len(crowd.people):
        yield "not everybody listens"
    for number, listener in enumerate(crowd.listeners):
        mine = Generation.objects.filter(user_id=listener.person.pk).annotate(pictures=Count("outputs"))
        is_so = {
            str(public_id): (status, pictures)
            for public_id, status, pictures in mine.values_list("public_id", "status", "pictures")
        }
        picture = dict(listener.picture)  # at this moment; its thread goes on
        for public_id in sorted(is_so.keys() | picture.keys()):
            if (row := is_so.get(public_id)) != (seen := picture.get(public_id)):
                yield f"listener {number} has {seen} for generation {public_id}, which is {row}"


def lost(crowd: clients.Crowd) -> Iterator[str]:
    """What was promised and is not there, and what is there and nobody was promised."""
    from generation.models import Generation

    yield from crowd.refused
    if missing := crowd.number - len(crowd.taken):
        yield f"{missing} generations were never taken"
    is_so = {
        str(public_id): prompt for public_id, prompt in Generation.objects.values_list("public_id", "prompt")
    }
    for number, public_id in crowd.taken.items():
        if is_so.pop(public_id, None) != f"chaos {number}":
            yield f"number {number} was promised as generation {public_id}, which is another or none"
    for public_id, prompt in is_so.items():
        yield f"generation {public_id} ({prompt}) was promised to nobody"


def doubled(log: dict[str, Any]) -> Iterator[str]:
    """Pictures that came twice, or that no paid call can have brought."""
    from generation.models import Output

    made: Counter[str] = Counter()
    for call in log["calls"]:
        if call["paid"]:
            made[call["client_request_id"]] += call["count"]
    brought: Counter[str] = Counter()
    seen: set[tuple[int, int]] = set()
    outputs = Output.objects.select_related("attempt__generation", "image")
    for output in outputs:
        attempt = output.attempt
        brought[f"{attempt.generation.public_id}.{attempt.number}.{attempt.sequence}"] += 1
        name = f"picture {output.position} of generation {attempt.generation.public_id}"
        if attempt.generation_id != output.generation_id:
            yield f"{name} is delivered with another"
        if output.position > attempt.generation.count:
            yield f"{name} is one more than was asked for"
        if (same := (output.generation_id, output.image.original_id)) in seen:
            yield f"{name} is there twice"
        seen.add(same)
    for call_id, number in brought.items():
        if number > made[call_id]:
            yield f"attempt {call_id} brought {number} pictures of {made[call_id]} that were paid"


def held() -> Iterator[str]:
    """Credits that are still set aside."""
    from accounts.models import Hold

    if number := Hold.objects.filter(settled_at=None).count():
        yield f"{number} holds are open"
