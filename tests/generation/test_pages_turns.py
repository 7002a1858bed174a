"""The picture's page as where it goes on: the refine box, the turns, names, and who may what."""

import re
import uuid
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from accounts import ledger
from accounts.models import User
from gallery.models import Image
from generation.models import Branch, Conversation, Generation
from tests import factories
from tests.api import rows
from tests.generation import turning
from tests.generation.turning import first, picture, refine, refined

pytestmark = pytest.mark.django_db
EVERYONE = Image.Visibility.EVERYONE


@pytest.fixture
def user() -> User:
    return turning.person(name="Mara Lindqvist")


@pytest.fixture
def image(user: User) -> Image:
    return picture(first(user, aspect_ratio="3:2"))


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def page(user: User, image: Image, query: str = "") -> str:
    response = as_(user).get(f"/images/{image.public_id}/{query}")
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def send(user: User, image: Image, **fields: Any) -> Any:
    form = {"prompt": "Make it golden hour", "aspect_ratio": "3:2", "key": str(uuid.uuid4()), **fields}
    return as_(user).post(f"/images/{image.public_id}/change", form)


def turn_from(image: Image) -> Generation:
    return Generation.objects.select_related("branch").get(continues=image)


def test_the_box_says_the_price_and_keeps_the_ratio(user: User, image: Image) -> None:
    text = page(user, image)

    assert "1 image · <b>2 credits</b> · 996 left" in text
    assert re.search(r'name="aspect_ratio" value="3:2"[^>]* checked', text)
    assert 'placeholder="Describe the next change…"' in text


def test_a_posted_form_makes_a_turn_and_comes_back_to_the_picture(user: User, image: Image) -> None:
    answer = send(user, image)

    turn = turn_from(image)
    assert answer.headers["Location"] == f"/images/{image.public_id}/#turn-{turn.public_id}"
    assert (turn.prompt, turn.aspect_ratio, turn.count) == ("Make it golden hour", "3:2", 1)
    assert turn.branch.number == 0
    assert "Next in line" in page(user, image)


def test_the_same_form_twice_makes_one_turn(user: User, image: Image) -> None:
    key = str(uuid.uuid4())
    for _ in range(2):
        send(user, image, key=key)

    assert Generation.objects.filter(continues=image).count() == 1


def test_an_older_turn_says_that_it_starts_a_branch(user: User, image: Image) -> None:
    second = refined(user, image)

    assert 'placeholder="This starts a new branch from turn 1"' in page(user, image)
    assert "starts a new branch" not in page(user, picture(second))


def test_a_branch_is_asked_for_at_the_tip(user: User, image: Image) -> None:
    tip = picture(refined(user, image))
    assert 'placeholder="This starts a new branch from turn 2"' in page(user, tip, "?branch=1")

    send(user, tip, branch="1")

    assert turn_from(tip).branch.number == 1


def test_an_empty_box_is_refused_and_nothing_is_held(user: User, image: Image) -> None:
    answer = send(user, image, prompt=" ")

    assert answer.status_code == 422
    assert "Write a prompt first." in answer.content.decode()
    assert not Generation.objects.filter(continues=image).exists()


def test_what_was_typed_survives_too_few_credits(user: User, image: Image) -> None:
    ledger.adjust(user=user, amount=-997, key="a", reason="spent", by=None)
    answer = send(user, image, prompt="warmer & softer")

    assert answer.status_code == 402
    text = answer.content.decode()
    assert "1 image costs 2 credits, you have 1." in text
    assert "warmer &amp; softer" in text


def test_references_go_along_where_there_is_room(user: User, image: Image) -> None:
    given = [str(factories.upload(user, factories.picture(seed=seed)).public_id) for seed in range(2)]
    send(user, image, reference=given)

    assert turn_from(image).references.count() == 2


def test_three_references_and_the_picture_are_one_too_many(user: User, image: Image) -> None:
    given = [str(factories.upload(user, factories.picture(seed=seed)).public_id) for seed in range(3)]
    answer = send(user, image, reference=given)

    assert answer.status_code == 422
    assert "Remove 1." in answer.content.decode()


def test_the_strip_and_the_timeline_show_the_path(user: User, image: Image) -> None:
    second = refined(user, image, "Make it golden hour")
    refined(user, image, "Blue walls", seed=60)

    text = page(user, picture(second))

    for word in ("Golden hour", "Turn 2 · now", "Blue walls", "Branch B", "3 turns · 2 branches · 6 credits"):
        assert word in text
    assert "Turn 2 of 3 · Golden hour" in text


def test_a_failed_turn_says_why_and_what_came_back(user: User, image: Image) -> None:
    rows.fail(refine(user, image))

    text = page(user, image)

    assert "The model declined this prompt" in text
    assert "2 credits refunded" in text
    assert "Try again · 2 credits" in text


def test_trying_again_goes_on_from_the_same_picture(user: User, image: Image) -> None:
    failed = refine(user, image)
    rows.fail(failed)
    answer = as_(user).post(f"/generations/{failed.public_id}/again", {"on_picture": str(image.public_id)})

    assert answer.headers["Location"] == f"/images/{image.public_id}/"
    again = Generation.objects.filter(continues=image).latest("pk")
    assert again != failed
    assert again.branch == failed.branch


def test_a_turn_is_cancelled_from_the_page(user: User, image: Image) -> None:
    turn = refine(user, image)
    answer = as_(user).post(f"/generations/{turn.public_id}/cancel", {"on_picture": str(image.public_id)})

    assert answer.headers["Location"] == f"/images/{image.public_id}/"
    assert "2 credits released" in page(user, image)


def test_compare_shows_both_pictures(user: User, image: Image) -> None:
    second = picture(refined(user, image))
    text = page(user, second, "?compare=1")

    assert "<b>Before</b> Turn 1" in text
    assert f"/files/images/{image.public_id}/" in text
    assert "picture-compare" not in page(user, image, "?compare=1")


def test_names_are_given_on_the_page(user: User, image: Image) -> None:
    second = picture(refined(user, image))
    names = {"turn": "Dusk", "branch": "Main", "conversation": "Courtyard"}
    as_(user).post(f"/images/{second.public_id}/names", names)

    text = page(user, second)
    assert "Turn 2 of 2 · Dusk" in text
    assert "<b>Main</b>" in text
    assert ">Courtyard</h1>" in text


def test_a_name_that_is_too_long_is_refused_in_words(user: User, image: Image) -> None:
    client = as_(user)
    answer = client.post(f"/images/{image.public_id}/names", {"turn": "x" * 81}, follow=True)

    assert "A name has at most 80 characters." in answer.content.decode()


def test_a_teammate_goes_on_in_a_conversation_of_their_own_and_sees_no_turns(
    user: User, image: Image
) -> None:
    refined(user, image, "my secret plan")
    Image.objects.filter(pk=image.pk).update(visibility=EVERYONE)
    teammate = turning.person()
    text = page(teammate, image)
    assert "my secret plan" not in text
    assert "What you change becomes a conversation of your own." in text

    assert send(teammate, image).status_code == 302

    assert Conversation.objects.get(user=teammate).root == image
    assert Conversation.objects.get(user=user).branches.count() == 1


@pytest.mark.parametrize("way", ["", "change", "names"])
def test_nobody_else_reaches_a_private_picture(user: User, image: Image, way: str) -> None:
    for someone in (turning.person(), turning.person(is_staff=True, is_superuser=True)):
        client = as_(someone)
        address = f"/images/{image.public_id}/{way}"
        answer = client.post(address, {"prompt": "x"}) if way else client.get(address)
        assert answer.status_code == 404
    assert not Branch.objects.exists()


@pytest.mark.parametrize("way", ["", "change", "names"])
def test_a_stranger_is_sent_to_sign_in(image: Image, way: str) -> None:
    address = f"/images/{image.public_id}/{way}"
    answer = Client().post(address) if way else Client().get(address)

    assert answer.headers["Location"].startswith("/accounts/login/")


def test_a_teammate_names_nothing_of_a_shared_picture(user: User, image: Image) -> None:
    refined(user, image)
    Image.objects.filter(pk=image.pk).update(visibility=EVERYONE)
    names = {"turn": "Mine", "branch": "Mine", "conversation": "Mine"}
    as_(turning.person()).post(f"/images/{image.public_id}/names", names)

    assert not Generation.objects.filter(name="Mine").exists()
    assert not Conversation.objects.filter(name="Mine").exists()


@pytest.mark.parametrize("way", ["change", "names"])
def test_what_changes_something_needs_the_csrf_token(user: User, image: Image, way: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)

    assert client.post(f"/images/{image.public_id}/{way}", {"prompt": "x"}).status_code == 403


def test_a_script_gets_the_turns_alone(user: User, image: Image) -> None:
    refine(user, image)
    answer = as_(user).get(f"/images/{image.public_id}/", headers={"X-Part": "turns"})

    text = answer.content.decode()
    assert "<html" not in text
    assert "data-unfinished" in text
    assert "994 left" in " ".join(text.split())


def test_the_studio_says_which_conversation_a_row_belongs_to(user: User, image: Image) -> None:
    refined(user, image)
    refine(user, image)

    text = " ".join(as_(user).get("/").content.decode().split())

    assert f'<a href="/images/{image.public_id}/">3 turns · 2 branches</a>' in text


def test_using_a_turn_again_in_the_studio_brings_its_picture_along(user: User, image: Image) -> None:
    turn = refine(user, image)

    text = as_(user).get(f"/?again={turn.public_id}").content.decode()

    assert f'name="reference" value="{image.public_id}"' in text


def test_the_page_asks_as_often_however_many_turns_there_are(
    user: User, image: Image, django_assert_max_num_queries: Any
) -> None:
    tip = picture(refined(user, image))
    # Pictures on either side, before as after.
    refined(user, image, seed=69)
    refine(user, tip)
    client = as_(user)
    client.get(f"/images/{tip.public_id}/")
    # What is expected of the line is kept for a second.
    cache.clear()
    with django_assert_max_num_queries(54) as before:
        client.get(f"/images/{tip.public_id}/")
    for seed in range(4):
        refined(user, image, seed=70 + seed)
        refine(user, tip)

    cache.clear()
    with django_assert_max_num_queries(len(before.captured_queries)):
        client.get(f"/images/{tip.public_id}/")
