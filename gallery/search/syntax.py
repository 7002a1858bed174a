"""What a person types into the search field, taken apart. Pure.

Words, `"phrases"`, `-without`, and typed terms: `tag:sunset`, `by:mara`, `by:me`, `ratio:16:9`,
`from:2026-11-01`, `before:2026-12`, `color:teal`, `color:#dd7a50`, `cost:>4`, `size:>2000`,
`provider:google`, `model:gemini`. A value with spaces stands in quotes: `tag:"golden hour"`. All but days,
costs and sizes may be excluded.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from gallery.search import colours
from gallery.search.marks import RATIOS
from gallery.search.words import words

TEXT_MAX = 500
"""Letters that are read; what comes after is left unread."""
TERMS_MAX = 24
_KEYS = ("tag", "by", "ratio", "from", "before", "color", "colour", "cost", "size", "provider", "model")
_TOKEN = re.compile(
    rf'(?P<minus>-?)(?:(?P<key>(?i:{"|".join(_KEYS)})):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>[^\s"]+))'
)
_DATE = re.compile(r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?")
_NUMBER = re.compile(r"(>=|<=|>|<|=)?(\d{1,9})")
_PIXELS = re.compile(r"(?i:px)$")


@dataclass(frozen=True)
class Term:
    """One thing that is asked for.

    `kind` is `words` (side by side where they are several), `tag`, `by`, `ratio`, `from`, `before`, `color`,
    `cost`, `size`, `provider` or `model`. `value` is as it is looked up: words and tags normalised, a ratio
    as on offer, a day as `2026-11-01`, a colour as `#rrggbb` or `many`, a cost as `>4`, a size, which is the
    longer side in pixels, as `>2000`.
    """

    kind: str
    value: str
    excluded: bool = False


@dataclass(frozen=True)
class Parsed:
    """The terms, and what of the text couldn't be read, word for word."""

    terms: tuple[Term, ...] = ()
    unread: tuple[str, ...] = ()


def clean(text: str) -> str:
    """What a person typed, as it is searched for and shown again."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text[: TEXT_MAX * 2])
    return " ".join(shown.split())[:TEXT_MAX]


def parse(text: str) -> Parsed:
    """The terms of a text of any length and content; of what is too long the beginning."""
    terms: list[Term] = []
    unread: list[str] = []
    for token in _TOKEN.finditer(clean(text)):
        found = list(_read(token))
        if None in found or len(terms) + len(found) > TERMS_MAX:
            unread.append(token[0][:60])
        else:
            terms.extend(term for term in found if term is not None and term not in terms)
    return Parsed(tuple(terms), tuple(unread))


def _read(token: re.Match[str]) -> Iterator[Term | None]:
    """The terms of one token; None for what can't be read."""
    excluded = bool(token["minus"])
    value = token["plain"] if token["quoted"] is None else token["quoted"]
    key = (token["key"] or "").lower()
    if not key:
        if value.lower().rstrip(":") in _KEYS and value.endswith(":"):
            yield None
            return
        found = words(value)
        # Only signs: nothing is asked for.
        if found:
            yield Term("words", " ".join(found), excluded)
        return
    kind = "color" if key == "colour" else key
    read = _VALUES[kind](value)
    yield Term(kind, read, excluded) if read and not (excluded and kind in _WITHIN) else None


_WITHIN = ("from", "before", "cost", "size")


def _words_of(value: str) -> str:
    return " ".join(words(value))


def _ratio(value: str) -> str:
    ratio = value.lower().replace("x", ":").replace("/", ":")
    return ratio if ratio in RATIOS else ""


def _day(value: str) -> str:
    found = _DATE.fullmatch(value)
    if not found:
        return ""
    try:
        return date(int(found[1]), int(found[2] or 1), int(found[3] or 1)).isoformat()
    except ValueError:
        return ""


def _number(value: str) -> str:
    found = _NUMBER.fullmatch(value)
    return f"{found[1] or '='}{int(found[2])}" if found else ""


def _pixels(value: str) -> str:
    return _number(_PIXELS.sub("", value))


def _name(value: str) -> str:
    return value if any(letter.isalnum() for letter in value) else ""


_VALUES: dict[str, Callable[[str], str]] = {
    "tag": _words_of,
    "by": _words_of,
    "ratio": _ratio,
    "from": _day,
    "before": _day,
    "color": colours.named,
    "cost": _number,
    "size": _pixels,
    "provider": _name,
    "model": _name,
}
