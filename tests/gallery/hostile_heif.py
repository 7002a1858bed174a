"""HEIC and HEIF files that mean harm or are merely broken; in `hostile.all_files` with the others."""

import random
import struct
from collections.abc import Iterator

from PIL import Image

from tests.gallery import drawing, heic
from tests.gallery.heic import Item, box, full, ispe

MEGABYTE = 1024 * 1024


def heif_bombs() -> Iterator[tuple[str, bytes]]:
    """Declared or real sizes beyond the limits; every one must be refused."""
    good = heic.picture((64, 64))
    for width, height in (
        (8193, 8), (8, 8193), (5001, 5000), (20_000, 20_000), (32_768, 32_768), (65_535, 65_535),
        (2**31 - 1, 1), (2**32 - 1, 2**32 - 1),
    ):  # fmt: skip
        yield f"of {width}×{height}", good.replace(ispe(64, 64), ispe(width, height))
    hevc, data = heic.coded()
    clap = box(b"clap", struct.pack(">8I", 64, 1, 64, 1, 0, 1, 0, 1))
    yield (
        "of 20000×20000, cropped to 64×64",
        heic.file(Item(1, b"hvc1", data, [hevc, ispe(20_000, 20_000), clap])),
    )
    tiles = [Item(number, b"hvc1", data, [hevc, ispe(64, 64)]) for number in (2, 3)]
    yield "grid of 60000×60000", grid(60_000, 60_000, [2, 3], tiles)
    yield (
        "grid with a tile of 20000×20000",
        grid(128, 64, [2, 3], [tiles[0], Item(3, b"hvc1", data, [hevc, ispe(20_000, 20_000)])]),
    )
    large = heic.encoded(Image.new("RGB", (6000, 5000), "teal"))
    yield "of 30 million pixels in some kB", large
    yield "with transparency of 20000×20000", transparent(ispe(20_000, 20_000))


def grid(width: int, height: int, parts: list[int], items: list[Item], *, columns: int = 2) -> bytes:
    payload = bytes([0, 1, len(parts) // columns - 1, columns - 1]) + struct.pack(">II", width, height)
    whole = Item(1, b"grid", payload, [ispe(min(width, 8000), min(height, 3000))], [(b"dimg", parts)])
    return heic.file(whole, *items)


def transparent(size: bytes) -> bytes:
    hevc, data = heic.coded()
    kind = full(b"auxC", b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0")
    return heic.file(
        Item(1, b"hvc1", data, [hevc, ispe(64, 64)]),
        Item(2, b"hvc1", data, [hevc, size, kind], [(b"auxl", [1])]),
    )


def heif_lies() -> Iterator[tuple[str, bytes]]:
    """Boxes and items that aren't what they say; each ends in a refusal or in a picture."""
    good = heic.picture((64, 64))
    large = heic.encoded(Image.new("RGB", (6000, 4000), "teal"))
    yield "24 million pixels declared as 64×64", large.replace(ispe(6000, 4000), ispe(64, 64))
    larger = heic.encoded(Image.new("RGB", (8000, 8000), "teal"))
    yield "64 million pixels declared as 64×64", larger.replace(ispe(8000, 8000), ispe(64, 64))
    yield "64 million pixels declared as 25", larger.replace(ispe(8000, 8000), ispe(5000, 5000))
    yield "no pixels", good.replace(ispe(64, 64), ispe(0, 0))
    yield "declared larger than coded", good.replace(ispe(64, 64), ispe(4000, 4000))
    for kind in (b"meta", b"iloc", b"iinf", b"infe", b"iprp", b"ipco", b"hvcC", b"ipma", b"mdat"):
        at = good.index(kind) - 4
        for length in (0, 1, 7, 9, 2**31, 2**32 - 1):
            yield (
                f"{kind.decode()} of length {length}",
                good[:at] + struct.pack(">I", length) + good[at + 4 :],
            )
        yield f"no {kind.decode()}", good[: at + 4] + b"free" + good[at + 8 :]
    at = good.index(b"iloc")
    yield "places beyond the end", good[: at + 8] + b"\xff" * 24 + good[at + 32 :]
    at = good.index(b"iinf")
    yield "65535 items by its word", good[: at + 8] + b"\xff\xff" + good[at + 10 :]
    yield from odd_items()
    yield from odd_beginnings(good)


def odd_items() -> Iterator[tuple[str, bytes]]:
    hevc, data = heic.coded()
    plain = [hevc, ispe(64, 64)]
    yield "no data", heic.file(Item(1, b"hvc1", b"", plain))
    yield "text as data", heic.file(Item(1, b"hvc1", b"no picture " * 500, plain))
    yield "no properties", heic.file(Item(1, b"hvc1", data))
    yield "of another coding", heic.file(Item(1, b"av01", data, plain))
    yield "jpeg inside", heic.file(Item(1, b"jpeg", drawing.jpeg((64, 64)), [ispe(64, 64)]))
    yield "no such picture", heic.file(Item(1, b"hvc1", data, plain), primary=9)
    for name, numbers in (
        ("zeros", (0,) * 8),
        ("nothing below", (64, 0, 64, 0, 0, 0, 0, 0)),
        ("a huge crop", (2**32 - 1, 1, 2**32 - 1, 1, 0, 1, 0, 1)),
        ("a crop outside", (64, 1, 64, 1, 2**31, 1, 2**31, 1)),
    ):
        yield (
            f"cropped to {name}",
            heic.file(Item(1, b"hvc1", data, [*plain, box(b"clap", struct.pack(">8I", *numbers))])),
        )
    yield "turned by 255", heic.file(Item(1, b"hvc1", data, [*plain, box(b"irot", b"\xff")]))
    yield "turned sixty times", heic.file(Item(1, b"hvc1", data, [*plain, *[box(b"irot", b"\1")] * 60]))
    yield "identical to itself", heic.file(Item(1, b"iden", b"", [ispe(64, 64)], [(b"dimg", [1])]))
    ring = [Item(one, b"iden", b"", [ispe(64, 64)], [(b"dimg", [other])]) for one, other in ((1, 2), (2, 1))]
    yield "two that are each other", heic.file(*ring)
    yield "grid of itself", grid(128, 64, [1, 1], [])
    tile = Item(2, b"hvc1", data, plain)
    yield "grid of one tile ten thousand times", grid(6400, 3000, [2] * 10_000, [tile], columns=100)
    yield "grid with a tile too few", grid(128, 64, [2], [tile], columns=1)[:-1]
    layers = b"\0\0" + bytes(8) + struct.pack(">HH", 8000, 3000) + bytes(4) * 600
    yield (
        "six hundred layers",
        heic.file(Item(1, b"iovl", layers, [ispe(8000, 3000)], [(b"dimg", [2] * 600)]), tile),
    )
    yield (
        "profile that is text",
        heic.file(Item(1, b"hvc1", data, [*plain, box(b"colr", b"prof", b"no profile" * 50)])),
    )
    yield "profile of nothing", heic.file(Item(1, b"hvc1", data, [*plain, box(b"colr", b"prof")]))
    exif = Item(2, b"Exif", b"\xff\xff\xff\xffExif", references=[(b"cdsc", [1])])
    yield "EXIF that begins beyond its end", heic.file(Item(1, b"hvc1", data, plain), exif)
    yield "transparency of its own", transparent(ispe(64, 64))
    yield (
        "six megabytes of EXIF on 200 pictures",
        heic.file(
            *(Item(number, b"hvc1", data, plain) for number in range(1, 201)),
            Item(900, b"Exif", bytes(6 * MEGABYTE), references=[(b"cdsc", list(range(1, 201)))]),
        ),
    )


def odd_beginnings(good: bytes) -> Iterator[tuple[str, bytes]]:
    rest = good[12:]
    yield "only a beginning", good[:24]
    yield "beginning of 4 GB", b"\xff\xff\xff\xffftypheic" + rest
    yield "beginning of length 0", b"\0\0\0\0ftypheic" + rest
    yield "mif1 with nothing behind", b"\0\0\0\x18ftypmif1" + bytes(64)
    nested = b""
    for _ in range(2000):
        nested = box(b"meta", bytes(4), nested)
    yield "two thousand boxes in each other", good[:28] + nested + good[28:]
    yield "a hundred thousand empty boxes", good[:28] + box(b"free") * 100_000 + good[28:]
    yield "mdat of 2^63", good[:28] + struct.pack(">I4sQ", 1, b"mdat", 2**63) + good[28:]


def heif_sequences() -> Iterator[tuple[str, bytes]]:
    good = heic.picture((64, 64))
    for brand in (b"hevc", b"hevx", b"msf1"):
        yield brand.decode(), good[:8] + brand + good[12:]


def heif_collections() -> Iterator[tuple[str, bytes]]:
    frames = [drawing.scene((64, 64), seed=seed) for seed in range(4)]
    yield "of four", heic.several(frames)
    yield "of two hundred and forty", heic.several(frames * 60)


def heif_damaged() -> Iterator[tuple[str, bytes]]:
    """A good picture cut short and with flipped bits, the same each time."""
    dice = random.Random(21)
    good = heic.picture((200, 150))
    for share in range(1, 12):
        yield f"cut at {share}/12", good[: len(good) * share // 12]
    yield "without its last byte", good[:-1]
    described = good.index(b"mdat")
    for number in range(60):
        flipped = bytearray(good)
        # Mostly where the file describes itself, which is where a bit means most.
        end = described if number % 3 else len(good)
        for _ in range(1 + number // 6):
            flipped[dice.randrange(end)] ^= 1 << dice.randrange(8)
        yield f"with flipped bits {number}", bytes(flipped)


GROUPS = (heif_bombs, heif_lies, heif_sequences, heif_collections, heif_damaged)
