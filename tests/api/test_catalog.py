"""Models and quotes over the API."""

from typing import Any

import pytest

from accounts import ledger
from generation.models import Offer
from tests.api.conftest import Caller

pytestmark = pytest.mark.django_db


def test_a_model_tells_its_shapes_limits_defaults_and_price(owner: Caller) -> None:
    body = owner.client.get("/api/v1/models").json()

    model, renamed = body["results"]
    assert (body["next"], body["previous"]) == (None, None)
    assert model["id"] == "gemini-2.5-flash-image"
    assert model["credits_per_image"] == 2
    assert len(model["aspect_ratios"]) == 10
    assert {"name": "4:3", "width": 1184, "height": 864} in model["aspect_ratios"]
    assert (model["limits"]["count"], model["limits"]["references"]) == (4, 3)
    assert model["defaults"] == {"aspect_ratio": "1:1", "count": 1, "temperature": 1.0, "top_p": 0.95}
    assert [provider["id"] for provider in model["providers"]] == ["aimlapi"]
    assert renamed["id"] == "nano-banana"


def test_a_model_nobody_makes_is_not_on_offer(owner: Caller) -> None:
    Offer.objects.filter(model__slug="nano-banana").update(enabled=False)

    body = owner.client.get("/api/v1/models").json()

    assert [model["id"] for model in body["results"]] == ["gemini-2.5-flash-image"]


def test_a_quote_is_the_price_of_all_images(owner: Caller) -> None:
    body = owner.client.post("/api/v1/quotes", {"count": 4, "aspect_ratio": "4:3"}).json()

    assert (body["credits"], body["credits_per_image"]) == (8, 2)
    assert (body["width"], body["height"], body["count"]) == (1184, 864, 4)


def test_a_quote_of_nothing_is_the_default(owner: Caller) -> None:
    assert owner.client.post("/api/v1/quotes", {}).json()["credits"] == 2


def test_a_quote_sets_nothing_aside(owner: Caller) -> None:
    owner.client.post("/api/v1/quotes", {"count": 4})

    assert ledger.standing(owner.user).held == 0


def test_what_is_quoted_is_what_is_held(owner: Caller) -> None:
    quoted = owner.client.post("/api/v1/quotes", {"count": 3}).json()["credits"]

    answer = owner.client.post(
        "/api/v1/generations", {"prompt": "A pier", "count": 3, "expected_credits": quoted}
    )

    assert answer.json()["credits"]["quoted"] == quoted == ledger.standing(owner.user).held


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "x"}, "unknown_model"),
        ({"aspect_ratio": "9:1"}, "unknown_aspect_ratio"),
        ({"count": 5}, "invalid_count"),
        ({"count": "1"}, "invalid_count"),
        ({"provider": "acme"}, "unknown_provider"),
        ({"prompt": "A pier"}, "unknown_field"),
        ([], "invalid"),
    ],
)
def test_no_price_for_what_is_not_on_offer(owner: Caller, body: Any, code: str) -> None:
    answer = owner.client.post("/api/v1/quotes", body)

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_the_index_leads_everywhere(owner: Caller) -> None:
    for url in owner.client.get("/api/v1/").json().values():
        assert owner.client.get(url).status_code == 200
