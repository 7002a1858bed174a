"""What the search field offers while one types: tags, people and the typed terms themselves."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.db.models import Q

from accounts.models import User
from gallery.models import Tag
from gallery.search import colours
from gallery.search.marks import RATIOS
from gallery.search.words import normalised

EACH_MAX = 5
_LAST = re.compile(
    r'(?P<minus>-?)(?:(?P<key>tag|by|ratio|colou?r|from|before|cost|size|provider|model):)?"?(?P<value>[^"]*)$',
    re.I,
)


@dataclass(frozen=True)
class Suggestion:
    """One option: what it puts in place of what was typed, and how it is shown."""

    text: str
    label: str
    kind: str
    note: str = ""


@dataclass(frozen=True)
class Term:
    """A typed term of the search, for the help beside the field."""

    example: str
    says: str


TERMS = (
    Term("tag:sunset", "has that tag"),
    Term("by:mara", "made by Mara; by:me for your own"),
    Term("ratio:16:9", "that aspect ratio"),
    Term("color:teal", "has that colour; color:#dd7a50 too"),
    Term("from:2026-11-01", "made on that day or later"),
    Term("before:2026-12", "made before that"),
    Term("cost:>4", "cost more than 4 credits"),
    Term("size:>2000", "more than 2,000 pixels on the longer side"),
    Term("provider:google", "made by that provider"),
    Term("model:gemini", "made with that model"),
    Term('"golden hour"', "these words side by side"),
    Term("-people", "without that word"),
)


def suggest(user: User, text: str) -> list[Suggestion]:
    """What may be meant by the end of the text."""
    words = text[-200:]
    start = _start_of_last(words)
    typed = _LAST.match(words[start:])
    if typed is None or not (typed["value"].strip() or typed["key"]):
        return []
    key = (typed["key"] or "").lower().replace("colour", "color")
    value = typed["value"].strip()
    makers = {"tag": _tags, "by": _people, "ratio": _ratios, "color": _colours}
    if key:
        found = list(makers[key](value)) if key in makers else []
    else:
        found = [*_tags(value), *_people(value), *_terms(value)]
    ahead = text[: len(text) - len(words) + start]
    return [
        replace(one, text=f"{ahead}{typed['minus']}{one.text}{'' if one.text.endswith(':') else ' '}")
        for one in found
    ]


def _start_of_last(text: str) -> int:
    """Where the last term begins: after the last space that isn't in quotes."""
    start, quoted = 0, False
    for place, letter in enumerate(text):
        if letter == '"':
            quoted = not quoted
        elif letter == " " and not quoted:
            start = place + 1
    return start


def tags_like(value: str, *, most: int = EACH_MAX) -> list[Tag]:
    """The most used tags with a word that begins so."""
    key = normalised(value)
    if not key:
        return []
    found = Tag.objects.filter(Q(key__startswith=key) | Q(key__contains=f" {key}"), merged_into=None)
    return list(found.order_by("-uses", "key")[:most])


def _tags(value: str) -> Iterator[Suggestion]:
    for tag in tags_like(value):
        yield Suggestion(f"tag:{_quoted(tag.name)}", tag.name, "Tag", f"{tag.uses:,}")


def _people(value: str) -> Iterator[Suggestion]:
    if value and "me".startswith(value.lower()):
        yield Suggestion("by:me", "Me", "Person")
    found = User.objects.filter(name__icontains=value, is_active=True).exclude(name="")
    for person in found.order_by("name", "pk")[:EACH_MAX]:
        yield Suggestion(f"by:{_quoted(person.name)}", person.name, "Person")


def _ratios(value: str) -> Iterator[Suggestion]:
    for ratio in RATIOS:
        if ratio.startswith(value):
            yield Suggestion(f"ratio:{ratio}", ratio, "Aspect")


def _colours(value: str) -> Iterator[Suggestion]:
    for name in [*colours.SWATCHES, colours.MANY]:
        if name.startswith(value.lower()):
            yield Suggestion(f"color:{name}", name.capitalize(), "Colour")


def _terms(value: str) -> Iterator[Suggestion]:
    for term in TERMS:
        key, colon, _ = term.example.partition(":")
        if colon and key.startswith(value.lower()):
            yield Suggestion(f"{key}:", f"{key}:", "Term", term.says)


def _quoted(name: str) -> str:
    plain = name.replace('"', "")
    return f'"{plain}"' if re.search(r"\s", plain) else plain
