"""Made-up words and names, and draws in which few are common and most are rare. Pure."""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

_COMMON = """
a the of in with on and at light soft studio photo portrait background by over under warm blue red green
dark morning evening sunset dusk dawn night golden hour winter summer autumn spring snow rain fog mist
cloud sky sea ocean wave beach coast harbour boat lighthouse river lake mountain valley forest tree wood
garden flower rose dahlia tulip meadow field desert dune canyon city street tower bridge house room
window door chair table lamp sofa kitchen mug cup coffee tea bottle vase bowl bread fruit apple lemon
orange pear cat dog fox bear deer horse bird owl whale fish child woman man old young smiling running
sitting dancing reading wide close macro aerial overhead minimal modern vintage retro film grain bokeh
shallow depth field poster illustration watercolour oil painting pencil sketch paper cut collage
geometric abstract pattern texture marble glass metal copper brass linen wool silk leather ceramic
pottery wooden stone brick neon pastel muted vivid contrast shadow reflection silhouette symmetry
isometric product packaging label logo icon cover magazine campaign banner hero detail still life
landscape interior architecture fashion jewellery watch shoe bicycle car train plane balloon rocket robot
astronaut planet moon star galaxy aurora crystal flame smoke water ice sand leaf moss fern mushroom
butterfly bee market café bakery library museum theatre station festival carnival parade picnic camp
cabin castle temple terrace rooftop
"""
_FIRST = """
Mara Jonas Ada Noor Emil Lina Theo Ines Oskar Selma Hugo Zoe Ivo Mila Arno Vera Luca Nele Amir Greta
Pavel Rosa Kofi Yara Sven Aiko Nils Tara Milo Edda
"""
_LAST = """
Lindqvist Weber Okafor Haddad Moreau Novak Sato Brandt Costa Vermeer Kaya Larsen Petrov Marini Osei Dahl
Keller Duarte Fischer Nakamura Holm Rossi Bakker Ferrari Iversen
"""
_SYLLABLES = """
ba be bo da de do fa fi ga go ka ke ki la le lo ma me mi na ne no pa pe po ra re ri sa se so ta te ti va
vo zu
"""


class Zipf(Generic[T]):
    """Draws from values: the nth n to the power of `exponent` times less likely than the first."""

    def __init__(self, values: Sequence[T], exponent: float = 1.0) -> None:
        self._values = values
        self._weights = list(itertools.accumulate(1 / place**exponent for place in range(1, len(values) + 1)))

    def draw(self, dice: random.Random, number: int) -> list[T]:
        return dice.choices(self._values, cum_weights=self._weights, k=number)

    def one(self, dice: random.Random) -> T:
        return self.draw(dice, 1)[0]


def words(number: int) -> list[str]:
    """So many different words, those that prompts use most first."""
    return list(itertools.islice(_words(), number))


def tag_names(number: int) -> list[str]:
    """So many different names of one or two words."""
    known = words(max(60, number))
    pairs = (f"{known[n % 211 % len(known)]} {known[n % len(known)]}" for n in itertools.count(40))
    singles = iter(known[20:])
    names: dict[str, None] = {}
    while len(names) < number:
        names[next(pairs) if len(names) % 3 == 2 else next(singles, None) or next(pairs)] = None
    return list(names)


def people(number: int) -> list[str]:
    """So many names, the first 750 of them different."""
    first, last = _FIRST.split(), _LAST.split()
    return [f"{first[n % len(first)]} {last[(n + n // len(first)) % len(last)]}" for n in range(number)]


def _words() -> Iterator[str]:
    yield from dict.fromkeys(_COMMON.split())
    for length in itertools.count(3):
        for parts in itertools.product(_SYLLABLES.split(), repeat=length):
            # Turned round, so that neighbours in the list don't begin alike.
            yield "".join(reversed(parts))
