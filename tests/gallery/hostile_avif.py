"""AVIF files that mean harm or are merely broken; in `hostile.all_files` with the others."""

import random
import struct
from collections.abc import Iterator

from PIL import Image

from tests.gallery import drawing, heic
from tests.gallery.heic import Item, box, full, ispe

MEGABYTE = 1024 * 1024


def encoded(image: Image.Image, **options: object) -> bytes:
    """The image as AVIF, written fast."""
    return drawing.encoded(image, "AVIF", speed=10, **options)


def coded(size: tuple[int, int] = (64, 64)) -> tuple[bytes, bytes]:
    """`av1C` and coded data of a small good picture, to build files of."""
    data = encoded(drawing.scene(size))
    return heic.found(data, b"av1C"), heic.found(data, b"mdat")[8:]


def file(*items: Item, **options: object) -> bytes:
    """A file of these items that calls itself AVIF."""
    return heic.file(*items, brand=b"avif", **options).replace(b"mif1heic", b"mif1avif", 1)


def avif_bombs() -> Iterator[tuple[str, bytes]]:
    """Declared or real sizes beyond the limits; every one must be refused."""
    good = encoded(drawing.scene((64, 64)))
    for width, height in (
        (8193, 8), (8, 8193), (4701, 4700), (20_000, 20_000), (65_535, 65_535), (2**31 - 1, 1),
        (2**32 - 1, 2**32 - 1),
    ):  # fmt: skip
        yield f"of {width}×{height}", good.replace(ispe(64, 64), ispe(width, height))
    yield "of 30 million pixels in some kB", encoded(Image.new("RGB", (6000, 5000), "teal"))
    av1c, data = coded()
    tiles = [Item(number, b"av01", data, [av1c, ispe(64, 64)]) for number in (2, 3)]
    yield "grid of 60000×60000", grid(60_000, 60_000, [2, 3], tiles)
    yield (
        "grid with a tile of 20000×20000",
        grid(128, 64, [2, 3], [tiles[0], Item(3, b"av01", data, [av1c, ispe(20_000, 20_000)])]),
    )
    yield "with transparency of 20000×20000", transparent(ispe(20_000, 20_000))


def grid(width: int, height: int, parts: list[int], items: list[Item], *, columns: int = 2) -> bytes:
    payload = bytes([0, 1, len(parts) // columns - 1, columns - 1]) + struct.pack(">II", width, height)
    whole = Item(1, b"grid", payload, [ispe(min(width, 8000), min(height, 2700))], [(b"dimg", parts)])
    return file(whole, *items)


def transparent(size: bytes) -> bytes:
    av1c, data = coded()
    kind = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    return file(
        Item(1, b"av01", data, [av1c, ispe(64, 64)]),
        Item(2, b"av01", data, [av1c, size, kind], [(b"auxl", [1])]),
    )


def avif_lies() -> Iterator[tuple[str, bytes]]:
    """Boxes and items that aren't what they say; each ends in a refusal or in a picture."""
    good = encoded(drawing.scene((64, 64)))
    for side in (5000, 8000, 12_000):
        large = encoded(Image.new("RGB", (side, side), "teal"))
        for width, height in ((64, 64), (4600, 4600)):
            yield (
                f"{side}×{side} declared as {width}×{height}",
                large.replace(ispe(side, side), ispe(width, height)),
            )
    yield "no pixels", good.replace(ispe(64, 64), ispe(0, 0))
    yield "declared larger than coded", good.replace(ispe(64, 64), ispe(4000, 4000))
    for kind in (b"meta", b"iloc", b"iinf", b"infe", b"iprp", b"ipco", b"av1C", b"ipma", b"mdat"):
        at = good.index(kind) - 4
        for length in (0, 1, 7, 2**31, 2**32 - 1):
            yield (
                f"{kind.decode()} of length {length}",
                good[:at] + struct.pack(">I", length) + good[at + 4 :],
            )
        yield f"no {kind.decode()}", good[: at + 4] + b"free" + good[at + 8 :]
    at = good.index(b"iloc")
    yield "places beyond the end", good[: at + 8] + b"\xff" * 24 + good[at + 32 :]
    frames = [drawing.scene((64, 64), seed=seed) for seed in range(4)]
    moving = encoded(frames[0], save_all=True, append_images=frames[1:])
    yield "of four that calls itself still", moving.replace(b"ftypavis", b"ftypavif", 1)
    yield from odd_items()


def odd_items() -> Iterator[tuple[str, bytes]]:
    av1c, data = coded()
    plain = [av1c, ispe(64, 64)]
    yield "no data", file(Item(1, b"av01", b"", plain))
    yield "text as data", file(Item(1, b"av01", b"no picture " * 500, plain))
    yield "no properties", file(Item(1, b"av01", data))
    yield "of another coding", file(Item(1, b"hvc1", data, plain))
    yield "no such picture", file(Item(1, b"av01", data, plain), primary=9)
    yield (
        "a huge crop",
        file(
            Item(
                1,
                b"av01",
                data,
                [*plain, box(b"clap", struct.pack(">8I", 2**32 - 1, 1, 2**32 - 1, 1, 0, 1, 0, 1))],
            )
        ),
    )
    yield "turned by 255", file(Item(1, b"av01", data, [*plain, box(b"irot", b"\xff")]))
    yield "identical to itself", file(Item(1, b"iden", b"", [ispe(64, 64)], [(b"dimg", [1])]))
    yield "grid of itself", grid(128, 64, [1, 1], [])
    tile = Item(2, b"av01", data, plain)
    yield "grid of one tile ten thousand times", grid(6400, 2700, [2] * 10_000, [tile], columns=100)
    yield (
        "profile that is text",
        file(Item(1, b"av01", data, [*plain, box(b"colr", b"prof", b"no profile" * 50)])),
    )
    exif = Item(2, b"Exif", b"\xff\xff\xff\xffExif", references=[(b"cdsc", [1])])
    yield "EXIF that begins beyond its end", file(Item(1, b"av01", data, plain), exif)
    yield (
        "six megabytes of EXIF on 200 pictures",
        file(
            *(Item(number, b"av01", data, plain) for number in range(1, 201)),
            Item(900, b"Exif", bytes(6 * MEGABYTE), references=[(b"cdsc", list(range(1, 201)))]),
        ),
    )
    yield "only a beginning", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"
    yield "general brand with nothing behind", b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif" + bytes(64)


def avif_sequences() -> Iterator[tuple[str, bytes]]:
    frames = [drawing.scene((64, 64), seed=seed) for seed in range(4)]
    moving = encoded(frames[0], save_all=True, append_images=frames[1:])
    yield "of four", moving
    good = encoded(frames[0])
    yield "still that says it moves", good[:8] + b"avis" + good[12:]
    yield "general brand", moving[:8] + b"msf1" + moving[12:]


def avif_damaged() -> Iterator[tuple[str, bytes]]:
    """A good picture cut short and with flipped bits, the same each time."""
    dice = random.Random(22)
    good = encoded(drawing.scene((200, 150)))
    for share in range(1, 12):
        yield f"cut at {share}/12", good[: len(good) * share // 12]
    yield "without its last byte", good[:-1]
    described = good.index(b"mdat")
    for number in range(60):
        flipped = bytearray(good)
        end = described if number % 3 else len(good)
        for _ in range(1 + number // 6):
            flipped[dice.randrange(end)] ^= 1 << dice.randrange(8)
        yield f"with flipped bits {number}", bytes(flipped)


GROUPS = (avif_bombs, avif_lies, avif_sequences, avif_damaged)
