"""Asking for pictures over the API."""

import base64
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts import ledger
from accounts.models import Hold
from gallery.models import Image
from generation.models import Generation
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller
from tests.gallery import heic, loopback

URL = "/api/v1/generations"
pytestmark = pytest.mark.django_db


def test_a_generation_is_taken_and_its_price_is_held(owner: Caller) -> None:
    answer = owner.client.post(URL, {"prompt": "A lighthouse", "aspect_ratio": "4:3", "count": 2})

    body = answer.json()
    assert answer.status_code == 202
    assert answer["Location"] == f"http://testserver{URL}/{body['id']}"
    assert body["status"] == "queued"
    assert body["credits"] == {"quoted": 4, "captured": 0}
    assert body["images"] == []
    assert body["error"] is None
    assert ledger.standing(owner.user).held == 4


def test_what_was_asked_is_answered_back(owner: Caller) -> None:
    given = {"prompt": "A lighthouse", "aspect_ratio": "21:9", "count": 3, "provider": "aimlapi"}

    body = owner.client.post(URL, given).json()

    assert {name: body[name] for name in given} == given
    assert body["model"] == "gemini-2.5-flash-image"


def test_an_alias_names_the_model(owner: Caller) -> None:
    body = owner.client.post(
        URL, {"prompt": "A lighthouse", "model": "google/gemini-2.5-flash-image-edit"}
    ).json()

    assert body["model"] == "gemini-2.5-flash-image"


def test_the_key_is_noted_with_the_generation(owner: Caller) -> None:
    owner.client.post(URL, {"prompt": "A lighthouse"})

    assert Generation.objects.get().api_key == owner.key


def test_uploads_and_images_are_references(owner: Caller) -> None:
    upload = factories.upload(owner.user)
    image = rows.image_of(owner.user, seed=3)

    body = owner.client.post(
        URL, {"prompt": "Both", "references": [str(upload.public_id), str(image.public_id)]}
    ).json()

    assert body["references"] == [
        {"image": None, "width": 64, "height": 64},
        {"image": str(image.public_id), "width": 64, "height": 64},
    ]


@pytest.mark.parametrize("data", [factories.picture(), heic.picture()], ids=["png", "heic"])
@pytest.mark.parametrize("kind", ["image/png", "image/heic", "text/plain"])
def test_a_data_uri_is_a_reference_whatever_it_is_called(owner: Caller, data: bytes, kind: str) -> None:
    uri = f"data:{kind};base64," + base64.b64encode(data).decode()

    answer = owner.client.post(URL, {"prompt": "This", "references": [uri]})

    assert answer.status_code == 202
    assert len(answer.json()["references"]) == 1


def test_an_address_of_heic_is_a_reference_whatever_its_server_calls_it(owner: Caller, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    answers = loopback.response(heic.picture(), "Content-Type: text/plain")
    server = loopback.Server(lambda connection, _: connection.sendall(answers))
    try:
        answer = owner.client.post(URL, {"prompt": "This", "references": [f"{server.origin}/mug.png"]})
    finally:
        server.close()

    assert answer.status_code == 202
    assert [(row["width"], row["height"]) for row in answer.json()["references"]] == [(400, 300)]


def test_an_ended_generation_shows_its_images_and_what_it_cost(owner: Caller) -> None:
    generation = rows.finished(owner.user, count=2)

    body = owner.client.get(f"{URL}/{generation.public_id}").json()

    assert body["status"] == "succeeded"
    assert body["credits"] == {"quoted": 4, "captured": 4}
    assert body["error"] is None
    assert [(image["width"], image["height"]) for image in body["images"]] == [(64, 64), (64, 64)]
    assert body["provider"] == "aimlapi"


def test_the_address_of_an_image_needs_no_header(owner: Caller, stranger: Client) -> None:
    generation = rows.finished(owner.user)
    image = owner.client.get(f"{URL}/{generation.public_id}").json()["images"][0]

    answer = stranger.get(image["url"])

    assert answer.status_code == 200
    assert answer.getvalue() == factories.picture()


def test_a_partial_one_says_why(owner: Caller) -> None:
    generation = rows.finished(owner.user, count=3, pictures=1)

    body = owner.client.get(f"{URL}/{generation.public_id}").json()

    assert body["status"] == "partial"
    assert body["credits"] == {"quoted": 6, "captured": 2}
    assert body["error"]["code"] == "too_few_images"


def test_a_failed_one_costs_nothing_and_says_why(owner: Caller) -> None:
    generation = factories.generation(owner.user)
    rows.fail(generation)

    body = owner.client.get(f"{URL}/{generation.public_id}").json()

    assert body["status"] == "failed"
    assert body["credits"]["captured"] == 0
    assert body["error"] == {"code": "content_refused", "detail": "The provider refused this prompt."}


def test_the_list_is_the_callers_own_newest_first(owner: Caller, teammate: Caller) -> None:
    first, second = factories.generation(owner.user), factories.generation(owner.user)
    factories.generation(teammate.user)

    body = owner.client.get(URL).json()

    assert [row["id"] for row in body["results"]] == [str(second.public_id), str(first.public_id)]
    assert (body["next"], body["previous"]) == (None, None)


def test_the_list_is_filtered_by_any_of_the_states(owner: Caller) -> None:
    rows.finished(owner.user)
    rows.fail(factories.generation(owner.user))
    factories.generation(owner.user)

    body = owner.client.get(f"{URL}?status=failed&status=succeeded").json()

    assert [row["status"] for row in body["results"]] == ["failed", "succeeded"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("status=lost", "invalid_choice"),
        ("status=", "blank"),
        ("status=failed&status=", "blank"),
        ("stauts=failed", "unknown_parameter"),
        ("limit=0", "invalid_limit"),
        ("limit=101", "invalid_limit"),
        ("limit=ten", "invalid_limit"),
        ("cursor=1", "invalid_cursor"),
        ("cursor=older-99999999999999999999", "invalid_cursor"),
    ],
)
def test_a_parameter_that_means_nothing_is_refused(owner: Caller, query: str, code: str) -> None:
    answer = owner.client.get(f"{URL}?{query}")

    assert (answer.status_code, answer.json()["code"]) == (400, code)


def test_a_queued_one_is_cancelled_at_no_cost(owner: Caller) -> None:
    generation = factories.generation(owner.user)

    answer = owner.client.post(f"{URL}/{generation.public_id}/cancel")

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert ledger.standing(owner.user).held == 0


def test_an_ended_one_is_not_cancelled(owner: Caller) -> None:
    generation = rows.finished(owner.user)

    answer = owner.client.post(f"{URL}/{generation.public_id}/cancel")

    assert (answer.status_code, answer.json()["code"]) == (409, "already_finished")


def test_a_changed_price_holds_nothing(owner: Caller) -> None:
    answer = owner.client.post(URL, {"prompt": "A lighthouse", "expected_credits": 1})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (409, "price_changed")
    assert (body["expected"], body["quoted"]) == (1, 2)
    assert not Hold.objects.exists()


def test_too_few_credits_says_needed_available_and_held(owner: Caller) -> None:
    poor = caller(factories.person(credits=5))
    poor.client.post(URL, {"prompt": "One"})

    answer = poor.client.post(URL, {"prompt": "Four", "count": 4})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (402, "insufficient_credits")
    assert (body["needed"], body["available"], body["held"]) == (8, 3, 2)
    assert Generation.objects.count() == 1


def test_a_keys_spend_limit_holds(owner: Caller) -> None:
    bound = caller(owner.user, spend_limit=3)
    bound.client.post(URL, {"prompt": "One"})

    answer = bound.client.post(URL, {"prompt": "Another"})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (403, "limit_reached")
    assert (body["needed"], body["allowed"], body["used"], body["scope"]) == (2, 3, 2, "key")


def test_the_list_costs_the_same_number_of_queries(owner: Caller, django_assert_max_num_queries: Any) -> None:
    def queries(expected: int) -> int:
        with django_assert_max_num_queries(40) as captured:
            assert len(owner.client.get(URL).json()["results"]) == expected
        return len(captured)

    upload = str(factories.upload(owner.user).public_id)
    owner.client.post(URL, {"prompt": "warm", "references": [upload]})
    rows.finish(Generation.objects.latest("pk"), seed=1)
    few = queries(1)
    for seed in (2, 5, 8):
        owner.client.post(URL, {"prompt": "more", "count": 3, "references": [upload, upload]})
        rows.finish(Generation.objects.latest("pk"), seed=seed)

    assert queries(4) == few
    assert Image.objects.count() == 10


def test_a_session_needs_the_csrf_token(owner: Caller) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(owner.user)

    answer = browser.post(URL, {"prompt": "A lighthouse"})

    assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")
    assert not Generation.objects.exists()


def test_a_session_with_its_token_generates(owner: Caller) -> None:
    browser = APIClient(enforce_csrf_checks=True)
    browser.force_login(owner.user)
    browser.cookies["easel_csrf"] = "a" * 32

    answer = browser.post(URL, {"prompt": "A lighthouse"}, headers={"X-CSRFToken": "a" * 32})

    assert answer.status_code == 202
    assert Generation.objects.get().api_key is None
