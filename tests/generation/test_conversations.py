"""Where a turn lands, what a conversation is called, and what its branches cost."""

from typing import Any

import pytest
from django.utils import timezone

from accounts import idempotency, ledger
from accounts.models import User
from gallery.models import Image
from generation import conversations, turns, wishes
from generation.models import Branch, Conversation, Generation
from tests.api import rows
from tests.generation import turning
from tests.generation.turning import first, picture, refine, refined

pytestmark = pytest.mark.django_db
EVERYONE = Image.Visibility.EVERYONE


@pytest.fixture
def user() -> User:
    return turning.person()


@pytest.fixture
def courtyard(user: User) -> Generation:
    return first(user)


def branch(generation: Generation) -> int:
    return Generation.objects.select_related("branch").get(pk=generation.pk).branch.number


def test_the_first_continuation_makes_the_generation_turn_one(user: User, courtyard: Generation) -> None:
    turn = refine(user, picture(courtyard))

    courtyard.refresh_from_db()
    assert courtyard.branch == turn.branch
    assert (turn.branch.number, turn.continues) == (0, picture(courtyard))
    assert turn.branch.conversation.user == user


def test_a_generation_nobody_goes_on_from_stays_without_a_conversation(courtyard: Generation) -> None:
    assert courtyard.branch is None
    assert not Conversation.objects.exists()


def test_the_tip_goes_on_along_its_branch(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard))
    third = refine(user, picture(second))

    assert [branch(turn) for turn in (courtyard, second, third)] == [0, 0, 0]


def test_an_older_turn_begins_a_branch(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard))
    aside = refine(user, picture(courtyard), "paint the walls blue")

    assert aside.branch.number == 1
    assert aside.branch.forked_from == picture(courtyard)
    assert aside.branch.conversation == second.branch.conversation


def test_a_turn_that_is_still_made_is_gone_past_by_a_branch(user: User, courtyard: Generation) -> None:
    refine(user, picture(courtyard))

    assert refine(user, picture(courtyard)).branch.number == 1


@pytest.mark.parametrize("place", [1, 2])
def test_another_picture_of_a_turn_is_a_fork_point_of_its_own(user: User, place: int) -> None:
    both = first(user, count=2)
    refined(user, picture(both, 2))

    aside = refine(user, picture(both, place))

    assert (aside.branch.number, aside.branch.forked_from) == (1, picture(both, place))


def test_a_branch_of_a_branch(user: User, courtyard: Generation) -> None:
    refined(user, picture(courtyard))
    aside = refined(user, picture(courtyard))
    refined(user, picture(aside))

    deeper = refine(user, picture(aside))

    assert (deeper.branch.number, deeper.branch.forked_from) == (2, picture(aside))


def test_a_branch_can_be_asked_for_at_the_tip(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard))

    assert refine(user, picture(second), fork=True).branch.number == 1


@pytest.mark.parametrize("end", [rows.fail, turning.cancel])
def test_after_a_turn_that_made_nothing_the_branch_goes_on(
    user: User, courtyard: Generation, end: Any
) -> None:
    end(refine(user, picture(courtyard)))

    assert refine(user, picture(courtyard)).branch.number == 0


def test_a_fork_whose_turn_made_nothing_is_tried_again(user: User, courtyard: Generation) -> None:
    refined(user, picture(courtyard))
    rows.fail(refine(user, picture(courtyard)))

    assert refine(user, picture(courtyard)).branch.number == 1


def test_a_teammates_picture_begins_a_conversation_of_ones_own(user: User) -> None:
    theirs = rows.image_of(turning.person(), visibility=EVERYONE)

    turn = refine(user, theirs)

    conversation = turn.branch.conversation
    assert (conversation.user, conversation.root, turn.branch.number) == (user, theirs, 0)
    assert not Generation.objects.get(outputs__image=theirs).branch_id


def test_going_on_from_it_again_stays_in_that_conversation(user: User) -> None:
    theirs = rows.image_of(turning.person(), visibility=EVERYONE)
    refined(user, theirs)

    assert refine(user, theirs).branch.number == 1
    assert Conversation.objects.count() == 1


def test_two_people_have_conversations_apart(user: User) -> None:
    theirs = rows.image_of(turning.person(), visibility=EVERYONE)

    made = {refine(someone, theirs).branch.conversation_id for someone in (user, turning.person())}

    assert len(made) == 2


@pytest.mark.parametrize("shared_before", [True, False])
def test_a_picture_one_may_not_see_cannot_be_gone_on_from(user: User, shared_before: bool) -> None:
    theirs = rows.image_of(turning.person(), visibility=EVERYONE)
    if shared_before:
        refined(user, theirs)
    Image.objects.filter(pk=theirs.pk).update(visibility=Image.Visibility.PRIVATE)
    counted = Conversation.objects.count(), Generation.objects.count()

    with pytest.raises(wishes.InvalidWish, match="may not see it"):
        refine(user, theirs)

    assert counted == (Conversation.objects.count(), Generation.objects.count())
    assert ledger.standing(user).held == 0


def test_what_is_refused_leaves_no_conversation(courtyard: Generation) -> None:
    user = courtyard.user
    ledger.adjust(user=user, amount=-ledger.available(user), key="a", reason="all of it", by=None)

    with pytest.raises(ledger.InsufficientCredits):
        refine(user, picture(courtyard))

    courtyard.refresh_from_db()
    assert courtyard.branch is None
    assert not Conversation.objects.exists()
    assert not Branch.objects.exists()


def test_the_same_key_makes_one_turn(user: User, courtyard: Generation) -> None:
    key = idempotency.Key("once", "the same")
    wish = wishes.check(prompt="warmer", continues=True)
    again = [
        conversations.continue_from(
            user=user, image=picture(courtyard), wish=wish, references=[], now=timezone.now(), key=key
        )
        for _ in range(2)
    ]

    assert again[0].generation == again[1].generation
    assert [made.replayed for made in again] == [False, True]
    assert Branch.objects.count() == 1


# Reading it


def tree_of(turn: Generation) -> turns.Tree:
    return turns.tree(Conversation.objects.get(branches__generations=turn))


def test_turns_are_numbered_along_their_path(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard))
    refined(user, picture(second))
    aside = refined(user, picture(second), "blue walls")
    refined(user, picture(aside), "lanterns")

    tree = tree_of(aside)

    assert [turn.label for turn in tree.turns] == [
        "Turn 1",
        "Turn 2",
        "Turn 3",
        "Branch B",
        "Branch B, turn 4",
    ]
    path = tree.path(tree.turns[-1])
    assert [turn.number for turn in path] == [1, 2, 3, 4]
    assert [turn.branch.number for turn in path] == [0, 0, 1, 1]


def test_credits_by_branch_and_what_is_on_hold(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard), count=2)
    ledger.refund(hold=second.hold, amount=1, key="r", reason="too dark", by=None)
    refine(user, picture(courtyard), count=3)
    rows.fail(refine(user, picture(second)))

    tree = tree_of(second)

    assert [(line.credits, line.held) for line in tree.lines] == [(5, 0), (0, 6)]
    assert (tree.credits, tree.held) == (5, 6)


@pytest.mark.parametrize(
    ("instruction", "name"),
    [
        ("Make it golden hour, with long soft shadows", "Golden hour"),
        ("Add a slim cypress on either side of the pool", "Slim cypress on either side"),
        ("please turn this into a night scene", "Night scene"),
        ("blau", "Blau"),
        ("make it", "Make it"),
        ("x" * 200, "X" + "x" * 27),
        ("a\n\nquiet   courtyard: three arches", "Quiet courtyard"),
        ("…", "…"),
    ],
)
def test_a_turn_is_called_by_a_few_words_of_its_instruction(instruction: str, name: str) -> None:
    assert conversations.short_name(instruction) == name


def test_names_are_given_and_taken_back(user: User, courtyard: Generation) -> None:
    turn = refined(user, picture(courtyard))
    for thing in (turn, turn.branch, turn.branch.conversation):
        conversations.rename(thing, "  Terracotta \n court ")

    tree = tree_of(turn)
    assert (tree.name, tree.lines[0].name, tree.turns[1].name) == ("Terracotta court",) * 3

    for thing in (turn, turn.branch, turn.branch.conversation):
        conversations.rename(thing, "")
    tree = tree_of(turn)
    assert (tree.name, tree.lines[0].name, tree.turns[1].name) == (
        "Quiet courtyard at noon",
        "Trunk",
        "Golden hour",
    )


@pytest.mark.parametrize("name", ["x" * 81, "a\x00b"])
def test_a_name_that_cannot_be_kept_is_refused(courtyard: Generation, name: str) -> None:
    with pytest.raises(wishes.InvalidWish):
        conversations.rename(courtyard, name)


def test_the_tip_is_the_newest_picture(user: User, courtyard: Generation) -> None:
    second = refined(user, picture(courtyard))
    conversation = Conversation.objects.get()
    rows.fail(refine(user, picture(second)))

    assert conversations.tip(conversation) == picture(second)


def test_there_is_no_tip_while_the_newest_turn_is_made(user: User, courtyard: Generation) -> None:
    refine(user, picture(courtyard))

    with pytest.raises(conversations.NothingToContinue, match="still being made"):
        conversations.tip(Conversation.objects.get())


def test_a_root_that_went_private_is_not_shown_any_more(user: User) -> None:
    theirs = rows.image_of(turning.person(), visibility=EVERYONE)
    turn = refined(user, theirs)
    Image.objects.filter(pk=theirs.pk).update(visibility=Image.Visibility.PRIVATE)

    tree = tree_of(turn)

    assert (tree.root, tree.turns[0].parent) == (None, None)
    assert tree.turns[0].number == 1


@pytest.mark.parametrize("whole", [False, True])
def test_a_tree_is_read_in_as_many_queries_whatever_its_size(
    user: User, courtyard: Generation, whole: bool, django_assert_num_queries: Any
) -> None:
    second = refined(user, picture(courtyard))
    conversation = Conversation.objects.select_related("user").get()
    with django_assert_num_queries(11 if whole else 4):
        _everything(turns.tree(conversation, whole=whole))
    for seed in range(4):
        aside = refined(user, picture(second), count=2, seed=60 + seed * 3)
        refined(user, picture(aside), seed=90 + seed)

    with django_assert_num_queries(11 if whole else 4):
        _everything(turns.tree(conversation, whole=whole))


def _everything(tree: turns.Tree) -> None:
    for turn in tree.turns:
        _ = turn.name, turn.label, turn.credits, turn.held, turn.description, turn.restarted, turn.parent
        _ = [image.original.width for image in turn.images]
        tree.path(turn)
