"""The provider board: counts, percentiles, cells, states, prices, and who sees what."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from generation import board, board_sums
from generation.models import Attempt, Offer, Provider, ProviderHealth
from tests import factories
from tests.generation.attempts import attempt

pytestmark = pytest.mark.django_db
Status = Attempt.Status
NOW = timezone.now()


@pytest.fixture(autouse=True)
def one_provider(db: None) -> None:
    """The board of a team that has set up one provider."""
    Provider.objects.exclude(name="aimlapi").delete()


def row(name: str = "aimlapi", *, for_admins: bool = True, now: datetime = NOW) -> board.Row:
    (found,) = [row for row in board.board(now=now, for_admins=for_admins).rows if row.facts.name == name]
    return found


def test_without_calls_there_are_no_numbers() -> None:
    found = row()

    assert (found.state, found.detail) == ("new", "It wasn't asked yet.")
    assert (found.calls, found.success, found.median, found.p95, found.share) == (0, None, None, None, None)
    assert [cell.state for cell in found.cells] == ["none"] * 40


def test_success_counts_what_came_and_what_failed_and_no_refusal() -> None:
    generation = factories.generation()
    for status in (
        Status.DELIVERED,
        Status.ANSWERED,
        Status.DELIVERED,
        Status.NOT_ACCEPTED,
        Status.OUTCOME_UNKNOWN,
        Status.BROKEN_PROMISE,
        Status.REFUSED,
        Status.SENDING,
    ):
        attempt(generation, at=NOW - timedelta(hours=1), status=status)

    found = row()

    assert (found.good, found.bad, found.success) == (3, 3, 0.5)


@pytest.mark.parametrize(
    ("seconds", "median", "p95"),
    [
        ([7.5], 7.5, 7.5),
        ([1, 3], 1, 3),
        ([3, 1, 2], 2, 3),
        (list(range(1, 21)), 10, 19),
        (list(range(1, 101)), 50, 95),
        ([2, 2, 2, 40], 2, 40),
    ],
)
def test_median_and_p95_are_exact(seconds: list[float], median: float, p95: float) -> None:
    generation = factories.generation()
    for number, taken in enumerate(seconds):
        attempt(generation, at=NOW - timedelta(hours=2, seconds=number), seconds=taken)

    found = row()

    assert found.median == pytest.approx(median, abs=0.002)
    assert found.p95 == pytest.approx(p95, abs=0.002)


@given(st.lists(st.integers(1, 500), min_size=1, max_size=60))
def test_the_nearest_rank_is_the_definition(seconds: list[int]) -> None:
    ordered = sorted(seconds)
    for percent in (50, 95):
        (found,) = [
            value for rank, value in enumerate(ordered, 1) if board_sums.is_rank(percent, rank, len(ordered))
        ]
        at_most = sum(value <= found for value in ordered)
        below = sum(value < found for value in ordered)
        assert 100 * at_most >= percent * len(ordered) > 100 * below


def test_a_cell_is_36_minutes_and_the_latest_is_last() -> None:
    generation = factories.generation()
    attempt(generation, at=NOW - timedelta(seconds=1), seconds=4)
    attempt(generation, at=NOW - timedelta(minutes=36, seconds=1), status=Status.NOT_ACCEPTED, seconds=None)
    attempt(generation, at=NOW - timedelta(hours=24) + timedelta(seconds=1))
    attempt(generation, at=NOW - timedelta(hours=24) + timedelta(seconds=2), status=Status.NOT_ACCEPTED)
    attempt(generation, at=NOW - timedelta(hours=24, seconds=1))

    cells = row().cells

    assert [(place, cell.state) for place, cell in enumerate(cells) if cell.state != "none"] == [
        (0, "some"),
        (38, "bad"),
        (39, "ok"),
    ]
    assert cells[39].seconds == pytest.approx(4, abs=0.002)


def test_each_provider_has_its_own_numbers_and_share() -> None:
    Provider.objects.create(name="second", title="Second", format="aiml", base_url="http://127.0.0.1:1")
    generation = factories.generation()
    for _ in range(3):
        attempt(generation, at=NOW - timedelta(hours=1), seconds=2)
    attempt(generation, at=NOW - timedelta(hours=1), seconds=9, provider="second")

    assert (row().share, row("second").share) == (0.75, 0.25)
    assert row("second").median == pytest.approx(9, abs=0.002)


def test_what_a_stand_in_drew_is_not_the_real_providers() -> None:
    attempt(at=NOW - timedelta(hours=1), emulated=True)

    assert row().calls == 0


@pytest.mark.parametrize(
    ("health", "state", "words"),
    [
        (
            {"open_until": NOW + timedelta(seconds=42), "failures": 5},
            "open",
            "Paused after 5 failures in a row.",
        ),
        ({"open_until": NOW + timedelta(60), "open_code": "bad_key"}, "open", "It doesn't accept our key."),
        ({"open_until": NOW - timedelta(seconds=1), "failures": 6}, "half_open", "One call at a time"),
        ({"resting_until": NOW + timedelta(seconds=9)}, "resting", "It asked for a pause."),
        ({"seconds_mean": 21.0}, "slow", "10.5 times as long"),
        ({"seconds_mean": 3.0}, "closed", ""),
        ({"failures": 1}, "failing", "Its last call failed."),
        ({"failures": 4}, "failing", "Its last 4 calls failed."),
    ],
)
def test_the_state_in_words(health: dict[str, Any], state: str, words: str) -> None:
    provider = Provider.objects.get(name="aimlapi")
    ProviderHealth.objects.create(provider=provider, last_success_at=NOW, **health)
    attempt(at=NOW - timedelta(hours=1), seconds=2)

    found = row()

    assert (found.state, words in found.detail) == (state, True)
    assert (found.again_at is not None) == (state in ("open", "resting"))


def test_prices_are_of_each_model_and_size_and_costs_for_admins_alone(settings: Any) -> None:
    settings.CREDIT_USD = Decimal("0.025")
    (price,) = row().models[0].prices
    assert (price.credits, price.cost_usd, price.margin) == (2, Decimal("0.042"), 16)

    (price,) = row(for_admins=False).models[0].prices
    assert (price.credits, price.cost_usd, price.margin) == (2, None, None)

    settings.CREDIT_USD = None
    assert row().models[0].prices[0].margin is None


def test_counting_much_is_done_twice_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board_sums, "KEPT_FROM", 2)
    generation = factories.generation()
    attempt(generation, at=NOW - timedelta(hours=1))
    assert row().calls == 1
    attempt(generation, at=NOW - timedelta(hours=1))
    assert row().calls == 2

    attempt(generation, at=NOW - timedelta(hours=1))

    assert row().calls == 2
    assert row(for_admins=False).calls == 2
    cache.clear()
    assert row().calls == 3


def test_only_admins_see_who_is_off_and_why() -> None:
    Provider.objects.filter(name="aimlapi").update(enabled=False)

    everybodys = board.board(now=NOW, for_admins=False)

    assert everybodys.rows == ()
    assert everybodys.nobody
    assert row().detail == "Switched off."


def test_the_latest_failure_is_for_admins() -> None:
    failed = {"status": Status.NOT_ACCEPTED, "detail": "It is busy.", "vendor_text": "try later"}
    attempt(at=NOW - timedelta(hours=3), status=Status.NOT_ACCEPTED, detail="It was away.")
    attempt(at=NOW - timedelta(hours=2), **failed)
    attempt(at=NOW - timedelta(hours=1))

    failure = row().failure

    assert failure is not None
    assert (failure.detail, failure.vendor_text) == ("It is busy.", "try later")
    assert row(for_admins=False).failure is None


def test_abilities_are_said_in_short() -> None:
    assert row().abilities == ("3 references", "up to 4 a call")

    Offer.objects.update(abilities={"references_max": 0, "count_max": 1, "multi_turn": True})

    assert row().abilities == ("No references", "multi-turn", "one at a time")


@pytest.mark.parametrize("for_admins", [True, False])
def test_the_board_takes_the_same_number_of_queries_whatever_there_is(
    django_assert_max_num_queries: Any, for_admins: bool
) -> None:
    generation = factories.generation()
    for number in range(12):
        name = f"p{number}"
        Provider.objects.create(name=name, title=name, format="aiml", base_url="http://127.0.0.1:1")
        attempt(generation, at=NOW - timedelta(minutes=40 * number + 1), provider=name)
        failed = {"status": Status.NOT_ACCEPTED, "seconds": None}
        attempt(generation, at=NOW - timedelta(minutes=40 * number + 1), provider=name, **failed)

    with django_assert_max_num_queries(9 if for_admins else 6):
        found = board.board(now=NOW, for_admins=for_admins)

    assert len(found.rows) == 13
