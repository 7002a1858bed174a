"""Pictures that were made of the same words and references, or nearly: told before another is paid for."""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from accounts.models import User
from gallery import likeness
from gallery.models import Image, ImageSource, Upload
from gallery.search import engine, marks
from gallery.search.engine import Wanted
from gallery.search.expression import Expression, Mark
from gallery.search.words import normalised

MATCHES_MAX = 6
SHARE_MIN = 0.6
"""Of the different words of both prompts: how many must be in both."""
_AMONG = 300
"""So many of the newest are looked at."""


@dataclass(frozen=True)
class Match:
    """An image that is there already. `share` of the words of both prompts are in both; `is_exact` where the
    words, their order and the references are the same.
    """

    image: Image
    is_exact: bool
    share: float


@dataclass(frozen=True)
class _Candidate:
    pk: int
    is_exact: bool
    share: float
    references: float


def find(user: User, prompt: str, reference_originals: Iterable[int] = ()) -> list[Match]:
    """The matches among what the person may see, the same ones first, newer ones first among equals.

    `reference_originals` are ids of the originals that are to go along.
    """
    asked = normalised(prompt)
    if not asked:
        return []
    viewer, given = engine.viewer_of(user), frozenset(reference_originals)
    ids: set[int] = set()
    for shared in ([marks.prompt(prompt)], marks.sketch(prompt)):
        expression = Expression().and_any(Mark(mark) for mark in shared)
        ids.update(engine.newest(Wanted(viewer, "all", expression), size=_AMONG))
    best = sorted(_candidates(ids, asked, given), key=_rank)[:MATCHES_MAX]
    images = Image.objects.with_files().in_bulk([one.pk for one in best])
    return [Match(images[one.pk], one.is_exact, one.share) for one in best if one.pk in images]


def originals_of(user: User, ids: Sequence[uuid.UUID]) -> list[int]:
    """The originals of the person's uploads, and of images they may see, with these public ids."""
    if not ids:
        return []
    uploads = Upload.objects.filter(owner=user, public_id__in=ids).values_list("original_id", flat=True)
    images = Image.objects.visible_to(user).filter(public_id__in=ids).values_list("original_id", flat=True)
    return sorted({*uploads, *images})


def _candidates(ids: Iterable[int], asked: str, given: frozenset[int]) -> list[_Candidate]:
    sources: dict[int, set[int]] = {}
    known = list(ids)
    of = ImageSource.objects.filter(image__in=known).values_list("image_id", "original_id")
    for image_id, original_id in of:
        sources.setdefault(image_id, set()).add(original_id)
    found = []
    for pk, prompt in Image.objects.filter(pk__in=known).values_list("pk", "prompt"):
        theirs = frozenset(sources.get(pk, ()))
        text = normalised(prompt)
        share = 1.0 if text == asked else likeness.shared_words(text, asked)
        if share >= SHARE_MIN:
            found.append(_Candidate(pk, text == asked and theirs == given, share, _agreeing(theirs, given)))
    return found


def _agreeing(one: frozenset[int], other: frozenset[int]) -> float:
    """1 where the references are the same, less where only some are."""
    return 1.0 if one == other else len(one & other) / len(one | other)


def _rank(one: _Candidate) -> tuple[bool, float, float, int]:
    return not one.is_exact, -round(one.references, 6), -round(one.share, 6), -one.pk
