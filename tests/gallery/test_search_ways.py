"""How the search on PostgreSQL chooses between walking and its index."""

import pytest

from gallery.search.postgres import Part, cost_of_index, entries_to_walk, worth_looking_up

MILLION = 1_000_000


def parts(*sizes: int, gathers: bool = False) -> list[Part]:
    """Clauses that so many entries have; `gathers` is of the last one."""
    last = len(sizes) - 1
    return [Part(frozenset(), size, gathers=gathers and at == last) for at, size in enumerate(sizes)]


def test_a_rare_word_is_looked_up_alone_where_few_of_its_entries_are_near() -> None:
    rare = parts(400, 300_000, 450_000)

    assert worth_looking_up(rare, MILLION, 10_000) == 1


def test_a_rare_word_is_looked_up_alone_where_the_other_would_be_gathered() -> None:
    assert worth_looking_up(parts(400, 90_000, gathers=True), MILLION, MILLION) == 1
    assert worth_looking_up(parts(40_000, 90_000, gathers=True), MILLION, MILLION) == 2


def test_two_middling_words_are_looked_up_together() -> None:
    assert worth_looking_up(parts(5_000, 7_000, 450_000), MILLION, MILLION) >= 2


def test_beside_few_pictures_of_a_person_common_words_cost_little() -> None:
    alone, with_words = parts(1_000), parts(1_000, 250_000, 300_000)

    assert cost_of_index(with_words, MILLION, MILLION) < 2 * cost_of_index(alone, MILLION, MILLION)
    assert cost_of_index(with_words, MILLION, MILLION) < cost_of_index(parts(250_000), MILLION, MILLION) / 10


def test_what_is_near_costs_less_to_find_than_all() -> None:
    common = parts(10_000, 200_000)

    assert cost_of_index(common, MILLION, 50_000) < cost_of_index(common, MILLION, MILLION)


@pytest.mark.parametrize(("found", "walks"), [(10, True), (0, False)])
def test_what_is_common_is_walked_to_and_what_is_rare_is_not(found: int, walks: bool) -> None:
    seen = parts(125_000, 125_000, 250_000) if found else parts(10_000, 250_000)

    walked = entries_to_walk(2_000, found, 48)

    assert (walked < cost_of_index(seen, MILLION, MILLION)) is walks
