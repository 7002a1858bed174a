"""What is to be expected of what is not done yet: its place in line, and when it should be done.

An estimate for people, read from the rows as they are and from how long providers took lately. Nothing is
decided by it. An `Outlook` is made for one page or one answer, and reads what it needs once.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from statistics import median

from django.conf import settings
from django.core.cache import cache

from accounts import queue_rules
from generation import catalog, claims, heartbeats, line, queue, routing, specs
from generation.catalog import Catalog, Model, ProviderFacts
from generation.models import Attempt, Generation, RoutingPolicy

# Beyond so many waiting rows a place in line means nothing to a person; so many of each person's are read.
PLACES_MAX = 200
RECENT = timedelta(hours=24)
SAMPLE = 50
ATTEMPTS_READ = 400
KEPT_SECONDS = 10
_IN_FLIGHT = (Attempt.Status.SENDING, Attempt.Status.ACCEPTED)
_UNDER_WAY = (*_IN_FLIGHT, Attempt.Status.ANSWERED)


@dataclass(frozen=True)
class Expectation:
    """`place` counts those that wait for a worker, the next one is 1; `finish_at` is never in the past.

    Each is None where nobody can say.
    """

    place: int | None = None
    finish_at: datetime | None = None


class Outlook:
    """Expectations of generations read `with_parts`, as of `now`; `known` saves reading the catalog again."""

    def __init__(self, *, now: datetime, known: Catalog | None = None) -> None:
        self._now = now
        self._given = known
        self._usual: dict[str, dict[str, float]] = {}
        self._likely: dict[tuple[str, routing.Wanted, str], ProviderFacts | None] = {}

    def of(self, generation: Generation) -> Expectation:
        """What to expect of one; nothing of what has ended, or waits for a provider to take work again."""
        if generation.status == Generation.Status.RUNNING:
            return Expectation(finish_at=self._end_of_running(generation))
        if generation.status != Generation.Status.QUEUED or _sleeps(generation, self._now):
            return Expectation()
        place = self._places.get(generation.pk)
        if place is None or (facts := self._provider_of(generation)) is None:
            return Expectation(place)
        usual = self._seconds(facts.name, generation.model)
        if usual is None:
            return Expectation(place)
        rounds = self._rounds(generation, place, facts)
        return Expectation(place, self._now + timedelta(seconds=usual * (1 + rounds)))

    def _rounds(self, generation: Generation, place: int, facts: ProviderFacts) -> float:
        """How many calls' times pass before it is sent.

        The most of what the workers' places for everybody, the provider's limit and the person's own ask for.
        """
        rounds = _rounds(place, busy=sum(self._running.values()), places=self._capacity)
        if facts.concurrency_max:
            there = self._provider_places.get(generation.pk, 1)
            busy = self._in_flight[facts.name]
            rounds = max(rounds, _rounds(there, busy=busy, places=facts.concurrency_max))
        user_id = generation.user_id
        if (limit := self._rules.limit(user_id)) is None:
            return rounds
        own = _rounds(self._own_places[generation.pk], busy=self._running.get(user_id, 0), places=limit)
        return max(rounds, own)

    def _end_of_running(self, generation: Generation) -> datetime | None:
        calls = [attempt for attempt in generation.attempts.all() if attempt.status in _UNDER_WAY]
        starts = [(attempt.provider, attempt.started_at) for attempt in calls]
        if not starts and (facts := self._provider_of(generation)):
            starts = [(facts.name, self._now)]
        ends = []
        for provider, began in starts:
            if (usual := self._seconds(provider, generation.model)) is None:
                return None
            ends.append(began + timedelta(seconds=usual))
        return max([*ends, self._now]) if ends else None

    def _provider_of(self, generation: Generation) -> ProviderFacts | None:
        """Who will be asked: the person's choice, else the router's first one now."""
        if generation.provider:
            return self._known.providers.get(generation.provider)
        try:
            model = self._known.find(generation.model)
        except catalog.UnknownModel:
            return None
        wish = model.id, specs.wanted(generation, model), generation.image_size
        if wish not in self._likely:
            self._likely[wish] = self._likeliest(model, *wish[1:])
        return self._likely[wish]

    def _likeliest(self, model: Model, wanted: routing.Wanted, image_size: str) -> ProviderFacts | None:
        ranking = routing.rank(self._known, model, wanted, now=self._now, image_size=image_size)
        likely = [candidate.offer.provider for candidate in ranking.candidates]
        if self._known.policy == RoutingPolicy.Policy.WEIGHTED:
            # Drawn anew each time; what is shown must not change with each draw.
            likely.sort(key=lambda facts: (-facts.weight, facts.position))
        return likely[0] if likely else None

    def _seconds(self, provider: str, model: str) -> float | None:
        """The usual time of a delivered call: of that model there, else of any."""
        if provider not in self._usual:
            self._usual[provider] = usual_seconds(provider, now=self._now)
        usual = self._usual[provider]
        return usual.get(model, usual.get(""))

    @cached_property
    def _known(self) -> Catalog:
        return self._given or catalog.load()

    @cached_property
    def _running(self) -> dict[int, int]:
        return claims.running_places(now=self._now)

    @cached_property
    def _capacity(self) -> int:
        """How many can run at once: the places of all workers seen lately, else those of one cluster."""
        of_a_cluster: int = settings.RUNNER_PLACES * queue.workers()
        return heartbeats.places(now=self._now) or of_a_cluster

    @cached_property
    def _in_flight(self) -> Counter[str]:
        """How many calls run at each provider."""
        return Counter(
            Attempt.objects.filter(
                status__in=_IN_FLIGHT,
                generation__status=Generation.Status.RUNNING,
                generation__leased_until__gt=self._now,
            ).values_list("provider", flat=True)
        )

    @cached_property
    def _provider_places(self) -> dict[int, int]:
        """Each one's place among those that will go to the same provider."""
        waiting = Generation.objects.filter(pk__in=list(self._places)).prefetch_related("references")
        rows = waiting.in_bulk()
        at: Counter[str] = Counter()
        found = {}
        for pk in self._places:
            if pk in rows and (facts := self._provider_of(rows[pk])):
                at[facts.name] += 1
                found[pk] = at[facts.name]
        return found

    @cached_property
    def _rules(self) -> queue_rules.QueueRules:
        return queue_rules.in_force()

    @cached_property
    def _places(self) -> dict[int, int]:
        return {pk: place for place, (pk, _) in enumerate(self._line[:PLACES_MAX], start=1)}

    @cached_property
    def _own_places(self) -> dict[int, int]:
        """Each one's place among its person's own."""
        own: Counter[int] = Counter()
        found = {}
        for pk, user_id in self._line:
            own[user_id] += 1
            found[pk] = own[user_id]
        return found

    @cached_property
    def _line(self) -> list[tuple[int, int]]:
        """What waits and whose it is, in the order in which workers take it."""
        waiting = claims.in_line(now=self._now, limit=PLACES_MAX)
        whose = dict(waiting)
        return [(pk, whose[pk]) for pk in line.order(waiting, running=self._running, rules=self._rules)]


def usual_seconds(provider: str, *, now: datetime) -> dict[str, float]:
    """The median seconds from send to delivery by model, and of all models under the empty name.

    Of the newest calls that delivered; at most `KEPT_SECONDS` old.
    """
    key = f"generation:usual:{provider}"
    found: dict[str, float] | None = cache.get(key)
    if found is None:
        found = _medians(_delivered(provider, now=now))
        cache.set(key, found, KEPT_SECONDS)
    return found


def _delivered(provider: str, *, now: datetime) -> Iterable[tuple[str, float]]:
    rows = Attempt.objects.filter(provider=provider, started_at__gt=now - RECENT).order_by("-started_at")
    read = rows.values_list("model", "status", "started_at", "ended_at")[:ATTEMPTS_READ]
    for model, status, started_at, ended_at in read:
        if status == Attempt.Status.DELIVERED and ended_at is not None:
            yield model, max(0.0, (ended_at - started_at).total_seconds())


def _medians(delivered: Iterable[tuple[str, float]]) -> dict[str, float]:
    samples: dict[str, list[float]] = {}
    for model, seconds in delivered:
        for name in {model, ""}:
            samples.setdefault(name, []).append(seconds)
    return {name: median(sample[:SAMPLE]) for name, sample in samples.items()}


def _sleeps(generation: Generation, now: datetime) -> bool:
    return generation.wake_at is not None and generation.wake_at > now


def _rounds(place: int, *, busy: int, places: int) -> float:
    """The share of a call's time, or the times it, that the one at that place waits for a free one."""
    return max(0, place - max(0, places - busy)) / places


def place_words(place: int | None) -> str:
    """`Next in line`, `3rd in line`; without a number where it is far behind."""
    if place is None:
        return "In line"
    if place == 1:
        return "Next in line"
    ending = "th" if 10 < place % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(place % 10, "th")
    return f"{place}{ending} in line"


def left_words(finish_at: datetime, now: datetime) -> str:
    """`about 12 s`, `about 2 min`, `any moment now`; static/js/feed.js counts down in the same words."""
    seconds = round((finish_at - now).total_seconds())
    if seconds < 2:
        return "any moment now"
    if seconds < 90:
        return f"about {seconds} s"
    return f"about {round(seconds / 60)} min"
