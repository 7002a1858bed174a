"""Pictures that look like one: nearly the same first, then those of the same colours."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from accounts.models import User
from gallery import likeness
from gallery.models import Image, Original
from gallery.search import engine, marks
from gallery.search.engine import Viewer, Wanted
from gallery.search.expression import Expression, Mark

LIMIT = 24
NEAR_BITS = 12
"""Bits of 64 that may differ between pictures which are nearly the same."""
COLOUR_DISTANCE = 28.0
"""How far apart, in CIE L*a*b*, colours may be on the average of pictures of the same colours."""
_NEAR_AMONG, _COLOURED_AMONG = 100, 600
"""So many of the newest are looked at."""
_CLAUSES = 2
_CELL_DISTANCE = 14.0


@dataclass(frozen=True)
class Similar:
    """An image that looks like another: so many bits of 64 of their hashes differ, and so far are their
    colours apart.
    """

    image: Image
    bits: int
    distance: float

    @property
    def is_near(self) -> bool:
        """Whether it is nearly the same picture, and not only of the same colours."""
        return self.bits <= NEAR_BITS


@dataclass(frozen=True)
class _Candidate:
    pk: int
    bits: int
    distance: float


def similar(user: User, image: Image, *, limit: int = LIMIT) -> list[Similar]:
    """The images that look most like this one, of those that the person may see; of one file the newest only.

    `image` has its `original`. As many queries whatever is found.
    """
    original: Original = image.original
    if original.difference_hash is None:
        return []
    viewer = engine.viewer_of(user)
    ids = {*_near(viewer, original), *_coloured(viewer, original)} - {image.pk}
    found = _ranked(original, _facts(ids))[:limit]
    images = Image.objects.with_files().in_bulk([one.pk for one in found])
    return [Similar(images[one.pk], one.bits, one.distance) for one in found if one.pk in images]


def _near(viewer: Viewer, original: Original) -> list[int]:
    """Those that share a band of the hash."""
    assert original.difference_hash is not None
    shared = [Mark(marks.band(one)) for one in likeness.bands(likeness.unsigned(original.difference_hash))]
    wanted = Wanted(viewer, "all", Expression().and_any(shared))
    return engine.newest(wanted, size=_NEAR_AMONG)


def _coloured(viewer: Viewer, original: Original) -> list[int]:
    """Those that have its two main colours, or ones close by."""
    expression = Expression()
    for name, _ in _palette(original.palette)[:_CLAUSES]:
        near = likeness.cells_near(likeness.lab(*likeness.rgb(name)), _CELL_DISTANCE)
        expression = expression.and_any(Mark(marks.colour(cell)) for cell in near)
    if not expression.clauses:
        return []
    return engine.newest(Wanted(viewer, "all", expression), size=_COLOURED_AMONG)


_Facts = tuple[int, int, int | None, Sequence[Sequence[str | int]]]


def _facts(ids: Iterable[int]) -> list[_Facts]:
    """Of each original among the images' the newest image, with what tells how alike it is."""
    newest: dict[int, int] = {}
    for pk, original_id in Image.objects.filter(pk__in=list(ids)).values_list("pk", "original_id"):
        newest[original_id] = max(pk, newest.get(original_id, 0))
    originals = Original.objects.filter(pk__in=newest).values_list("pk", "difference_hash", "palette")
    return [(newest[original_id], original_id, hashed, colours) for original_id, hashed, colours in originals]


def _ranked(original: Original, facts: Iterable[_Facts]) -> list[_Candidate]:
    assert original.difference_hash is not None
    own, colours = likeness.unsigned(original.difference_hash), _palette(original.palette)
    found = []
    for pk, _, hashed, theirs in facts:
        if hashed is None:
            continue
        bits = likeness.bits_apart(own, likeness.unsigned(hashed))
        distance = palette_distance(colours, _palette(theirs))
        if bits <= NEAR_BITS or distance <= COLOUR_DISTANCE:
            found.append(_Candidate(pk, bits, distance))
    return sorted(found, key=_rank)


def _rank(one: _Candidate) -> tuple[bool, float, float, int]:
    near = one.bits <= NEAR_BITS
    return not near, one.bits if near else 0, round(one.distance, 6), -one.pk


Colours = tuple[tuple[str, int], ...]


def _palette(stored: Sequence[Sequence[str | int]]) -> Colours:
    return tuple((str(one[0]), int(one[1])) for one in stored)


@lru_cache(maxsize=4_000)
def palette_distance(one: Colours, other: Colours) -> float:
    """How far the colours of two pictures are apart on the average, each from the nearest of the other's."""
    if not one or not other:
        return math.inf
    return (_towards(one, other) + _towards(other, one)) / 2


def _towards(one: Colours, other: Colours) -> float:
    labs = [likeness.lab(*likeness.rgb(name)) for name, _ in other]
    total = sum(share for _, share in one)
    return (
        sum(
            share * min(math.dist(likeness.lab(*likeness.rgb(name)), known) for known in labs)
            for name, share in one
        )
        / total
    )
