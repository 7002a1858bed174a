"""The strip of turns as rows and columns: no turn stands on another, and lines lead from parent to child."""

import random

import pytest

from accounts.models import User
from gallery.models import Image
from generation import strip, turns
from generation.strip import Cell
from tests.api import rows
from tests.generation import turning
from tests.generation.turning import first, picture, refine, refined

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    return turning.person()


def drawn(user: User, image: Image) -> list[str]:
    """Each row as text: turns by their names, `+` for the next one, and the lines."""
    return [" ".join(map(sign, row)) for row in strip.rows(turns.tree_of(user, image), image)]


def sign(cell: Cell) -> str:
    if cell.gap:
        return {"corner": "└", "down": "│", "corner,down": "├"}.get(",".join(sorted(cell.lines)), ".")
    name = "+" if cell.next else "root" if cell.root else cell.turn.name.lower() if cell.turn else "?"
    return f"{'-' if cell.joined else ''}{name}{'*' if cell.current else ''}"


def test_a_picture_nobody_went_on_from_has_its_next_turn_beside_it(user: User) -> None:
    assert drawn(user, picture(first(user, "noon"))) == ["noon* -+"]


def test_a_teammates_picture_is_where_it_starts(user: User) -> None:
    theirs = rows.image_of(turning.person(), visibility=Image.Visibility.EVERYONE)
    assert drawn(user, theirs) == ["root* -+"]
    refined(user, theirs, "gold")

    assert drawn(user, theirs) == ["root* -gold", "└ +"]


def test_the_trunk_runs_along_the_top_and_a_branch_hangs_below_its_turn(user: User) -> None:
    noon = first(user, "noon")
    gold = refined(user, picture(noon), "gold")
    tip = refined(user, picture(gold), "cypress", seed=60)
    refined(user, picture(noon), "blue", seed=70)

    assert drawn(user, picture(tip)) == ["noon -gold -cypress* -+", "└ blue"]


def test_branches_that_do_not_meet_share_a_row_and_others_take_the_next(user: User) -> None:
    noon = first(user, "noon")
    gold = refined(user, picture(noon), "gold")
    cypress = refined(user, picture(gold), "cypress", seed=60)
    refined(user, picture(cypress), "dusk", seed=62)
    refined(user, picture(noon), "blue", seed=64)
    night = refined(user, picture(cypress), "night", seed=66)

    assert drawn(user, picture(night)) == ["noon -gold -cypress -dusk", "└ blue └ night* -+"]


def test_the_next_turn_from_an_older_one_begins_a_row_of_its_own(user: User) -> None:
    noon = first(user, "noon")
    gold = refined(user, picture(noon), "gold")
    refined(user, picture(gold), "cypress", seed=60)
    refined(user, picture(noon), "blue", seed=64)

    assert drawn(user, picture(gold)) == ["noon -gold* -cypress", "│ └ +", "└ blue"]


def test_a_turn_that_made_nothing_leaves_when_another_follows(user: User) -> None:
    noon = first(user, "noon")
    rows.fail(refine(user, picture(noon), "gold"))
    assert drawn(user, picture(noon)) == ["noon* -gold -+"]

    refine(user, picture(noon), "gold again")

    assert drawn(user, picture(noon)) == ["noon* -gold again", "└ +"]


@pytest.mark.parametrize("seed", range(6))
def test_however_it_grew_every_turn_has_a_place_of_its_own(user: User, seed: int) -> None:
    chance = random.Random(seed)
    pictures = [picture(first(user, "noon"))]
    for number in range(9):
        made = refined(user, chance.choice(pictures), f"turn {number}", seed=number * 3 + 100)
        pictures.append(picture(made))

    tree = turns.tree_of(user, pictures[0])
    for image in pictures:
        cells = [cell for row in strip.rows(tree, image) for cell in row]
        shown = [cell.turn.public_id for cell in cells if cell.turn]
        assert sorted(shown) == sorted(turn.public_id for turn in tree.turns)
        assert sum(cell.current for cell in cells) == sum(cell.next for cell in cells) == 1
