"""The promise check: what a provider delivered is what was asked for."""

from collections.abc import Iterable

from gallery import ingest
from generation.catalog import AspectRatio

# Real files differ from the table by a few pixels.
SHAPE_TOLERANCE = 0.03
SMALLEST_SIDE = 0.9


def broken(picture: ingest.Stored, *, ratio: AspectRatio, references: Iterable[bytes]) -> str | None:
    """Why the picture is not what was promised, as a sentence's second half, or None.

    `references` are the signatures of the pictures given with the prompt.
    """
    if picture.blank:
        return "came back blank"
    asked = ratio.width / ratio.height
    if abs(picture.width / picture.height / asked - 1) > SHAPE_TOLERANCE:
        return f"came back as {picture.width} × {picture.height} instead of {ratio.width} × {ratio.height}"
    if picture.width < ratio.width * SMALLEST_SIDE:
        return f"came back too small, {picture.width} × {picture.height}"
    if any(ingest.looks_unchanged(picture.signature, reference) for reference in references):
        return "was the reference unchanged"
    return None
