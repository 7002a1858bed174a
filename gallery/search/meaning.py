"""From the terms of a search to an expression over words and marks, and limits on rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from accounts import rows
from accounts.rows import Statement
from gallery import likeness
from gallery.search import colours, marks
from gallery.search.expression import Atom, Expression, Mark, Phrase, Word
from gallery.search.syntax import Term
from gallery.search.words import words

NAMES_MAX = 50
"""Tags, and people, that one word may stand for; the most used tags are taken."""


@dataclass(frozen=True)
class Limits:
    """What is asked of the images' own rows.

    The end of a time is exclusive, those of credits and of the longer side, in pixels, inclusive.
    """

    created_from: datetime | None = None
    created_before: datetime | None = None
    credits_min: int | None = None
    credits_max: int | None = None
    side_min: int | None = None
    side_max: int | None = None
    favourite_of: int | None = None
    collection_id: int | None = None


def meaning(
    terms: Iterable[Term],
    *,
    me: int,
    closeness: str = colours.DEFAULT_CLOSENESS,
    expression: Expression | None = None,
    limits: Limits | None = None,
) -> tuple[Expression, Limits]:
    """What the terms ask for, in addition to what is given. `me` is who `by:me` is.

    A word is also found as a word of a tag's or a person's name.
    """
    expression, limits = expression or Expression(), limits or Limits()
    terms = list(terms)
    named = iter(_names([term.value.split() for term in terms if term.kind == "words"]))
    for term in terms:
        if term.kind in ("from", "before", "cost", "size"):
            limits = _limited(limits, term)
            continue
        if term.kind == "words":
            atoms = _of_words(term.value.split(), next(named))
        else:
            atoms = _atoms(term, me, closeness)
        expression = expression.and_none(atoms) if term.excluded else expression.and_any(atoms)
    return expression, limits


def tag_marks(keys: Iterable[str]) -> list[Mark]:
    """The marks of the tags with these keys, and of those that were merged into them."""
    (found,) = rows.send(_with_merged("key", sorted(set(keys))))
    return _marks(found)


def colour_marks(colour: str, closeness: str) -> list[Mark]:
    """The marks of a colour (`#rrggbb`, or `many`) and of those near it."""
    if colour == colours.MANY:
        return [Mark(marks.MANY_COLOURED)]
    distance = colours.CLOSENESS[closeness]
    near = likeness.cells_near(likeness.lab(*likeness.rgb(colour)), distance)
    return [Mark(marks.colour(cell)) for cell in near]


def _atoms(term: Term, me: int, closeness: str) -> list[Atom]:
    match term.kind:
        case "tag":
            return [*tag_marks([term.value])]
        case "by":
            return [*_people(term.value.split(), me)]
        case "ratio":
            return [Mark(marks.aspect(term.value))]
        case "color":
            return [*colour_marks(term.value, closeness)]
        case "provider":
            return [Mark(marks.provider(term.value))]
        case "model":
            return [Mark(marks.model(term.value))]
    raise AssertionError(term.kind)


def _of_words(together: list[str], named: Sequence[Mark]) -> list[Atom]:
    text: Atom = Phrase(tuple(together)) if len(together) > 1 else Word(together[0])
    return [text, *named]


def _names(terms: Sequence[list[str]]) -> list[list[Mark]]:
    """For the words of each term the marks of tags and people whose names have them, asked for at once."""
    if not terms:
        return []
    answers = rows.send(*(ask(together) for together in terms for ask in (_tags_like, _people_like)))
    tags = [_tags_named(together, found) for together, found in zip(terms, answers[::2], strict=True)]
    each = [_with_merged("id", pks) for pks in tags if pks]
    merged = iter(rows.send(*each) if each else [])
    return [
        [*(_marks(next(merged)) if pks else []), *_people_named(together, people)]
        for together, pks, people in zip(terms, tags, answers[1::2], strict=True)
    ]


def _tags_like(together: list[str]) -> Statement:
    # Words have no signs, so none that mean something to LIKE.
    return (
        "SELECT key, id FROM gallery_tag WHERE key LIKE %s ORDER BY uses DESC, id LIMIT %s",
        [f"%{' '.join(together)}%", 4 * NAMES_MAX],
    )


def _tags_named(together: list[str], found: Iterable[Sequence[Any]]) -> list[int]:
    """Tags whose names have the words side by side, the last one perhaps going on."""
    return [pk for key, pk in found if _begins(key.split(), together)][:NAMES_MAX]


def _begins(name: list[str], together: list[str]) -> bool:
    longer = len(together) == 1 and Word(together[0]).finds_longer
    for start in range(len(name) - len(together) + 1):
        part = name[start : start + len(together)]
        if part == together or (longer and part[0].startswith(together[0])):
            return True
    return False


def _with_merged(column: str, values: Sequence[Any]) -> Statement:
    """Tags found by a column, or what they were merged into, and all that was merged into these."""
    among = ", ".join(["%s"] * len(values)) or "NULL"
    return (
        f"""
        WITH meant AS (SELECT COALESCE(merged_into_id, id) AS id FROM gallery_tag WHERE {column} IN ({among}))
        SELECT id FROM meant
        UNION SELECT id FROM gallery_tag WHERE merged_into_id IN (SELECT id FROM meant)
        """,  # noqa: S608 - a column of ours, and places for values
        values,
    )


def _marks(tags: Iterable[Sequence[Any]]) -> list[Mark]:
    return [Mark(marks.tag(pk)) for pk in sorted(pk for (pk,) in tags)]


def _people(name: list[str], me: int) -> list[Mark]:
    if name == ["me"]:
        return [Mark(marks.owner(me))]
    (people,) = rows.send(_people_like(name))
    return _people_named(name, people)


def _people_like(name: list[str]) -> Statement:
    # Words with accents are left to us: the database keeps those of names.
    plain = [f"%{word}%" for word in name if word.isascii()]
    one = "(UPPER(name) LIKE UPPER(%s) OR name = '' AND UPPER(email) LIKE UPPER(%s))"
    where = " AND ".join([one] * len(plain)) or "1 = 1"
    return (
        f"SELECT id, name, email FROM accounts_user WHERE {where} ORDER BY id",  # noqa: S608
        [word for word in plain for _ in range(2)],
    )


def _people_named(name: list[str], found: Iterable[Sequence[Any]]) -> list[Mark]:
    """People who have each of the words in their names."""
    people = [pk for pk, known_as, email in found if set(name) <= set(words(known_as or email))]
    return [Mark(marks.owner(pk)) for pk in people[:NAMES_MAX]]


def _limited(limits: Limits, term: Term) -> Limits:
    if term.kind in ("cost", "size"):
        return _between(limits, {"cost": "credits", "size": "side"}[term.kind], term.value)
    day = date.fromisoformat(term.value)
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    if term.kind == "from":
        return replace(limits, created_from=max(moment, limits.created_from or moment))
    return replace(limits, created_before=min(moment, limits.created_before or moment))


def _between(limits: Limits, name: str, value: str) -> Limits:
    """Those and what the value asks of `<name>_min` and `<name>_max`, whichever is narrower."""
    number, sign = int(value.lstrip("<>=")), value.rstrip("0123456789")
    least = {">": number + 1, ">=": number, "=": number}.get(sign)
    most = {"<": number - 1, "<=": number, "=": number}.get(sign)
    before = getattr(limits, f"{name}_min"), getattr(limits, f"{name}_max")
    lowest = max((one for one in (before[0], least) if one is not None), default=None)
    highest = min((one for one in (before[1], most) if one is not None), default=None)
    narrowed: dict[str, Any] = {f"{name}_min": lowest, f"{name}_max": highest}
    return replace(limits, **narrowed)
