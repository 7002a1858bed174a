"""Colours that people choose from, and how near a picture's colour must come."""

import re

SWATCHES = {
    "red": "#c0392f",
    "terracotta": "#dd7750",
    "amber": "#e8a33a",
    "yellow": "#f0d35e",
    "green": "#6d9445",
    "teal": "#31918c",
    "blue": "#2f6fdb",
    "indigo": "#3b45b0",
    "violet": "#7f55b8",
    "pink": "#d873a1",
    "brown": "#8a6045",
    "beige": "#ecdcd0",
    "white": "#f5f5f4",
    "grey": "#98a2a2",
    "black": "#17181a",
}
MANY = "many"
CLOSENESS = {"close": 14.0, "similar": 22.0, "loose": 34.0}
"""How far a colour may be from the one asked for, in CIE L*a*b*; 2 is what an eye just tells apart."""
DEFAULT_CLOSENESS = "similar"


def named(value: str) -> str:
    """A colour as a person writes it, a swatch's name or six hexadecimal digits, as `#rrggbb`.

    `many` for many colours at once, empty for what is no colour.
    """
    name = value.strip().lower()
    if name == MANY:
        return MANY
    if name == "gray":
        name = "grey"
    if found := re.fullmatch(r"#?([0-9a-f]{6})", name):
        return f"#{found[1]}"
    return SWATCHES.get(name, "")
