"""What people type into the search field, and what is made of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gallery.search import syntax
from gallery.search.expression import Expression, Mark, Phrase, Word, fts5, tsquery
from gallery.search.syntax import Term, parse
from gallery.search.words import words


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Blue mug", [Term("words", "blue"), Term("words", "mug")]),
        ('"Blue  Mug"', [Term("words", "blue mug")]),
        ('-"blue mug" -red', [Term("words", "blue mug", True), Term("words", "red", True)]),
        ("hot-air", [Term("words", "hot air")]),
        ('tag:Sunset tag:"Golden Hour" -tag:draft', [
            Term("tag", "sunset"), Term("tag", "golden hour"), Term("tag", "draft", True)]),
        ("by:me BY:Mara", [Term("by", "me"), Term("by", "mara")]),
        ("ratio:16:9 ratio:4x5", [Term("ratio", "16:9"), Term("ratio", "4:5")]),
        ("from:2026-11 before:2026-12-05", [Term("from", "2026-11-01"), Term("before", "2026-12-05")]),
        ("color:teal colour:#ABCDEF color:many", [
            Term("color", "#31918c"), Term("color", "#abcdef"), Term("color", "many")]),
        ("cost:>4 cost:<=10 cost:7", [Term("cost", ">4"), Term("cost", "<=10"), Term("cost", "=7")]),
        ("size:>2000 size:<=1024px SIZE:768", [
            Term("size", ">2000"), Term("size", "<=1024"), Term("size", "=768")]),
        ("mug mug", [Term("words", "mug")]),
        ("https://example.com", [Term("words", "https example com")]),
        ('unclosed "quote here', [Term("words", "unclosed"), Term("words", "quote here")]),
    ],
)  # fmt: skip
def test_what_is_asked_for(text: str, terms: list[Term]) -> None:
    assert parse(text) == syntax.Parsed(tuple(terms))


@pytest.mark.parametrize(
    "text",
    [
        "cost:>abc",
        "from:yesterday",
        "before:2026-13",
        "ratio:7:3",
        "color:mauve",
        "tag:",
        "-cost:3",
        "by:!!",
        "size:2k",
        "-size:9",
    ],
)
def test_what_cannot_be_read_is_named(text: str) -> None:
    parsed = parse(f"mug {text}")

    assert parsed.terms == (Term("words", "mug"),)
    assert parsed.unread == (text,)


@given(st.text(max_size=400))
def test_every_text_is_read(text: str) -> None:
    parsed = parse(text)
    assert len(parsed.terms) <= syntax.TERMS_MAX
    for term in parsed.terms:
        assert term.value


@pytest.mark.parametrize(
    "text", ["mug " * 25_000, '"' * 100_000, "-" * 100_000, ": OR (" * 20_000, "🦄" * 100_000]
)
def test_a_hundred_thousand_letters_are_read_at_once(text: str) -> None:
    assert len(parse(text).terms) <= syntax.TERMS_MAX


@given(st.text(max_size=200))
def test_words_are_letters_and_digits_and_stay_as_they_are(text: str) -> None:
    found = words(text)
    assert all(word and word.isalnum() and " " not in word for word in found)
    assert words(" ".join(found)) == found


def test_an_expression_in_both_languages() -> None:
    expression = (
        Expression()
        .and_any([Mark("O1"), Mark("E")])
        .and_any([Word("mug"), Mark("G7")])
        .and_any([Phrase(("at", "dusk"))])
        .and_none([Word("no")])
    )

    assert tsquery(expression) == "('E' | 'O1') & ('G7' | 'mug':*) & (('at' <-> 'dusk')) & !'no'"
    assert fts5(expression) == (
        '((marks : "E" OR marks : "O1") AND (marks : "G7" OR {title prompt notes} : "mug" *)'
        ' AND ({title prompt notes} : "at dusk")) NOT ({title prompt notes} : "no")'
    )
