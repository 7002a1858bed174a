"""Conversations over the API: begun, gone on with, branched, named, and nobody else's."""

import uuid
from typing import Any

import pytest

from accounts import ledger
from gallery.models import Image
from generation.models import Conversation, Generation
from tests import factories
from tests.api import rows
from tests.api.conftest import Caller
from tests.generation import turning

pytestmark = pytest.mark.django_db
EVERYONE = Image.Visibility.EVERYONE


def post(who: Caller, path: str, body: dict[str, Any], **headers: str) -> Any:
    return who.client.post(f"/api/v1/{path}", body, format="json", headers=headers)


def patch(who: Caller, path: str, body: dict[str, Any]) -> Any:
    return who.client.patch(f"/api/v1/{path}", body, format="json")


def get(who: Caller, path: str) -> Any:
    return who.client.get(f"/api/v1/{path}")


@pytest.fixture
def image(owner: Caller) -> Image:
    return turning.picture(turning.first(owner.user, aspect_ratio="3:2"))


@pytest.fixture
def begun(owner: Caller, image: Image) -> str:
    """The id of a conversation with one turn."""
    answer = post(owner, "conversations", {"image": str(image.public_id)})
    assert answer.status_code == 201
    return str(answer.json()["id"])


def go_on(who: Caller, begun: str, seed: int = 50, **body: Any) -> dict[str, Any]:
    """A turn that delivers."""
    answer = post(who, f"conversations/{begun}/turns", {"prompt": "Make it golden hour", **body})
    assert answer.status_code == 202, answer.json()
    turning.done(Generation.objects.get(public_id=answer.json()["generation"]["id"]), seed=seed)
    found = get(who, f"conversations/{begun}").json()["turns"]
    return dict(next(one for one in found if one["generation"]["id"] == answer.json()["generation"]["id"]))


def test_a_conversation_begins_from_an_image_at_no_cost(owner: Caller, begun: str, image: Image) -> None:
    body = get(owner, f"conversations/{begun}").json()

    assert [turn["label"] for turn in body["turns"]] == ["Turn 1"]
    assert body["turns"][0]["generation"]["images"][0]["id"] == str(image.public_id)
    assert (body["name"], body["root"]) == ("Quiet courtyard at noon", None)
    assert body["credits"] == {"charged": 2, "held": 0}


def test_beginning_from_it_again_is_the_same_conversation(owner: Caller, begun: str, image: Image) -> None:
    answer = post(owner, "conversations", {"image": str(image.public_id)})

    assert (answer.status_code, answer.json()["id"]) == (200, begun)


def test_a_conversation_begins_with_a_prompt(owner: Caller) -> None:
    answer = post(owner, "conversations", {"prompt": "A pier", "count": 2, "expected_credits": 4})

    body = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"].endswith(f"/api/v1/conversations/{body['id']}")
    assert (body["turns"][0]["generation"]["status"], body["credits"]["held"]) == ("queued", 4)


@pytest.mark.parametrize("body", [{}, {"prompt": "A pier", "image": str(uuid.uuid4())}])
def test_it_begins_with_one_or_the_other(owner: Caller, body: dict[str, Any]) -> None:
    answer = post(owner, "conversations", body)

    assert (answer.status_code, answer.json()["code"]) == (400, "image_or_prompt")


def test_a_turn_keeps_what_is_not_said(owner: Caller, begun: str, image: Image) -> None:
    turn = go_on(owner, begun)

    generation = turn["generation"]
    assert (turn["number"], turn["label"], turn["name"]) == (2, "Turn 2", "Golden hour")
    assert generation["aspect_ratio"] == "3:2"
    assert generation["conversation"] == begun
    assert generation["continues"] == str(image.public_id)


def test_a_generation_of_the_studio_belongs_to_no_conversation(owner: Caller) -> None:
    made = factories.generation(owner.user)
    body = get(owner, f"generations/{made.public_id}").json()

    assert (body["conversation"], body["branch"], body["continues"]) == (None, None, None)


def test_turns_go_on_from_the_newest_and_an_earlier_one_branches(
    owner: Caller, begun: str, image: Image
) -> None:
    second = go_on(owner, begun)
    third = go_on(owner, begun, seed=60)
    aside = go_on(owner, begun, seed=70, continue_from=str(image.public_id), aspect_ratio="1:1")

    body = get(owner, f"conversations/{begun}").json()
    trunk, branch = body["branches"]
    assert third["generation"]["continues"] == second["generation"]["images"][0]["id"]
    assert len(trunk["turns"]) == 3
    assert branch["turns"] == [aside["generation"]["id"]]
    assert (branch["name"], branch["forked_from"]) == ("Branch B", str(image.public_id))
    assert (trunk["credits"], branch["credits"]) == ({"charged": 6, "held": 0}, {"charged": 2, "held": 0})
    assert aside["generation"]["aspect_ratio"] == "1:1"


def test_a_branch_is_asked_for_at_the_tip(owner: Caller, begun: str) -> None:
    go_on(owner, begun)

    assert go_on(owner, begun, seed=60, new_branch=True)["label"] == "Branch B"


def test_there_is_nothing_to_go_on_from_while_the_newest_is_made(owner: Caller, begun: str) -> None:
    post(owner, f"conversations/{begun}/turns", {"prompt": "warmer"})
    answer = post(owner, f"conversations/{begun}/turns", {"prompt": "warmer still"})

    assert (answer.status_code, answer.json()["code"]) == (409, "nothing_to_continue")


def test_a_picture_of_another_conversation_is_refused(owner: Caller, begun: str) -> None:
    other = rows.image_of(owner.user, seed=9)
    answer = post(
        owner, f"conversations/{begun}/turns", {"prompt": "x", "continue_from": str(other.public_id)}
    )

    body = answer.json()
    assert (answer.status_code, body["code"]) == (400, "not_in_conversation")
    assert body["errors"][0]["field"] == "continue_from"


@pytest.mark.parametrize(
    ("field", "value"),
    [("new_branch", 1), ("new_branch", "true"), ("continue_from", 7), ("continue_from", "newest")],
)
def test_nothing_is_converted(owner: Caller, begun: str, field: str, value: Any) -> None:
    answer = post(owner, f"conversations/{begun}/turns", {"prompt": "x", field: value})

    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_the_same_key_makes_one_turn(owner: Caller, begun: str) -> None:
    asked = {"prompt": "warmer"}
    first = post(owner, f"conversations/{begun}/turns", asked, **{"Idempotency-Key": "once"})
    second = post(owner, f"conversations/{begun}/turns", asked, **{"Idempotency-Key": "once"})

    assert first.json()["generation"]["id"] == second.json()["generation"]["id"]
    assert second.headers["Idempotency-Replayed"] == "true"
    assert ledger.standing(owner.user).held == 2


def test_a_teammates_image_begins_one_with_a_root_until_it_is_hidden(
    owner: Caller, teammate: Caller, image: Image
) -> None:
    Image.objects.filter(pk=image.pk).update(visibility=EVERYONE)
    begun = post(teammate, "conversations", {"image": str(image.public_id)}).json()
    assert (begun["root"], begun["turns"]) == (str(image.public_id), [])
    go_on(teammate, begun["id"])

    Image.objects.filter(pk=image.pk).update(visibility=Image.Visibility.PRIVATE)
    body = get(teammate, f"conversations/{begun['id']}").json()
    again = {"prompt": "x", "continue_from": str(image.public_id)}
    refused = post(teammate, f"conversations/{begun['id']}/turns", again)

    assert body["root"] is None
    assert (refused.status_code, refused.json()["code"]) == (400, "not_in_conversation")


def test_an_image_one_may_not_see_begins_nothing(teammate: Caller, image: Image) -> None:
    answer = post(teammate, "conversations", {"image": str(image.public_id)})

    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_picture")
    assert not Conversation.objects.exists()


def test_names_of_all_three(owner: Caller, begun: str) -> None:
    turn = go_on(owner, begun)
    branch = turn["generation"]["branch"]
    for path in ("", f"/branches/{branch}", f"/turns/{turn['generation']['id']}"):
        assert patch(owner, f"conversations/{begun}{path}", {"name": "Dusk"}).json()["name"] == "Dusk"

    body = get(owner, f"conversations/{begun}").json()
    assert (body["name"], body["branches"][0]["name"], body["turns"][1]["name"]) == ("Dusk",) * 3


def test_a_turn_of_another_conversation_is_not_found_in_this_one(owner: Caller, begun: str) -> None:
    other = turning.refine(owner.user, rows.image_of(owner.user, seed=9))
    for path in (f"turns/{other.public_id}", f"branches/{other.branch.public_id}"):
        assert patch(owner, f"conversations/{begun}/{path}", {"name": "x"}).status_code == 404


def test_the_list_pages_by_where_a_row_was_and_counts(
    owner: Caller, teammate: Caller, django_assert_max_num_queries: Any
) -> None:
    for number in range(3):
        turning.refine(owner.user, rows.image_of(owner.user, seed=number * 5))
    turning.refine(teammate.user, rows.image_of(teammate.user, seed=90))

    with django_assert_max_num_queries(8):
        body = get(owner, "conversations?limit=2").json()
    older = owner.client.get(body["next"]).json()

    assert [len(page["results"]) for page in (body, older)] == [2, 1]
    assert older["next"] is None
    assert {(row["turns"], row["branches"]) for row in body["results"]} == {(2, 1)}


def test_a_conversation_is_read_in_as_many_queries_whatever_its_size(
    owner: Caller, begun: str, django_assert_num_queries: Any
) -> None:
    go_on(owner, begun)
    with django_assert_num_queries(13):
        get(owner, f"conversations/{begun}")
    for seed in range(3):
        go_on(owner, begun, seed=60 + seed * 5, count=2)

    with django_assert_num_queries(13):
        get(owner, f"conversations/{begun}")
