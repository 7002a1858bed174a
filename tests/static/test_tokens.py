"""The colours keep the contrast the design promises in both themes, and every token that is used exists."""

import re
from pathlib import Path

import pytest

CSS = Path(__file__).resolve().parents[2] / "static" / "css"
SHEETS = sorted(CSS.glob("*.css"))
TOKEN = re.compile(r"--([\w-]+):\s*(?:light-dark\((#\w+),\s*(#\w+)\)|(#\w+));")


def tokens(theme: str) -> dict[str, str]:
    """The opaque colours of one theme by name, as six hexadecimal digits."""
    found = {}
    for name, light, dark, both in TOKEN.findall((CSS / "variables.css").read_text()):
        digits = (both or (light if theme == "light" else dark)).lstrip("#")
        found[name] = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    return found


def luminance(digits: str) -> float:
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG's contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


SURFACES = ("bg", "surface-1", "surface-2", "surface-3")
PAIRS = [
    *(("text", surface, 13.0) for surface in SURFACES),
    *(("text-2", surface, 6.2) for surface in SURFACES),
    *(("text-3", surface, 4.6) for surface in SURFACES),
    *((status, surface, 4.5) for status in ("ok", "warn", "bad") for surface in SURFACES),
    *(("accent-text", surface, 4.5) for surface in SURFACES),
    *(("control", surface, 3.0) for surface in ("bg", "surface-1", "surface-2")),
    *(("ring", surface, 3.0) for surface in SURFACES),
    ("on-accent", "accent", 4.5),
    ("on-accent", "accent-hover", 4.5),
    ("on-accent", "bad-fill", 4.5),
    ("text-2", "surface-4", 4.5),
    ("text", "overlay", 13.0),
    ("text-3", "overlay", 4.5),
    ("text-3", "wall", 4.5),
]


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize(("ink", "ground", "least"), PAIRS)
def test_a_colour_is_read_on_its_ground(theme: str, ink: str, ground: str, least: float) -> None:
    colours = tokens(theme)

    assert contrast(colours[ink], colours[ground]) >= least


def test_contrast_agrees_with_known_pairs() -> None:
    assert contrast("000000", "ffffff") == 21
    assert contrast("777777", "ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("hue", range(8))
def test_initials_are_read_on_every_hue(hue: int) -> None:
    found = re.search(rf"\.hue-{hue} {{\s*background: #(\w+);", (CSS / "components.css").read_text())

    assert found
    assert contrast(found.group(1), "ffffff") >= 4.5


def test_every_token_used_is_defined() -> None:
    text = "\n".join(sheet.read_text() for sheet in SHEETS)
    defined = set(re.findall(r"(?<![\w-])--([\w-]+):", text))

    assert set(re.findall(r"var\(--([\w-]+)", text)) <= defined


@pytest.mark.parametrize("sheet", [s for s in SHEETS if s.name != "variables.css"], ids=lambda s: s.name)
def test_a_sheet_stays_in_its_layer(sheet: Path) -> None:
    blocks = re.findall(r"^(@[\w-]+)[^{]*{", sheet.read_text(), flags=re.MULTILINE)

    assert set(blocks) <= {"@layer", "@font-face"}
