"""Places in line and when something should be done, from what the rows say."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from generation import claims, expectation, heartbeats
from generation.expectation import Expectation, Outlook
from generation.models import Attempt, Generation, ImageModel, Offer, Provider, RoutingPolicy
from tests import factories
from tests.generation.attempts import attempt

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture(autouse=True)
def four_places(settings: Any) -> None:
    settings.RUNNER_PLACES = 2
    settings.Q_CLUSTER = {**settings.Q_CLUSTER, "workers": 2}


def expect(generation: Generation, now: datetime | None = None) -> Expectation:
    fresh = Generation.objects.with_parts().get(pk=generation.pk)
    return Outlook(now=now or timezone.now()).of(fresh)


def left(generation: Generation, now: datetime) -> float | None:
    """Seconds until it should be done."""
    finish_at = expect(generation, now).finish_at
    return (finish_at - now).total_seconds() if finish_at else None


def delivered(*seconds: float, now: datetime, provider: str = "aimlapi", **fields: Any) -> None:
    """Calls that took so long, the last one newest; of a person and a generation that have ended."""
    fields.setdefault("model", "gemini-2.5-flash-image")
    done = factories.generation()
    Generation.objects.filter(pk=done.pk).update(status="succeeded", finished_at=now)
    for age, one in enumerate(reversed(seconds), start=1):
        attempt(done, at=now - timedelta(minutes=age), seconds=one, provider=provider, **fields)


def begun(generation: Generation, *, seconds_ago: float, now: datetime) -> Attempt:
    taken = next(claim for claim in claims.take(limit=99, now=now) if claim.generation_id == generation.pk)
    made = factories.begin(taken)
    made.started_at = now - timedelta(seconds=seconds_ago)
    made.save()
    return made


def test_places_are_those_in_which_workers_take_them(user: User) -> None:
    other = factories.person()
    first, second, theirs = (
        factories.generation(user),
        factories.generation(user),
        factories.generation(other),
    )

    places = {each.pk: expect(each).place for each in (first, second, theirs)}
    taken = [claim.generation_id for claim in claims.take(limit=3, now=timezone.now())]

    assert places == {first.pk: 1, theirs.pk: 2, second.pk: 3}
    assert taken == [first.pk, theirs.pk, second.pk]


def test_whoever_holds_places_already_stands_further_back(user: User) -> None:
    factories.generation(user)
    claims.take(limit=1, now=timezone.now())
    mine, theirs = factories.generation(user), factories.generation()

    assert (expect(mine).place, expect(theirs).place) == (2, 1)


def test_what_sleeps_runs_or_has_ended_has_no_place(user: User) -> None:
    now = timezone.now()
    sleeping, running, ended = (factories.generation(user) for _ in range(3))
    Generation.objects.filter(pk=sleeping.pk).update(wake_at=now + timedelta(seconds=20))
    Generation.objects.filter(pk=running.pk).update(status="running", leased_until=now)
    Generation.objects.filter(pk=ended.pk).update(status="failed", finished_at=now)

    assert [expect(each, now).place for each in (sleeping, running, ended)] == [None, None, None]
    assert expect(sleeping, now) == expect(ended, now) == Expectation()


def test_beyond_what_is_shown_there_is_no_place(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectation, "PLACES_MAX", 1)
    first, second = factories.generation(user), factories.generation(user)

    assert (expect(first).place, expect(second).place) == (1, None)


def test_without_calls_of_lately_nobody_can_say(user: User) -> None:
    now = timezone.now()
    delivered(5, now=now - timedelta(hours=25))

    assert left(factories.generation(user), now) is None


def test_a_free_place_means_one_call(user: User) -> None:
    now = timezone.now()
    delivered(4, 10, 30, now=now)

    assert left(factories.generation(user), now) == 10


def test_whoever_has_no_free_place_waits_for_those_before(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    running = [factories.generation(user) for _ in range(3)]
    claims.take(limit=3, now=now)
    waiting = [factories.generation(user) for _ in range(5)]

    # Four places, three of them taken: the first starts now, each further one a quarter of a call later.
    assert len(running) == 3
    assert [left(each, now) for each in waiting] == [10, 12.5, 15, 17.5, 20]


def test_a_provider_that_makes_few_at_once_is_waited_for(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    Provider.objects.filter(name="aimlapi").update(concurrency_max=1)
    first, second = factories.generation(user), factories.generation(user)

    assert (left(first, now), left(second, now)) == (10, 20)


def another_provider(name: str, **fields: Any) -> Provider:
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    fields = {"format": "aiml", "base_url": "http://127.0.0.1:1", "position": 99, **fields}
    made = Provider.objects.create(name=name, title=name.title(), **fields)
    Offer.objects.create(provider=made, model=model, vendor_model="m")
    return made


def test_what_runs_or_waits_elsewhere_holds_up_no_limited_provider(user: User, settings: Any) -> None:
    settings.RUNNER_PLACES = 32
    now = timezone.now()
    another_provider("few", concurrency_max=2)
    delivered(10, now=now)
    delivered(10, now=now, provider="few")
    for _ in range(3):
        begun(factories.generation(), seconds_ago=1, now=now)
    for _ in range(3):
        factories.generation()
    first, second, third = (factories.generation(user, provider="few") for _ in range(3))

    assert [left(each, now) for each in (first, second, third)] == [10, 10, 15]


def test_what_runs_there_counts_against_the_providers_limit(user: User) -> None:
    now = timezone.now()
    Provider.objects.filter(name="aimlapi").update(concurrency_max=2)
    delivered(10, now=now)
    running = factories.generation()
    begun(running, seconds_ago=1, now=now)
    first, second = factories.generation(user), factories.generation(user)

    assert [left(each, now) for each in (first, second)] == [10, 15]


def test_the_places_of_all_clusters_count(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    running = [factories.generation() for _ in range(4)]
    claims.take(limit=len(running), now=now)
    waiting = factories.generation(user)

    assert left(waiting, now) == 12.5
    for cluster in ("here", "there", "elsewhere"):
        heartbeats.stand_by(cluster, places=2, serving=1, stands_by=True, now=now)
    assert left(waiting, now) == 10
    heartbeats.forget("here")
    assert left(waiting, now) == 12.5


def test_ones_own_limit_is_waited_for(user: User, settings: Any) -> None:
    settings.PERSON_PLACES_MAX = 1
    now = timezone.now()
    delivered(10, now=now)
    first, second = factories.generation(user), factories.generation(user)

    assert (left(first, now), left(second, now)) == (10, 20)


def test_the_time_is_of_the_provider_that_will_be_asked(user: User) -> None:
    now = timezone.now()
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    quick = Provider.objects.create(
        name="quick", title="Quick", format="aiml", base_url="http://127.0.0.1:1", position=99
    )
    Offer.objects.create(provider=quick, model=model, vendor_model="m")
    delivered(10, now=now)
    delivered(2, now=now, provider="quick")

    assert left(factories.generation(user), now) == 10
    assert left(factories.generation(user, provider="quick"), now) == 2


def test_under_weights_the_likeliest_is_expected_every_time(user: User) -> None:
    now = timezone.now()
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    heavy = Provider.objects.create(
        name="heavy", title="Heavy", format="aiml", base_url="http://127.0.0.1:1", position=99, weight=3
    )
    Offer.objects.create(provider=heavy, model=model, vendor_model="m")
    Provider.objects.exclude(pk=heavy.pk).update(weight=1)
    RoutingPolicy.objects.update(policy="weighted")
    delivered(10, now=now)
    delivered(2, now=now, provider="heavy")
    generation = factories.generation(user)

    assert {left(generation, now) for _ in range(20)} == {2}


def test_another_models_times_do_for_one_that_was_not_timed(user: User) -> None:
    now = timezone.now()
    delivered(7, now=now, model="another")

    assert left(factories.generation(user), now) == 7


def test_what_failed_says_nothing_of_how_long_it_takes(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    delivered(1, 1, 1, now=now, status=Attempt.Status.REFUSED)

    assert left(factories.generation(user), now) == 10


def test_only_the_newest_count(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expectation, "SAMPLE", 3)
    now = timezone.now()
    delivered(60, 60, 60, 60, 5, 6, 7, now=now)

    assert left(factories.generation(user), now) == 6


def test_a_running_one_is_expected_by_when_it_was_sent(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    generation = factories.generation(user)
    begun(generation, seconds_ago=4, now=now)

    assert left(generation, now) == 6


def test_one_that_is_late_is_expected_any_moment(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    generation = factories.generation(user)
    begun(generation, seconds_ago=40, now=now)

    assert left(generation, now) == 0


def test_one_that_was_claimed_and_not_sent_has_a_whole_call_before_it(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)
    generation = factories.generation(user)
    claims.take(limit=1, now=now)

    assert left(generation, now) == 10


def test_a_page_of_them_costs_as_much_as_two(user: User) -> None:
    now = timezone.now()
    delivered(10, now=now)

    def queries(count: int) -> int:
        from django.core.cache import cache

        for _ in range(count):
            factories.generation(user)
        rows = list(Generation.objects.filter(user=user).with_parts())
        cache.clear()
        with CaptureQueriesContext(connection) as captured:
            outlook = Outlook(now=now)
            assert all(outlook.of(row).finish_at for row in rows)
        return len(captured)

    assert queries(2) == queries(8)


@pytest.mark.parametrize(
    ("place", "words"),
    [(None, "In line"), (1, "Next in line"), (2, "2nd in line"), (3, "3rd in line"), (11, "11th in line")],
)
def test_places_in_words(place: int | None, words: str) -> None:
    assert expectation.place_words(place) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "any moment now"),
        (1.4, "any moment now"),
        (12, "about 12 s"),
        (89, "about 89 s"),
        (130, "about 2 min"),
    ],
)
def test_seconds_in_words(seconds: float, words: str) -> None:
    now = timezone.now()

    assert expectation.left_words(now + timedelta(seconds=seconds), now) == words
