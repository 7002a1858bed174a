"""How the search on PostgreSQL chooses between walking and its index."""

import pytest

from gallery.search.postgres import Sample, cost_of_index, entries_to_walk, worth_looking_up

MILLION = 1_000_000


def sample(*having: int) -> Sample:
    return Sample(entries=2_000, counted=2_000, having=having, total=MILLION)


def test_a_rare_word_is_looked_up_alone_where_few_of_its_entries_are_near() -> None:
    rare = sample(0, 600, 900)

    assert worth_looking_up(rare, 10_000) == 1
    assert worth_looking_up(rare, MILLION) > 1


def test_two_middling_words_are_looked_up_together() -> None:
    assert worth_looking_up(sample(20, 25, 900), MILLION) >= 2


def test_beside_few_pictures_of_a_person_common_words_cost_little() -> None:
    alone, with_words = sample(2), sample(2, 500, 600)

    assert cost_of_index(with_words, 3, 1) < 10 * cost_of_index(alone, 1, 1)
    assert cost_of_index(with_words, 3, 1) < cost_of_index(sample(500), 1, 1) / 10


def test_what_is_near_costs_less_to_find_than_all() -> None:
    common = sample(20, 400)

    assert cost_of_index(common, 1, 50_000) < cost_of_index(common, 1, MILLION)


@pytest.mark.parametrize(("found", "walks"), [(10, True), (0, False)])
def test_what_is_common_is_walked_to_and_what_is_rare_is_not(found: int, walks: bool) -> None:
    seen = sample(250, 250, 500) if found else sample(20, 500)

    walked = entries_to_walk(2_000, found, 48)
    looked_up = cost_of_index(seen, worth_looking_up(seen, MILLION), MILLION)

    assert (walked < looked_up) is walks
