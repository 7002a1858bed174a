"""Which of the newest pictures found fit best: the same order on every database. Pure."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from gallery.search.syntax import Term
from gallery.search.words import PREFIX_LETTERS_MIN, words

AMONG = 400
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


def _weighted(one: Candidate) -> list[tuple[float, list[str]]]:
    prompt = words(one.prompt)
    return [
        (TITLE, words(one.title)),
        (PROMPT / (1 + len(prompt) / 60), prompt),
        (NOTES, words(one.notes)),
        *((TAG, words(tag)) for tag in one.tags),
    ]


def _times(text: Collection[str], together: Sequence[str]) -> float:
    """How often the words stand there side by side; one that goes on counts half."""
    first, size = together[0], len(together)
    if size > 1:
        line = list(text)
        return float(sum(line[at : at + size] == list(together) for at in range(len(line) - size + 1)))
    longer = len(first) >= PREFIX_LETTERS_MIN
    return sum(
        1.0 if word == first else 0.5 for word in text if word == first or (longer and word.startswith(first))
    )
