"""Who is asked: by policy, ability and health, and why, in words."""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from generation import catalog, health, routing
from generation.models import ImageModel, Offer, Provider, ProviderHealth, RoutingPolicy
from generation.providers.errors import Code, NotAccepted
from generation.routing import Ranking, Wanted

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.fixture(autouse=True)
def three() -> None:
    """Three providers of one model: a dear one first, a cheap one, one whose cost nobody knows."""
    Provider.objects.all().delete()
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    for position, (name, costs) in enumerate(
        [("dear", {"": "0.09"}), ("cheap", {"": "0.01"}), ("other", {})]
    ):
        provider = Provider.objects.create(
            name=name, title=name.title(), format="aiml", base_url="http://127.0.0.1:1", position=position
        )
        Offer.objects.create(provider=provider, model=model, vendor_model="m", costs=costs)


def route(policy: str = "preferred", fail_over: bool = True, **asked: Any) -> Ranking:
    RoutingPolicy.objects.update(policy=policy, fail_over=fail_over)
    known = catalog.load()
    return routing.rank(known, known.default, asked.pop("wanted", Wanted()), now=NOW, **asked)


def order(ranking: Ranking) -> list[str]:
    return [candidate.offer.provider.name for candidate in ranking.candidates]


def reasons(ranking: Ranking) -> list[str]:
    return [candidate.reason for candidate in ranking.candidates]


def timed(**seconds: float) -> None:
    for name, mean in seconds.items():
        ProviderHealth.objects.create(provider=Provider.objects.get(name=name), seconds_mean=mean)


def test_the_admins_order() -> None:
    ranking = route()

    assert order(ranking) == ["dear", "cheap", "other"]
    assert reasons(ranking) == ["First in your admins' order.", "Next in line.", "Next in line."]


def test_the_cheapest_and_the_unknown_last() -> None:
    ranking = route("cheapest")

    assert order(ranking) == ["cheap", "dear", "other"]
    assert reasons(ranking)[0] == "The cheapest."


def test_the_fastest_and_one_never_timed_before_one_known_to_be_slow() -> None:
    timed(dear=25.0, cheap=4.0)

    ranking = route("fastest")

    assert order(ranking) == ["cheap", "other", "dear"]
    assert reasons(ranking)[0] == "The fastest lately: about 4 s."


def test_weights_share_the_work_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "random", random.Random(7))
    for name, weight in (("dear", 6), ("cheap", 3), ("other", 1)):
        Provider.objects.filter(name=name).update(weight=weight)

    RoutingPolicy.objects.update(policy="weighted")
    known = catalog.load()
    rankings = [routing.rank(known, known.default, Wanted(), now=NOW) for _ in range(2_000)]

    first = Counter(order(ranking)[0] for ranking in rankings)
    assert first["dear"] / 2_000 == pytest.approx(0.6, abs=0.04)
    assert first["cheap"] / 2_000 == pytest.approx(0.3, abs=0.04)
    assert {tuple(sorted(order(ranking))) for ranking in rankings} == {("cheap", "dear", "other")}
    assert {reasons(ranking)[0] for ranking in rankings} == {
        f"Drawn by weight: {weight} of 10." for weight in (6, 3, 1)
    }


def test_a_weight_of_nothing_is_drawn_last(monkeypatch: pytest.MonkeyPatch) -> None:
    Provider.objects.exclude(name="cheap").update(weight=0)

    assert {order(route("weighted"))[0] for _ in range(50)} == {"cheap"}


def test_weights_of_nothing_alone_still_find_somebody() -> None:
    Provider.objects.update(weight=0)

    assert len(order(route("weighted"))) == 3


def test_a_chosen_provider_is_the_only_one() -> None:
    ranking = route(provider="cheap")

    assert (order(ranking), reasons(ranking)) == (["cheap"], ["You chose it."])
    assert ranking.passed_over == ()


def test_a_chosen_provider_that_said_no_has_nobody_after_it() -> None:
    ranking = route(provider="cheap", tried=["cheap"])

    assert order(ranking) == []
    assert [one.provider for one in ranking.passed_over] == ["cheap"]


@pytest.mark.parametrize("policy", ["preferred", "cheapest", "fastest", "weighted"])
def test_who_holds_the_conversation_comes_first(policy: str) -> None:
    ranking = route(policy, holds_state="other")

    assert (order(ranking)[0], reasons(ranking)[0]) == ("other", "It holds this conversation.")


def test_without_fail_over_there_is_one_and_none_after_it() -> None:
    assert order(route(fail_over=False)) == ["dear"]
    assert order(route(fail_over=False, tried=["dear"])) == []


def test_with_fail_over_who_said_no_is_passed_over_with_the_reason() -> None:
    ranking = route(tried=["dear"])

    assert order(ranking) == ["cheap", "other"]
    assert [(one.provider, one.reason) for one in ranking.passed_over] == [
        ("dear", "It didn't take the work just now.")
    ]


def test_the_last_one_left_is_called_that() -> None:
    Provider.objects.exclude(name="other").update(enabled=False)

    ranking = route()

    assert reasons(ranking) == ["The only one that can make it now."]
    assert {(one.provider, one.reason) for one in ranking.passed_over} == {
        ("dear", "Switched off."),
        ("cheap", "Switched off."),
    }


def test_who_is_paused_is_passed_over_until_then() -> None:
    for _ in range(5):
        health.failed("dear", NotAccepted(Code.UNREACHABLE), now=NOW)
    health.failed("cheap", NotAccepted(Code.RATE_LIMITED, retry_after_seconds=9), now=NOW)

    ranking = route()

    assert order(ranking) == ["other"]
    assert ranking.again_at == NOW + timedelta(seconds=9)
    assert {one.reason for one in ranking.passed_over} == {
        "Paused after 5 failures in a row.",
        "It asked for a pause.",
    }


@pytest.mark.parametrize(
    ("wanted", "abilities", "words"),
    [
        (Wanted(references=2), {"references_max": 1}, "It takes at most 1 references."),
        (Wanted(references=1), {"references_max": 0}, "It takes no references."),
        (Wanted(aspect_ratio="21:9"), {"ratios": ["1:1"]}, "It can't be told 21:9."),
        (
            Wanted(aspect_ratio="21:9", references=1),
            {"ratios_with_references": ["1:1"]},
            "It can't be told 21:9.",
        ),
        (Wanted(temperature=True), {"temperature": False}, ""),
    ],
)
def test_who_cannot_do_it_is_passed_over_with_the_reason(
    wanted: Wanted, abilities: dict[str, Any], words: str
) -> None:
    Offer.objects.update(abilities={"temperature": True})
    Offer.objects.filter(provider__name="dear").update(abilities=abilities)

    ranking = route(wanted=wanted)

    assert "dear" not in order(ranking)
    (reason,) = [one.reason for one in ranking.passed_over]
    assert reason == words or (not words and reason.startswith("It "))
    assert ranking.again_at is None


def test_a_cost_by_size_decides_for_that_size() -> None:
    Offer.objects.filter(provider__name="dear").update(costs={"1K": "0.05", "4K": "0.06"})
    Offer.objects.filter(provider__name="cheap").update(costs={"1K": "0.01", "4K": "0.24"})

    assert order(route("cheapest", image_size="1K"))[0] == "cheap"
    assert order(route("cheapest", image_size="4K"))[0] == "dear"


def test_results_may_come_from_an_operators_own_address() -> None:
    Provider.objects.filter(name="cheap").update(base_url="")
    known = catalog.load().providers

    assert routing.trusted_origins(known["dear"]) == {"http://127.0.0.1:1"}
    # Nobody else's results may.
    assert routing.trusted_origins(known["cheap"]) == {"https://api.aimlapi.com"}
    assert routing.trusted_origins(None) == frozenset()
