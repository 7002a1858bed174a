"""Asking again: what is missing, where it was or elsewhere, and what the receipt says of it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from generation import calls, catalog, conversations, execution, feed, retrying, wishes
from generation.models import (
    Attempt,
    Conversation,
    Generation,
    ImageModel,
    Offer,
    Provider,
    ProviderHealth,
    RoutingPolicy,
)
from generation.progress import Reason
from generation.retrying import ELSEWHERE
from generation.wishes import InvalidWish
from tests import factories
from tests.api import rows
from tests.generation import turning

pytestmark = pytest.mark.django_db
REASON = Reason("provider_error", "The image provider had a problem.")


@pytest.fixture
def user() -> User:
    return factories.person()


@pytest.fixture
def owner(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def provider(name: str, **fields: Any) -> Provider:
    made = Provider.objects.create(
        name=name,
        title=name.title(),
        format="aiml",
        base_url="http://127.0.0.1:1",
        **{"position": 50, **fields},
    )
    Offer.objects.create(
        provider=made, model=ImageModel.objects.get(slug="gemini-2.5-flash-image"), vendor_model="m"
    )
    return made


def failed(user: User, **wish: Any) -> Generation:
    """One that a provider was asked for, without an end that anybody knows."""
    generation = factories.generation(user, **wish)
    claim = rows._claim(generation, timezone.now())
    attempt = factories.begin(claim)
    calls.end_attempt(claim, attempt, Attempt.Status.OUTCOME_UNKNOWN, REASON, now=timezone.now())
    execution.fail(claim, REASON, now=timezone.now())
    generation.refresh_from_db()
    return generation


def retried(generation: Generation, **asked: Any) -> Generation:
    now = timezone.now()
    retry = retrying.prepare(generation, user=generation.user, now=now, **asked)
    return retrying.submit(retry, user=generation.user, now=now).generation


def row(generation: Generation) -> feed.Row:
    (shown,) = feed.present(Generation.objects.filter(pk=generation.pk).with_parts(), now=timezone.now())
    return shown


def press(client: Client, generation: Generation, **fields: Any) -> Any:
    return client.post(f"/generations/{generation.public_id}/again", fields, headers={"X-Part": "row"})


def test_all_of_a_failed_one_is_asked_for_again(user: User) -> None:
    earlier = failed(user, count=3, aspect_ratio="3:2", temperature=None)

    again = retried(earlier)

    assert (again.retry_of, again.count, again.aspect_ratio) == (earlier, 3, "3:2")
    assert (again.status, again.provider, again.prompt) == ("queued", "", earlier.prompt)


def test_only_what_is_missing_of_a_partial_one(user: User) -> None:
    assert retried(rows.finished(user, count=4, pictures=3)).count == 1


def test_all_of_one_that_is_complete(user: User) -> None:
    assert retried(rows.finished(user, count=2)).count == 2


def test_elsewhere_is_not_where_it_was(user: User) -> None:
    provider("second", position=51)
    provider("first", position=50)

    again = retried(failed(user), provider=ELSEWHERE)

    assert again.provider == "first"


def test_elsewhere_follows_the_policy_and_passes_over_who_is_unwell(user: User) -> None:
    slow, quick = provider("slow", position=50), provider("quick", position=51)
    RoutingPolicy.objects.update(policy="fastest", fail_over=False)
    ProviderHealth.objects.create(provider=slow, seconds_mean=9)
    ProviderHealth.objects.create(provider=quick, seconds_mean=3)
    earlier = failed(user)

    assert retried(earlier, provider=ELSEWHERE).provider == "quick"
    ProviderHealth.objects.filter(provider=quick).update(resting_until=timezone.now() + timedelta(minutes=1))
    assert retried(earlier, provider=ELSEWHERE).provider == "slow"


def test_who_was_chosen_and_never_asked_is_not_elsewhere(user: User) -> None:
    provider("other")
    generation = factories.generation(user, provider="other")

    assert "other" not in {offer.provider.name for offer in retrying.others(generation, catalog.load())}


def test_where_nobody_was_asked_everybody_may_be(user: User, owner: Client) -> None:
    earlier = factories.generation(user)
    rows.fail(earlier)
    earlier.refresh_from_db()

    assert row(earlier).elsewhere_label == ""
    assert retried(earlier, provider=ELSEWHERE).provider == ""


def test_where_nobody_else_can_there_is_no_elsewhere(user: User) -> None:
    provider("off", enabled=False)
    earlier = failed(user)

    assert row(earlier).elsewhere_label == ""
    with pytest.raises(InvalidWish) as refusal:
        retried(earlier, provider=ELSEWHERE)
    assert (refusal.value.field, refusal.value.code) == ("provider", "no_other_provider")


def test_the_only_other_one_is_named(user: User) -> None:
    earlier = failed(user)
    provider("google2")

    assert row(earlier).elsewhere_label == "Run again with Google2"
    provider("third")
    assert row(earlier).elsewhere_label == "Run again elsewhere"


def test_another_who_cannot_make_it_is_not_offered(user: User) -> None:
    earlier = failed(user, aspect_ratio="3:2")
    Offer.objects.filter(provider=provider("square")).update(abilities={"ratios": ["1:1"]})

    assert row(earlier).elsewhere_label == ""


def test_the_buttons_say_what_they_cost(user: User, owner: Client) -> None:
    provider("other")
    failed(user, count=2)

    page = " ".join(owner.get("/").content.decode().split())

    assert "Try again · 4 credits" in page
    assert "Run again with Other · 4 credits" in page


def test_pressing_elsewhere_twice_makes_one(user: User, owner: Client) -> None:
    """Even where the policy draws another provider at the second press."""
    for name in ("a1", "b2", "c3", "d4"):
        provider(name)
    RoutingPolicy.objects.update(policy="weighted")
    earlier = failed(user)
    key = str(uuid.uuid4())

    answers = [press(owner, earlier, key=key, provider=ELSEWHERE, price="2") for _ in range(8)]

    assert {answer.status_code for answer in answers} == {201}
    assert Generation.objects.filter(retry_of=earlier).count() == 1


def test_try_again_and_elsewhere_are_two_wishes(user: User, owner: Client) -> None:
    provider("other")
    earlier, key = failed(user), str(uuid.uuid4())

    press(owner, earlier, key=key, price="2")
    press(owner, earlier, key=key, price="2", provider=ELSEWHERE)

    asked = Generation.objects.filter(retry_of=earlier).order_by("pk").values_list("provider", flat=True)
    assert list(asked) == ["", "other"]


def test_another_price_asks_for_nothing(user: User, owner: Client) -> None:
    earlier = failed(user)

    answer = press(owner, earlier, price="1")

    assert answer.status_code == 422
    assert not Generation.objects.filter(retry_of=earlier).exists()


def test_a_turn_goes_on_from_the_same_picture(user: User) -> None:
    picture = rows.image_of(user)
    turn = turning.refine(user, picture)
    rows.fail(turn)
    turn.refresh_from_db()

    again = retried(turn)

    assert (again.continues, again.branch.conversation) == (picture, turn.branch.conversation)


@pytest.mark.parametrize("pictures", [0, 1])
def test_the_first_turn_of_a_conversation_stays_in_it(user: User, pictures: int) -> None:
    now = timezone.now()
    wish = wishes.check(prompt="A mug", count=2)
    first = conversations.begin(user=user, wish=wish, references=[], now=now).generation
    if pictures:
        rows.finish(first, pictures=pictures)
    else:
        rows.fail(first)
    first.refresh_from_db()

    again = retried(first)

    assert (again.branch, again.continues, again.count) == (first.branch, None, 2 - pictures)
    conversation = first.branch.conversation
    assert list(Conversation.objects.filter(user=user)) == [conversation]
    assert conversation.changed_at > now
    rows.finish(again, seed=7)
    assert conversations.tip(conversation) == again.outputs.first().image


def test_what_is_in_no_conversation_begins_none(user: User) -> None:
    assert retried(failed(user)).branch is None
    assert not Conversation.objects.exists()


def test_the_receipt_says_where_it_was_and_where_it_goes(user: User, owner: Client) -> None:
    provider("other")
    earlier = failed(user)
    again = retried(earlier, provider=ELSEWHERE)

    page = owner.get(f"/receipts/{again.public_id}/").content.decode()

    assert "Asked for again after an earlier one at AI/ML API. This time it goes to Other alone." in page
    assert f"/receipts/{earlier.public_id}/" in page


def test_the_receipt_of_a_failed_one_offers_both(user: User, owner: Client) -> None:
    provider("other")
    page = " ".join(owner.get(f"/receipts/{failed(user).public_id}/").content.decode().split())

    assert "Try again · 2 credits" in page
    assert "Run again with Other · 2 credits" in page


def test_the_receipt_of_an_unfinished_one_says_when_credits_come_back_and_cancels(
    user: User, owner: Client
) -> None:
    generation = factories.generation(user)
    address = f"/receipts/{generation.public_id}/"

    page = " ".join(owner.get(address).content.decode().split())
    answer = owner.post(f"/generations/{generation.public_id}/cancel", {"expected": "0", "on_receipt": "1"})

    assert "If it isn’t done by" in page
    assert f"{generation.deadline_at:%H:%M}</time>, you get your credits back." in page
    assert "Cancelling is free: 2 credits come back at once." in page
    assert answer.headers["Location"] == address
    generation.refresh_from_db()
    assert generation.status == "canceled"


def test_a_receipt_for_admins_offers_nothing(user: User) -> None:
    client = Client()
    client.force_login(factories.person(is_staff=True, is_superuser=True))

    page = client.get(f"/receipts/{failed(user).public_id}/").content.decode()

    assert "Try again" not in page
