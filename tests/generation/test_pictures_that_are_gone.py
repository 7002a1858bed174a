"""Studio, receipt and conversations live with pictures that are in the trash or were deleted for good."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import trash
from gallery.models import Image
from generation import conversations, feed, retrying, strip, turns
from generation.models import Attempt, Generation, Output
from generation.wishes import InvalidWish
from tests.api import rows
from tests.generation import turning
from tests.generation.turning import picture, refine, refined

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return turning.person()


@pytest.fixture
def client(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def throw(image: Image) -> None:
    trash.put(image.owner, [image.pk])


def purge(image: Image) -> None:
    throw(image)
    assert trash.delete(image.owner, [image.pk]) == [image.pk]


def images_of(generation: Generation) -> list[Image]:
    return [output.image for output in Output.objects.filter(generation=generation).order_by("position")]


# Studio and receipt


def test_a_row_shows_a_quiet_place_for_each_that_is_gone(user: User, client: Client) -> None:
    generation = rows.finished(user, count=3)
    kept, trashed, purged = images_of(generation)
    throw(trashed)
    purge(purged)

    (row,) = feed.present(Generation.objects.with_parts(), now=timezone.now())
    page = client.get("/").content.decode()

    assert (row.images, row.gone, row.missing) == ((kept,), (feed.IN_TRASH, feed.DELETED), 0)
    assert row.state == feed.State.DONE
    assert page.count("tile-gone") == 2
    assert str(kept.public_id) in page
    assert str(trashed.public_id) not in page


def test_of_a_partial_one_only_what_did_not_come_is_missing(user: User) -> None:
    generation = rows.finished(user, count=3, pictures=2)
    purge(images_of(generation)[0])

    (row,) = feed.present(Generation.objects.with_parts(), now=timezone.now())

    assert (row.missing, row.gone) == (1, (feed.DELETED,))


def test_the_receipt_says_deleted_for_good_with_the_digest(user: User, client: Client) -> None:
    generation = rows.finished(user, count=2)
    trashed, purged = images_of(generation)
    digest = purged.original.sha256
    throw(trashed)
    purge(purged)

    page = " ".join(client.get(f"/receipts/{generation.public_id}/").content.decode().split())

    assert "Picture 2 · deleted for good" in page
    assert digest in page
    assert "Picture 1 · in the trash" in page
    assert f"/images/{trashed.public_id}" not in page


# Conversations


@pytest.fixture
def line(user: User) -> list[Generation]:
    """Four turns, one after the other."""
    made = [turning.first(user)]
    for seed in range(3):
        made.append(refined(user, picture(made[-1]), seed=60 + seed))
    return made


def tree_of(generation: Generation) -> turns.Tree:
    generation.refresh_from_db()
    return turns.tree(generation.branch.conversation)


@pytest.mark.parametrize("gone", [throw, purge])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_turns_keep_their_numbers_and_places(
    line: list[Generation], gone: Any, place: int, client: Client
) -> None:
    last = picture(line[-1])
    gone(picture(line[place]))

    tree = tree_of(line[0])

    assert [turn.number for turn in tree.turns] == [1, 2, 3, 4]
    assert [turn.emptied for turn in tree.turns] == [number == place for number in range(4)]
    (row,) = strip.rows(tree, last)
    assert [cell.turn.number for cell in row if cell.turn] == [1, 2, 3, 4]
    page = client.get(f"/images/{last.public_id}/")
    assert page.status_code == 200
    assert "no longer kept" in page.content.decode()


@pytest.mark.parametrize("gone", [throw, purge])
def test_a_branch_from_a_picture_that_is_gone_still_shows(
    user: User, line: list[Generation], gone: Any
) -> None:
    fork = refined(user, picture(line[1]), "Make it night", fork=True, seed=80)
    gone(picture(line[1]))

    tree = tree_of(line[0])

    assert [turn.branch.number for turn in tree.turns] == [0, 0, 0, 0, 1]
    shown = strip.rows(tree, picture(fork))
    assert sum(cell.turn is not None for row in shown for cell in row) == 5


def test_nothing_is_compared_with_a_picture_in_the_trash(line: list[Generation], client: Client) -> None:
    last = picture(line[-1])
    assert "Compare<span" in client.get(f"/images/{last.public_id}/").content.decode()
    throw(picture(line[-2]))

    page = client.get(f"/images/{last.public_id}/?compare=1").content.decode()

    assert "Compare<span" not in page
    assert "picture-compare" not in page
    assert "This picture is in the trash." in page


def test_a_conversation_goes_on_from_what_can_be_seen_alone(user: User, line: list[Generation]) -> None:
    last = picture(line[-1])
    conversation = tree_of(line[0]).conversation
    assert conversation is not None
    throw(last)

    with pytest.raises(conversations.NothingToContinue):
        conversations.tip(conversation)
    with pytest.raises(InvalidWish):
        conversations.picture_of(conversation, str(last.public_id))
    with pytest.raises(InvalidWish):
        refine(user, last)


def test_what_went_on_from_a_deleted_picture_is_not_asked_for_again(
    user: User, line: list[Generation]
) -> None:
    source = picture(line[-1])
    failed = refine(user, source)
    rows.fail(failed)
    purge(source)
    failed.refresh_from_db()

    with pytest.raises(InvalidWish, match="was deleted"):
        retrying.prepare(failed, user=user, now=timezone.now())
    assert Attempt.objects.filter(generation=failed).count() == 0


def test_a_first_turn_is_asked_for_again_as_ever(user: User, line: list[Generation]) -> None:
    first = line[0]
    first.refresh_from_db()

    assert retrying.prepare(first, user=user, now=timezone.now()).continues is None
