"""Colours that go together."""

from dataclasses import dataclass

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Palette:
    """`sky` from top to horizon, `land` from far to near, then what shines, what is pale, what is bold."""

    sky: tuple[Colour, ...]
    land: tuple[Colour, ...]
    light: Colour
    pale: Colour
    accents: tuple[Colour, ...]

    @property
    def dark(self) -> Colour:
        return self.land[-1]


def _colour(text: str) -> Colour:
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def _palette(sky: str, land: str, light: str, pale: str, accents: str) -> Palette:
    def row(text: str) -> tuple[Colour, ...]:
        return tuple(_colour(one) for one in text.split())

    return Palette(row(sky), row(land), _colour(light), _colour(pale), row(accents))


DAWN = _palette(
    "4a4e7d b47a9b f0a58f fbd9b0",
    "b98aa4 8a6a92 5d4a78 352e55",
    "fff1cf",
    "fbeadb",
    "e2604a f0a04b 3f5f8f 8fb3a8 f6e7d2",
)
NOON = _palette(
    "5b9bd0 94c3e4 d8ebf2",
    "a9c7d6 7fa9a9 4f8079 2a5450",
    "fffbe8",
    "f4f7f2",
    "e9573f f2b138 2b6ca3 69a37d f5efe0",
)
SUNSET = _palette(
    "2f2a55 8d3f6d e2694c f9bd5e",
    "b0566a 7a3c62 4a2a52 241a3a",
    "ffe9a8",
    "fde6c8",
    "e8472f f6a53c 3a3f78 c0507a f8e0b8",
)
NIGHT = _palette(
    "0b1230 172554 31487f 5d7fae",
    "3b5686 263d69 17284a 0b1429",
    "f6f3df",
    "dfe8f2",
    "f2c14e 5fb0c9 e2725b 8c7ad1 eef1f6",
)
SAND = _palette(
    "b9c7cf e8d9c1 f4dcb6",
    "dba56e c17f48 9a5a2f 5f3620",
    "fff3d6",
    "f7ecdb",
    "c4512d e0a458 4f6d7a a7b59e f3e5cf",
)
SAGE = _palette(
    "c9d3c6 dfe2d0 f1ead6",
    "a9b8a2 839a84 587564 2f4a40",
    "fff8e3",
    "f5f1e4",
    "c4674a d9a55b 56725f 8e9fb0 f1e8d5",
)
ROSE = _palette(
    "d9a7a0 ecc7b7 f8e3d2",
    "cf8f84 b26b66 844a4f 4d2b35",
    "fff2e2",
    "fbeee4",
    "b8433a e59866 70536b 9aa58a fbe6d4",
)
MINT = _palette(
    "2c6e78 63aaa4 bfe0cd f4efd2",
    "7fb5aa 4c8f8c 2b6469 153c45",
    "fff6cf",
    "f1f6e6",
    "ef7b5a f4c55c 1f5f73 8fc2a3 fbf3dd",
)
VIOLET = _palette(
    "3b2f6b 7460a8 b9a1d4 efd7e2",
    "9a86bd 70609b 4a4077 2a264f",
    "fff0f3",
    "f5edf6",
    "e76f8a f3b35f 4c5fb0 7fb6b0 f7e9ee",
)
EMBER = _palette(
    "1d1a26 4b2434 93392f d9743a",
    "7a3a36 54282d 341a24 190f18",
    "ffd98a",
    "f7e1c6",
    "e2552d f3a33a 7c2f3b b98d6a f5dcba",
)

ALL = (DAWN, NOON, SAND, SAGE, ROSE, MINT, SUNSET, NIGHT, VIOLET, EMBER)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """A colour between two; `share` 0 gives the first, 1 the second."""
    share = min(max(share, 0.0), 1.0)
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def lighter(colour: Colour, share: float) -> Colour:
    return mix(colour, (255, 255, 255), share)


def darker(colour: Colour, share: float) -> Colour:
    return mix(colour, (14, 12, 24), share)
