"""Text as words to find by, the same on every database."""

import re
import unicodedata
from collections.abc import Iterator
from itertools import islice

WORD_LETTERS_MAX = 64
WORDS_MAX = 2000
"""Of one text; what comes after isn't found by."""
PREFIX_LETTERS_MIN = 3
"""A word of at least so many letters also finds longer ones that begin with it: `cat` finds `cats`."""

_ASCII = re.compile("[a-z0-9]+")
# Scripts written without spaces: every letter is a word of its own, and several together are a phrase.
_ALONE = ((0x2E80, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF), (0x0E00, 0x0EFF), (0x1000, 0x109F))


def words(text: str) -> list[str]:
    """The words of a text in their order: small letters and digits without accents."""
    if text.isascii():
        # Most texts; letter by letter it takes ten times as long.
        runs = _ASCII.findall(text.lower())[:WORDS_MAX]
    else:
        runs = list(islice(_runs(text), WORDS_MAX))
    return [run[:WORD_LETTERS_MAX] for run in runs]


def normalised(text: str) -> str:
    """The words with one space between them: what makes two texts the same."""
    return " ".join(words(text))


def _runs(text: str) -> Iterator[str]:
    run: list[str] = []
    # Case last: capitals may come out of NFKD, and folding may give letters with marks.
    for letter in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()):
        if unicodedata.combining(letter):
            continue
        if not letter.isalnum():
            if run:
                yield "".join(run)
                run = []
        elif _stands_alone(letter):
            if run:
                yield "".join(run)
                run = []
            yield letter
        else:
            run.append(letter)
    if run:
        yield "".join(run)


def _stands_alone(letter: str) -> bool:
    code = ord(letter)
    return code >= 0x0E00 and any(first <= code <= last for first, last in _ALONE)
