"""Which of the newest pictures found fit best: the same order on every database. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gallery.search.syntax import Term
from gallery.search.words import PREFIX_LETTERS_MIN, words

AMONG = 300
"""So many of the newest are ranked; who wants older ones says more precisely what they want."""
TITLE, TAG, PROMPT, NOTES = 8.0, 6.0, 2.0, 1.0


@dataclass(frozen=True)
class Candidate:
    """A picture that was found, with its texts."""

    pk: int
    title: str
    prompt: str
    notes: str
    tags: Sequence[str]


def best_first(candidates: Sequence[Candidate], terms: Sequence[Term]) -> list[int]:
    """The ids, best first, newer ones first among equals.

    A word counts by where it stands, less in long texts, and more if it is rare among the candidates.
    """
    wanted = [term.value.split() for term in terms if term.kind == "words" and not term.excluded]
    if not wanted:
        return sorted((one.pk for one in candidates), reverse=True)
    texts = {one.pk: _weighted(one) for one in candidates}
    scores = dict.fromkeys(texts, 0.0)
    for together in wanted:
        hits = {pk: sum(weight * _times(text, together) for weight, text in of) for pk, of in texts.items()}
        having = sum(hit > 0 for hit in hits.values())
        rarity = math.log(1 + len(texts) / (1 + having))
        for pk, hit in hits.items():
            scores[pk] += rarity * hit / (1 + hit / 4)
    return sorted(scores, key=lambda pk: (-round(scores[pk], 9), -pk))


@dataclass(frozen=True)
class _Text:
    """Words, and the same in a line with a space before and behind each."""

    words: Sequence[str]
    line: str


def _weighted(one: Candidate) -> list[tuple[float, _Text]]:
    title, prompt, notes = _text(one.title), _text(one.prompt), _text(one.notes)
    return [
        (TITLE, title),
        (PROMPT / (1 + len(prompt.words) / 60), prompt),
        (NOTES, notes),
        *((TAG, _text_of_tag(tag)) for tag in one.tags),
    ]


def _text(text: str) -> _Text:
    found = words(text)
    return _Text(found, f" {' '.join(found)} ")


# A few tags are those of most pictures.
_text_of_tag = lru_cache(maxsize=2_000)(_text)


def _times(text: _Text, together: Sequence[str]) -> float:
    """How often the words stand there side by side; one that goes on counts half."""
    first, size = together[0], len(together)
    if size > 1:
        line = list(text.words)
        return float(sum(line[at : at + size] == list(together) for at in range(len(line) - size + 1)))
    begun = text.line.count(f" {first}")
    if not begun:
        return 0.0
    just_so = text.words.count(first)
    return just_so + (begun - just_so) / 2 if len(first) >= PREFIX_LETTERS_MIN else float(just_so)
