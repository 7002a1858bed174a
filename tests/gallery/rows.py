"""Images as rows alone, for tests that look at pages and not at files."""

import hashlib
import itertools
from typing import Any

from accounts.models import User
from gallery import keeping, likeness
from gallery.models import Image, Original

_numbers = itertools.count(1)
PLACEHOLDER = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="


def image(owner: User, *, width: int = 1248, height: int = 832, **fields: Any) -> Image:
    """An image whose file isn't there."""
    digest = hashlib.sha256(str(next(_numbers)).encode()).hexdigest()
    signature = fields.pop("signature", bytes(768))
    original = Original.objects.create(
        sha256=digest,
        name=f"originals/{digest}.png",
        content_type="image/png",
        size_bytes=1_900_000,
        width=width,
        height=height,
        placeholder=PLACEHOLDER,
        colour="#336699",
        signature=signature,
        palette=[list(one) for one in likeness.palette(signature)],
        difference_hash=likeness.signed(likeness.difference_hash(signature)),
    )
    fields.setdefault("prompt", "a lighthouse at dusk")
    fields.setdefault("model", "gemini-2.5-flash-image")
    fields.setdefault("provider", "aimlapi")
    image = Image(owner=owner, original=original, **fields)
    keeping.keep(image)
    return image
