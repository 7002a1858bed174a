"""The chips of the gallery: what each filter says, what it offers, and the walk without it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, lru_cache

from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from accounts.models import User
from gallery import browsing, provenance
from gallery.browsing import Walk
from gallery.pages import shelves
from gallery.pages.suggesting import TERMS
from gallery.search import colours, engine
from gallery.search.marks import RATIOS

_EMPTY = Walk()
_PARTS: dict[str, tuple[str, ...]] = {
    "colour": ("colour", "closeness"),
    "aspect": ("ratios",),
    "tags": ("tags", "any_tag"),
    "person": ("people",),
    "date": ("since", "until"),
    "provider": ("providers",),
    "references": ("with_references",),
    "favourites": ("favourites",),
    "words": ("text",),
}
_LABELS = {
    "colour": "Colour",
    "aspect": "Aspect",
    "tags": "Tags",
    "person": "Person",
    "date": "Date",
    "provider": "Provider",
    "references": "With references",
    "favourites": "Favourites",
}
TRIED_MAX = 1_000


@dataclass(frozen=True)
class Chip:
    """One filter. `value` is what it says when it is on, `without` the address of the walk without it."""

    name: str
    label: str
    value: str
    without: str
    walk: Walk

    @property
    def template(self) -> str:
        return f"gallery/filters/{self.name}.html"


@dataclass(frozen=True)
class Period:
    """Days that people ask for by a name."""

    label: str
    query: str
    is_chosen: bool


def without(walk: Walk, name: str) -> Walk:
    """The walk without one of its filters; `words` is the search field."""
    changed = replace(walk, **{field: getattr(_EMPTY, field) for field in _PARTS[name]})
    if name == "words" and changed.sort == "best":
        changed = replace(changed, sort=changed.usual_sort)
    return changed


def is_on(walk: Walk, name: str) -> bool:
    return any(getattr(walk, field) for field in _PARTS[name] if field not in ("closeness", "any_tag"))


def chips(walk: Walk) -> list[Chip]:
    """All filters in their order. In the favourites of the sidebar that filter says nothing new."""
    shown = (name for name in _LABELS if name != "favourites" or not _is_favourites_page(walk))
    return [
        Chip(
            name,
            _LABELS[name],
            value(walk, name) if is_on(walk, name) else "",
            without(walk, name).query,
            walk,
        )
        for name in shown
    ]


def _is_favourites_page(walk: Walk) -> bool:
    return walk.favourites and walk.scope == "all"


def value(walk: Walk, name: str) -> str:
    """What a filter that is on asks for, in a few words."""
    match name:
        case "colour":
            return colour_name(walk.colour)
        case "aspect":
            return _some(walk.ratios, "aspects")
        case "tags":
            return (" or " if walk.any_tag else " + ").join(walk.tags[:2]) + _more(walk.tags)
        case "person":
            names = shelves.names_of(walk.people)
            return _some([names.get(pk, "Nobody") for pk in walk.people], "people")
        case "date":
            return days(walk.since, walk.until)
        case "provider":
            return _some([provenance.provider_name(one) for one in walk.providers], "providers")
        case "words":
            return f"“{walk.text}”"
    return _LABELS[name]


def colour_name(colour: str) -> str:
    if colour == colours.MANY:
        return "Many colours"
    return colour if colour.startswith("#") else colour.capitalize()


def days(since: date | None, until: date | None) -> str:
    """`1 Nov – 20 Nov 2026`, `Since 1 Nov 2026`, `Until 20 Nov 2026`, or one day."""
    if since and until:
        if since == until:
            return date_format(since, "j M Y")
        start = date_format(since, "j M" if since.year == until.year else "j M Y")
        return f"{start} – {date_format(until, 'j M Y')}"
    if since:
        return f"Since {date_format(since, 'j M Y')}"
    return f"Until {date_format(until, 'j M Y')}" if until else ""


def _some(names: list[str] | tuple[str, ...], kind: str) -> str:
    return " + ".join(names) if len(names) <= 2 else f"{len(names)} {kind}"


def _more(names: tuple[str, ...]) -> str:
    return f" +{len(names) - 2}" if len(names) > 2 else ""


@dataclass(frozen=True)
class Offered:
    """What the open filters offer, with what is chosen."""

    walk: Walk
    today: date

    @property
    def swatches(self) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in colours.SWATCHES]

    @property
    def own_colour(self) -> str:
        """The colour for the eyedropper: the one chosen that is no swatch, else its last name's."""
        chosen = colours.named(self.walk.colour)
        return chosen if chosen.startswith("#") else "#dd7750"

    @property
    def has_own_colour(self) -> bool:
        return self.walk.colour.startswith("#")

    @property
    def closeness(self) -> list[tuple[str, str]]:
        return [(name, name.capitalize()) for name in colours.CLOSENESS]

    @property
    def ratios(self) -> list[str]:
        return list(RATIOS)

    @cached_property
    def tags(self) -> list[tuple[str, str]]:
        return self._with(shelves.tags(), [(key, key) for key in self.walk.tags])

    @cached_property
    def people(self) -> list[tuple[str, str]]:
        names = shelves.names_of(self.walk.people)
        return self._with(shelves.people(), [(str(pk), name) for pk, name in names.items()])

    @property
    def chosen_people(self) -> list[str]:
        return [str(pk) for pk in self.walk.people]

    @cached_property
    def providers(self) -> list[tuple[str, str]]:
        chosen = [(name, provenance.provider_name(name)) for name in self.walk.providers]
        return self._with(shelves.providers(), chosen)

    @property
    def periods(self) -> Iterator[Period]:
        today = self.today
        month = today.replace(day=1)
        before = month - timedelta(days=1)
        for label, since, until in (
            ("Today", today, today),
            ("Last 7 days", today - timedelta(days=6), today),
            ("Last 30 days", today - timedelta(days=29), today),
            ("This month", month, None),
            ("Last month", before.replace(day=1), before),
            ("This year", today.replace(month=1, day=1), None),
        ):
            chosen = (self.walk.since, self.walk.until) == (since, until)
            yield Period(label, replace(self.walk, since=since, until=until).query, chosen)

    @staticmethod
    def _with(offered: list[tuple[str, str]], chosen: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """What is chosen first where it isn't offered, so that it can be taken back."""
        known = {value for value, _ in offered}
        return [*(one for one in chosen if one[0] not in known), *offered]


@dataclass(frozen=True)
class _Row:
    """All that the search field and the row of filters say: with it their HTML is kept."""

    walk: Walk
    today: date
    has_pictures: bool
    shelves: tuple[tuple[tuple[str, str], ...], ...]


def html(walk: Walk, today: date, *, has_pictures: bool) -> tuple[SafeString, SafeString]:
    """The search field and the row of filters, drawn once for each walk that people look through."""
    kept = [tuple(shelf) for shelf in (shelves.tags(), shelves.people(), shelves.providers())]
    return _html(_Row(walk, today, has_pictures, tuple(kept)))


@lru_cache(maxsize=200)
def _html(row: _Row) -> tuple[SafeString, SafeString]:
    context = {
        "walk": row.walk,
        "chips": chips(row.walk),
        "offered": Offered(row.walk, row.today),
        "has_pictures": row.has_pictures,
        "terms": TERMS,
    }
    return (
        render_to_string("gallery/_search.html", context),
        render_to_string("gallery/_filters.html", context),
    )


def most_selective(user: User, walk: Walk) -> str:
    """The filter without which most pictures are found, of a walk that finds none; empty where none helps."""
    active = [name for name in _PARTS if is_on(walk, name)]
    if len(active) < 2:
        return ""
    found = {
        name: engine.count(browsing.wanted(user, without(walk, name)), most=TRIED_MAX) for name in active
    }
    best = max(found, key=lambda name: found[name])
    return best if found[best] else ""


def label(name: str) -> str:
    """What the button that drops a filter calls it."""
    return "the words" if name == "words" else _LABELS[name].lower()


def asked_for(walk: Walk) -> str:
    """What a walk without a match asked for, as the end of a sentence."""
    parts = [f"called “{walk.text}”"] if walk.text else []
    said = {name: value(walk, name) for name in _PHRASES if is_on(walk, name)}
    for name in {"colour", "date"} & said.keys():
        said[name] = said[name][:1].lower() + said[name][1:]
    with_ = [_PHRASES[name].format(words) for name, words in said.items()]
    return " ".join([*parts, _listed(with_)]).strip()


_PHRASES = {
    "colour": "with a main colour of {}",
    "aspect": "in {}",
    "tags": "tagged {}",
    "person": "by {}",
    "date": "made {}",
    "provider": "from {}",
    "references": "made with references",
    "favourites": "among your favourites",
}


def _listed(parts: list[str]) -> str:
    return f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
