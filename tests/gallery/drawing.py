"""Pictures for these tests, drawn with Pillow so that nothing has to be there."""

import io
import random
from typing import Any

from PIL import Image, ImageDraw


def scene(size: tuple[int, int] = (400, 300), *, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """A picture with soft and sharp parts, the same for the same seed."""
    dice = random.Random(seed)
    width, height = size
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y = dice.randrange(width), dice.randrange(height)
        colour = tuple(dice.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + width // 3, y + height // 3), fill=colour)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.radial_gradient("L").resize(size))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def png(size: tuple[int, int] = (400, 300), *, mode: str = "RGB", seed: int = 1) -> bytes:
    return encoded(scene(size, mode=mode, seed=seed))


def jpeg(size: tuple[int, int] = (400, 300), *, seed: int = 1, quality: int = 90) -> bytes:
    return encoded(scene(size, seed=seed), "JPEG", quality=quality)


def noise(size: tuple[int, int], *, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """A picture that no format makes small."""
    data = random.Random(seed).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, data)


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
