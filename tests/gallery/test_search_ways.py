"""How the search on PostgreSQL chooses between walking and its index."""

import pytest

from gallery.search.postgres import Sample, cost_of_index, entries_to_walk, worth_looking_up

MILLION = 1_000_000


def sample(found: int, *having: int) -> Sample:
    return Sample(entries=2_000, found=found, having=having, total=MILLION)


def test_a_rare_word_is_looked_up_alone() -> None:
    assert worth_looking_up(sample(0, 600, 0, 900)) == [1]


def test_two_middling_words_are_looked_up_together() -> None:
    assert worth_looking_up(sample(0, 20, 25, 900)) == [0, 1]


def test_few_pictures_of_a_person_are_looked_at_rather_than_common_words_looked_up() -> None:
    assert worth_looking_up(sample(0, 600, 500, 2)) == [2]


@pytest.mark.parametrize(("found", "walks"), [(10, True), (0, False)])
def test_what_is_common_is_walked_to_and_what_is_rare_is_not(found: int, walks: bool) -> None:
    seen = sample(found, 250, 250, 500) if found else sample(0, 20, 500)

    walked, looked_up = entries_to_walk(seen, 48), cost_of_index(seen, worth_looking_up(seen))

    assert (walked < looked_up) is walks


def test_never_more_is_walked_than_there_is() -> None:
    assert entries_to_walk(Sample(entries=3, found=0, having=[0], total=3), 48) == 3
