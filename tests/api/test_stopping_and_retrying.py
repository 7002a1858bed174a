"""What cancelling costs, deadlines, places in line, and asking again, over the API."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import ledger
from accounts.models import Hold
from generation import claims
from generation.models import Generation, ImageModel, Offer, Provider
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller, caller
from tests.generation.attempts import attempt

URL = "/api/v1/generations"
pytestmark = pytest.mark.django_db


def shown(owner: Caller, generation: Generation) -> dict[str, Any]:
    return owner.client.get(f"{URL}/{generation.public_id}").json()


def begun(generation: Generation) -> None:
    (claim,) = claims.take(limit=1, now=timezone.now())
    assert claim.generation_id == generation.pk
    factories.begin(claim)


def elsewhere(name: str = "other") -> None:
    model = ImageModel.objects.get(slug="gemini-2.5-flash-image")
    made = Provider.objects.create(
        name=name, title=name.title(), format="aiml", base_url="http://127.0.0.1:1", position=50
    )
    Offer.objects.create(provider=made, model=model, vendor_model="m")


def test_it_says_what_cancelling_costs_before(owner: Caller) -> None:
    generation = factories.generation(owner.user, count=2)

    assert shown(owner, generation)["cancel"] == {
        "possible": True,
        "code": "free",
        "credits_max": 0,
        "detail": "Cancelling is free: 4 credits come back at once.",
    }
    begun(generation)
    assert shown(owner, generation)["cancel"] == {
        "possible": True,
        "code": "arriving",
        "credits_max": 4,
        "detail": "The provider can’t be stopped: what arrives is charged, up to 4 credits.",
    }


def test_what_was_claimed_and_not_sent_is_cancelled_at_no_cost(owner: Caller) -> None:
    generation = factories.generation(owner.user)
    claims.take(limit=1, now=timezone.now())

    answer = owner.client.post(f"{URL}/{generation.public_id}/cancel", {"expected_credits_max": 0})

    assert (answer.status_code, answer.json()["status"]) == (200, "canceled")
    assert answer.json()["cancel"]["code"] == "finished"
    assert ledger.standing(owner.user).held == 0


def test_it_is_not_cancelled_for_more_than_was_expected(owner: Caller) -> None:
    generation = factories.generation(owner.user)
    begun(generation)

    answer = owner.client.post(f"{URL}/{generation.public_id}/cancel", {"expected_credits_max": 0})

    body = answer.json()
    assert (answer.status_code, body["code"], body["expected"], body["quoted"]) == (
        409,
        "price_changed",
        0,
        2,
    )
    assert shown(owner, generation)["cancel"]["possible"] is True


def test_what_is_being_stopped_is_cancelled_once_more_without_a_change(owner: Caller) -> None:
    generation = factories.generation(owner.user)
    begun(generation)
    address = f"{URL}/{generation.public_id}/cancel"

    first, second = owner.client.post(address), owner.client.post(address)

    assert first.json() == second.json()
    assert first.json()["cancel"]["code"] == "stopping"


@pytest.mark.parametrize("given", [{"expected_credits_max": "0"}, {"expected_credits_max": -1}, {"why": 1}])
def test_a_cancel_is_checked_too(owner: Caller, given: dict[str, Any]) -> None:
    generation = factories.generation(owner.user)

    answer = owner.client.post(f"{URL}/{generation.public_id}/cancel", given)

    assert answer.status_code == 400
    assert shown(owner, generation)["status"] == "queued"


def test_a_deadline_is_kept_and_told(owner: Caller) -> None:
    body = owner.client.post(URL, {"prompt": "A lighthouse", "deadline_seconds": 900}).json()

    made = Generation.objects.get()
    assert made.deadline_at - made.created_at == timedelta(seconds=900)
    assert datetime.fromisoformat(body["deadline_at"]) == made.deadline_at


def test_without_one_it_is_the_settings(owner: Caller) -> None:
    owner.client.post(URL, {"prompt": "A lighthouse", "deadline_seconds": None})

    made = Generation.objects.get()
    assert (made.deadline_at - made.created_at).total_seconds() == configured.GENERATION_DEADLINE_SECONDS


@pytest.mark.parametrize("seconds", [59, 1801, 0, -5, "300", 90.5, True])
def test_a_deadline_has_bounds(owner: Caller, seconds: Any) -> None:
    answer = owner.client.post(URL, {"prompt": "A lighthouse", "deadline_seconds": seconds})

    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "invalid_deadline")
    assert body["errors"][0]["field"] == "deadline_seconds"
    assert not Hold.objects.exists()


def test_a_turn_has_a_deadline_too(owner: Caller) -> None:
    talk = owner.client.post(
        "/api/v1/conversations", {"image": str(rows.image_of(owner.user).public_id)}
    ).json()

    owner.client.post(
        f"/api/v1/conversations/{talk['id']}/turns", {"prompt": "At night", "deadline_seconds": 60}
    )

    made = Generation.objects.latest("pk")
    assert made.deadline_at - made.created_at == timedelta(seconds=60)


def test_no_runner_is_ended_before_the_longest_deadline() -> None:
    longest = configured.GENERATION_DEADLINE_SECONDS_MAX
    assert configured.Q_CLUSTER["timeout"] > configured.RUNNER_CLAIM_SECONDS + longest
    assert configured.Q_CLUSTER["retry"] > configured.Q_CLUSTER["timeout"]


def test_places_and_times_are_told(owner: Caller) -> None:
    done = factories.generation()
    Generation.objects.filter(pk=done.pk).update(status="failed", finished_at=timezone.now())
    attempt(done, at=timezone.now() - timedelta(minutes=1), seconds=30, model="gemini-2.5-flash-image")
    first, second = factories.generation(owner.user), factories.generation(owner.user)

    body = shown(owner, second)

    assert (shown(owner, first)["queue_position"], body["queue_position"]) == (1, 2)
    ahead = datetime.fromisoformat(body["expected_finish_at"]) - timezone.now()
    assert 25 < ahead.total_seconds() <= 30
    ended = shown(owner, rows.finished(owner.user))
    assert (ended["queue_position"], ended["expected_finish_at"]) == (None, None)


def test_a_list_reads_the_line_once(owner: Caller) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            owner.client.get(URL)
        return len(captured)

    for _ in range(2):
        factories.generation(owner.user)
    queries()  # notes that the key was used, once a minute
    one = queries()
    for _ in range(4):
        factories.generation(owner.user)

    assert queries() == one


def test_a_failed_one_is_asked_for_again(owner: Caller) -> None:
    earlier = factories.generation(owner.user, count=2)
    rows.fail(earlier)

    answer = owner.client.post(f"{URL}/{earlier.public_id}/retry", {"expected_credits": 4})

    body = answer.json()
    assert (answer.status_code, body["status"], body["count"]) == (202, "queued", 2)
    assert body["retry_of"] == str(earlier.public_id)
    assert answer["Location"].endswith(f"{URL}/{body['id']}")
    assert Generation.objects.get(public_id=body["id"]).api_key == owner.key


def test_only_what_is_missing_is_asked_for_again(owner: Caller) -> None:
    earlier = rows.finished(owner.user, count=4, pictures=3)

    body = owner.client.post(f"{URL}/{earlier.public_id}/retry", {}).json()

    assert (body["count"], body["credits"]["quoted"]) == (1, 2)


def test_elsewhere_is_another_provider(owner: Caller) -> None:
    elsewhere()
    earlier = rows.finished(owner.user, count=2, pictures=1)

    body = owner.client.post(f"{URL}/{earlier.public_id}/retry", {"provider": "elsewhere"}).json()

    assert body["provider"] == "other"


def test_a_provider_can_be_named(owner: Caller) -> None:
    earlier = rows.finished(owner.user, count=2, pictures=1)

    body = owner.client.post(f"{URL}/{earlier.public_id}/retry", {"provider": "aimlapi"}).json()

    assert body["provider"] == "aimlapi"


@pytest.mark.parametrize(
    ("given", "status", "code"),
    [
        ({"provider": "elsewhere"}, 400, "no_other_provider"),
        ({"provider": "nobody"}, 400, "unknown_provider"),
        ({"deadline_seconds": 5}, 400, "invalid_deadline"),
        ({"count": 1}, 400, "unknown_field"),
        ({"expected_credits": 1}, 409, "price_changed"),
    ],
)
def test_what_cannot_be_had_again_holds_nothing(
    owner: Caller, given: dict[str, Any], status: int, code: str
) -> None:
    earlier = rows.finished(owner.user, count=2, pictures=1)

    answer = owner.client.post(f"{URL}/{earlier.public_id}/retry", given)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ledger.standing(owner.user).held == 0


def test_what_is_still_being_made_is_not_asked_for_again(owner: Caller) -> None:
    generation = factories.generation(owner.user)

    answer = owner.client.post(f"{URL}/{generation.public_id}/retry", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "not_finished")


def test_a_retry_with_a_key_happens_once(owner: Caller) -> None:
    earlier = factories.generation(owner.user)
    rows.fail(earlier)
    address, key = f"{URL}/{earlier.public_id}/retry", {"HTTP_IDEMPOTENCY_KEY": "once"}

    first = owner.client.post(address, {}, **key)
    second = owner.client.post(address, {}, **key)
    other = owner.client.post(address, {"provider": "aimlapi"}, **key)

    assert first.json()["id"] == second.json()["id"]
    assert second["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Generation.objects.filter(retry_of=earlier).count() == 1


def test_a_key_that_may_spend_no_more_is_refused(owner: Caller) -> None:
    earlier = factories.generation(owner.user)
    rows.fail(earlier)

    answer = caller(owner.user, spend_limit=1).client.post(f"{URL}/{earlier.public_id}/retry", {})

    assert (answer.status_code, answer.json()["code"]) == (403, "limit_reached")
