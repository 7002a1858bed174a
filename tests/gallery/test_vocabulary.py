"""PostgreSQL's table of the words that are in the index."""

import pytest
from django.db import connection

from gallery.models import Image
from gallery.search import vocabulary
from gallery.search.expression import Expression, Mark, Phrase, Word
from gallery.search.vocabulary import BEGUN_MAX, spelled_out
from tests import factories
from tests.gallery import rows

pytestmark = [pytest.mark.needs_postgres, pytest.mark.django_db]


def known(begin: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT word FROM {vocabulary.TABLE} WHERE word LIKE %s ORDER BY word", [f"{begin}%"])
        return [word for (word,) in cursor.fetchall()]


def test_each_new_word_is_learned_once_and_no_mark_is() -> None:
    owner = factories.person(credits=0)
    rows.image(owner, prompt="Zebrafish and zebras, Zebras!", title="zebra", notes="zebras")
    rows.image(owner, prompt="zebras again")

    assert known("zebr") == ["zebra", "zebrafish", "zebras"]
    assert known("O") == known("G") == []


def test_a_word_that_begins_others_is_looked_up_as_those() -> None:
    rows.image(factories.person(credits=0), prompt="zebrafish and zebras")

    found = spelled_out(Expression((frozenset([Word("zebra"), Mark("G7")]), frozenset([Word("at")]))))

    assert found.clauses == (
        frozenset([Phrase(("zebrafish",)), Phrase(("zebras",)), Mark("G7")]),
        frozenset([Word("at")]),
    )


def test_what_begins_too_many_or_none_stays_as_it_is() -> None:
    many = " ".join(f"zebra{number}" for number in range(BEGUN_MAX + 1))
    rows.image(factories.person(credits=0), prompt=many)
    asked = Expression((frozenset([Word("zebra")]), frozenset([Word("zzz")])))

    assert spelled_out(asked) == asked


def test_letters_beyond_the_alphabet_are_begun_too() -> None:
    rows.image(factories.person(credits=0), prompt="žluťoučký žluťák 猫")

    (clause,) = spelled_out(Expression((frozenset([Word("zlu")]),))).clauses

    assert clause == frozenset([Phrase(("zlutak",)), Phrase(("zlutoucky",))])


def test_images_that_are_let_go_of_leave_their_words() -> None:
    image = rows.image(factories.person(credits=0), prompt="zebras")
    Image.objects.filter(pk=image.pk).delete()

    assert known("zebr") == ["zebras"]
