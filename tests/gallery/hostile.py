"""Files that mean harm or are merely broken, each made here from a few lines."""

import base64
import gzip
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from PIL import Image

from tests.gallery import drawing, hostile_avif, hostile_heif

PAYLOAD = b"EASEL-HOSTILE-PAYLOAD<script>alert(1)</script>"
PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
MEGABYTE = 1024 * 1024


def chunk(kind: bytes, data: bytes = b"", *, crc: int | None = None, length: int | None = None) -> bytes:
    size = len(data) if length is None else length
    check = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", size) + kind + data + struct.pack(">I", check)


def header(
    width: int, height: int, *, depth: int = 8, colour: int = 2, interlace: int = 0, crc: int | None = None
) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace), crc=crc)


def png(*chunks: bytes) -> bytes:
    return PNG_MAGIC + b"".join(chunks) + chunk(b"IEND")


def zeros(size: int) -> bytes:
    """So many zero bytes, compressed; made in parts."""
    packer = zlib.compressobj(9)
    parts = [packer.compress(bytes(min(MEGABYTE, size - start))) for start in range(0, size, MEGABYTE)]
    return b"".join(parts) + packer.flush()


def idat(width: int, height: int, *, bytes_a_pixel: int = 3) -> bytes:
    return chunk(b"IDAT", zeros((width * bytes_a_pixel + 1) * height))


def small(*extra: bytes) -> bytes:
    """A good PNG of 64×64 with chunks before its pixels."""
    return png(header(64, 64), *extra, idat(64, 64))


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_segment(jpeg: bytes, marker: int, data: bytes) -> bytes:
    return jpeg[:2] + segment(marker, data) + jpeg[2:]


def resized_jpeg(jpeg: bytes, width: int, height: int, *, precision: int = 8) -> bytes:
    """Another size in its frame header, whatever its data holds."""
    at = next(jpeg.index(mark) for mark in (b"\xff\xc0", b"\xff\xc2") if mark in jpeg)
    return jpeg[: at + 4] + struct.pack(">BHH", precision, height, width) + jpeg[at + 9 :]


def webp(kind: bytes, data: bytes) -> bytes:
    body = b"WEBP" + kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def extended_webp(width: int, height: int, *rest: bytes, flags: int = 0) -> bytes:
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, flags) + size + b"".join(rest)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff_block(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    """EXIF: a little-endian TIFF with one directory of (tag, type, count, value)."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return (
        b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + packed + struct.pack("<I", following)
    )


def bombs() -> Iterator[tuple[str, bytes]]:
    for width, height in (
        (8193, 1), (1, 8193), (8192, 3052), (5001, 5000), (20000, 20000), (65535, 65535), (2**31 - 1, 1),
        (2**31 - 1, 2**31 - 1), (2**32 - 1, 2**32 - 1), (0, 0), (0, 10), (10, 0),
    ):  # fmt: skip
        yield f"png of {width}×{height}", png(header(width, height), idat(100, 100))
    yield (
        "png of 25 million pixels in 3 kB",
        png(header(5000, 5000, depth=1, colour=0), chunk(b"IDAT", zeros(626 * 5000))),
    )
    yield (
        "png of 25 million deep pixels",
        png(header(5000, 5000, depth=16, colour=6), idat(5000, 5000, bytes_a_pixel=8)),
    )
    yield "interlaced png of 25 million pixels, cut", png(header(5000, 5000, interlace=1), idat(5000, 1000))
    yield "png whose pixels unfold to 300 MB", png(header(64, 64), chunk(b"IDAT", zeros(300 * MEGABYTE)))
    yield "zTXt of 300 MB", small(chunk(b"zTXt", b"Comment\0\0" + zeros(300 * MEGABYTE)))
    yield "iTXt of 300 MB", small(chunk(b"iTXt", b"Comment\0\1\0\0\0" + zeros(300 * MEGABYTE)))
    yield "iCCP of 300 MB", small(chunk(b"iCCP", b"icc\0\0" + zeros(300 * MEGABYTE)))
    yield "two hundred zTXt of 1 MB", small(*[chunk(b"zTXt", b"C\0\0" + zeros(MEGABYTE))] * 200)
    yield "a hundred thousand text chunks", small(*[chunk(b"tEXt", b"a\0b")] * 100_000)
    yield "a hundred thousand empty data chunks", png(header(64, 64), *[chunk(b"IDAT")] * 100_000)
    yield "six megabytes of EXIF in a png", small(chunk(b"eXIf", b"II*\0" + bytes(6 * MEGABYTE)))
    photo = drawing.jpeg((64, 64))
    for width, height in ((65535, 65535), (65500, 1), (1, 65500), (8193, 16), (0, 64), (64, 0), (4999, 5000)):
        yield f"jpeg of {width}×{height}", resized_jpeg(photo, width, height)
    yield "progressive jpeg of a thousand scans", many_scans()
    for width, height in ((16384, 16384), (1 << 24, 1 << 24), (8193, 4), (5000, 5000), (4600, 4700)):
        yield f"webp canvas of {width}×{height}", extended_webp(width, height, webp_frame())
    flat = Image.new("RGB", (4600, 4700), "teal")
    yield "webp of 21.6 million pixels in 10 kB", drawing.encoded(flat, "WEBP", lossless=True, method=0)


def webp_frame() -> bytes:
    return drawing.encoded(drawing.scene((64, 64)), "WEBP")[12:]


def many_scans() -> bytes:
    """A progressive picture whose last scan comes a thousand times."""
    data = drawing.encoded(Image.new("L", (3000, 3000), 90), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * 1000 + data[-2:]


def broken_pngs() -> Iterator[tuple[str, bytes]]:
    good = header(64, 64)
    yield "wrong CRC of the header", png(header(64, 64, crc=1), idat(64, 64))
    yield "wrong CRC of the pixels", png(good, chunk(b"IDAT", zeros(193 * 64), crc=1))
    yield "no end", png(good, idat(64, 64))[:-12]
    yield "no pixels", png(good)
    yield "no header", png(idat(64, 64))
    yield "two headers", png(good, header(5000, 5000), idat(64, 64))
    yield "header after the pixels", png(idat(64, 64), good)
    yield "no palette", png(header(64, 64, colour=3), idat(64, 64, bytes_a_pixel=1))
    yield "empty palette", png(header(64, 64, colour=3), chunk(b"PLTE"), idat(64, 64, bytes_a_pixel=1))
    yield "palette of 5000 entries", small(chunk(b"PLTE", bytes(15_000)))
    yield "too long a tRNS", small(chunk(b"tRNS", bytes(5000)))
    yield "too short a tRNS", small(chunk(b"tRNS", b"\0"))
    yield "depth 3", png(header(64, 64, depth=3), idat(64, 64))
    yield "colour type 5", png(header(64, 64, colour=5), idat(64, 64))
    yield "interlace 9", png(header(64, 64, interlace=9), idat(64, 64))
    yield "filter 9", png(good, chunk(b"IDAT", zlib.compress((b"\x09" + bytes(192)) * 64)))
    yield "no zlib", png(good, chunk(b"IDAT", PAYLOAD * 100))
    yield "a chunk of 4 GB", PNG_MAGIC + good + chunk(b"tEXt", b"a\0b", length=2**32 - 1)
    yield "a chunk beyond the end", PNG_MAGIC + good + chunk(b"IDAT", b"abc", length=100_000)
    yield "odd chunk names", small(chunk(b"\0\0\0\0", PAYLOAD), chunk(b"!!!!", PAYLOAD))
    yield "frame control without frames", small(chunk(b"acTL", struct.pack(">II", 0, 0)))
    yield "four billion frames", small(chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0)))
    yield "short animation header", small(chunk(b"acTL", b"\0"))
    yield "gamma of zero", small(chunk(b"gAMA", bytes(4)))
    yield "EXIF that is text", small(chunk(b"eXIf", PAYLOAD))
    yield "profile that is text", small(chunk(b"iCCP", b"icc\0\0" + zlib.compress(PAYLOAD * 10)))
    yield "profile without zlib", small(chunk(b"iCCP", b"icc\0\0" + PAYLOAD))


def broken_jpegs() -> Iterator[tuple[str, bytes]]:
    photo = drawing.jpeg((64, 64))
    yield "only markers", b"\xff\xd8\xff\xd9"
    yield "endless fill bytes", b"\xff\xd8" + b"\xff" * 200_000
    yield "no frame", b"\xff\xd8" + segment(0xFE, PAYLOAD) + b"\xff\xd9"
    yield "twelve bits", resized_jpeg(photo, 64, 64, precision=12)
    yield "arithmetic coding", photo.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield "lossless", photo.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "no tables", photo.replace(b"\xff\xc4", b"\xff\xfe")
    yield "no quantisation", photo.replace(b"\xff\xdb", b"\xff\xfe")
    yield "another frame behind", photo[:-2] + resized_jpeg(photo, 9000, 9000)[2:]
    yield "restart markers only", photo[: photo.index(b"\xff\xda") + 14] + b"\xff\xd0" * 100_000 + b"\xff\xd9"
    yield "odd Adobe transform", with_segment(photo, 0xEE, b"Adobe\0\x64\0\0\0\0\x09")
    yield "EXIF that loops", with_segment(photo, 0xE1, tiff_block((0x8769, 4, 1, 8), following=8))
    yield "EXIF with a huge count", with_segment(photo, 0xE1, tiff_block((0x0112, 2, 2**32 - 1, 8)))
    yield "EXIF orientation 99", with_segment(photo, 0xE1, tiff_block((0x0112, 3, 1, 99)))
    yield "EXIF orientation as text", with_segment(photo, 0xE1, tiff_block((0x0112, 2, 4, 0x41414141)))
    yield "EXIF cut off", with_segment(photo, 0xE1, tiff_block((0x0112, 3, 1, 6))[:-9])
    yield "EXIF that is text", with_segment(photo, 0xE1, b"Exif\0\0" + PAYLOAD)
    yield "profile in part 9 of 3", with_segment(photo, 0xE2, b"ICC_PROFILE\0\x09\x03" + PAYLOAD)
    yield "profile of no parts", with_segment(photo, 0xE2, b"ICC_PROFILE\0\0\0")
    yield "profile with a claimed 4 GB", with_segment(photo, 0xE2, b"ICC_PROFILE\0\1\1" + b"\xff" * 200)
    yield "multi-picture block that is text", with_segment(photo, 0xE2, b"MPF\0" + PAYLOAD)
    yield (
        "multi-picture block that points away",
        with_segment(photo, 0xE2, b"MPF\0" + tiff_block((0xB001, 4, 1, 9), (0xB002, 7, 144, 2**31))[6:]),
    )
    yield "Photoshop block that is text", with_segment(photo, 0xED, b"Photoshop 3.0\x008BIM" + PAYLOAD)


def broken_webps() -> Iterator[tuple[str, bytes]]:
    yield "empty", webp(b"VP8 ", b"")
    yield "text as lossy", webp(b"VP8 ", PAYLOAD)
    yield "text as lossless", webp(b"VP8L", b"\x2f" + PAYLOAD)
    yield "canvas only", extended_webp(64, 64)
    yield "animation without frames", extended_webp(64, 64, flags=2)
    yield "frame larger than its canvas", extended_webp(8, 8, webp_frame())
    yield "4 GB by its own word", b"RIFF\xff\xff\xff\xffWEBP" + webp_frame()
    yield (
        "EXIF that is text",
        extended_webp(64, 64, webp_frame(), b"EXIF" + struct.pack("<I", len(PAYLOAD)) + PAYLOAD, flags=8),
    )
    yield (
        "profile that is text",
        extended_webp(64, 64, b"ICCP" + struct.pack("<I", len(PAYLOAD)) + PAYLOAD, webp_frame(), flags=32),
    )
    yield "RIFF of sound", b"RIFF\x24\0\0\0WAVEfmt " + bytes(100)


def animations() -> Iterator[tuple[str, bytes]]:
    frames = [drawing.scene((40, 40), seed=seed) for seed in range(3)]
    for kind in ("PNG", "WEBP", "GIF"):
        yield kind, drawing.encoded(frames[0], kind, save_all=True, append_images=frames[1:])
    yield (
        "webp of 500 frames",
        drawing.encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:] * 250),
    )


OTHERS = {
    "nothing": b"",
    "one byte": b"\0",
    "text": b"a picture",
    "zeros": bytes(5000),
    "html": b"<!doctype html>" + PAYLOAD,
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg">' + PAYLOAD + b"</svg>",
    "xml": b"<?xml version='1.0'?><a/>",
    "svg bomb": b'<!DOCTYPE s [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><svg>&b;</svg>',
    "script": b"#!/bin/sh\nid\n",
    "program": b"\x7fELF" + bytes(200),
    "heic": b"\0\0\0\x18ftypheic" + bytes(64),
    "avif": b"\0\0\0\x18ftypavif" + bytes(64),
    "mp4": b"\0\0\0\x18ftypmp42" + bytes(64),
    "photoshop": b"8BPS\0\1" + bytes(64),
    "postscript": b"%!PS\n" + PAYLOAD,
    "png magic": PNG_MAGIC,
    "half a png magic": PNG_MAGIC[:4],
    "jpeg magic": b"\xff\xd8\xff",
    "webp magic": b"RIFF\0\0\0\0WEBP",
    "mvg": b"push graphic-context\nfill 'url(https://127.0.0.1/)'\npop graphic-context",
    "json": b'{"a": 1}',
    "data uri": b"data:image/png;base64,AAAA",
    "address": b"http://127.0.0.1/a.png",
    "bom": b"\xef\xbb\xbf" + PNG_MAGIC,
}


def other_files() -> Iterator[tuple[str, bytes]]:
    scene = drawing.scene((64, 64))
    for kind in (
        "GIF",
        "BMP",
        "TIFF",
        "ICO",
        "PPM",
        "TGA",
        "PCX",
        "JPEG2000",
        "DDS",
        "SGI",
        "PDF",
        "EPS",
    ):
        yield kind, drawing.encoded(scene, kind)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("a.png", drawing.png((8, 8)))
    yield "zip", archive.getvalue()
    yield "gzip of a png", gzip.compress(drawing.png((8, 8)))
    yield "base64 of a png", base64.b64encode(drawing.png((8, 8)))
    yield from OTHERS.items()


def polyglots() -> Iterator[tuple[str, bytes]]:
    """Good pictures that are something else as well, or carry something along."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("index.html", PAYLOAD)
    page = b"<html><body>" + PAYLOAD + b"</body></html>"
    for kind in ("PNG", "JPEG", "WEBP"):
        good = drawing.encoded(drawing.scene((80, 60)), kind)
        yield f"{kind} and zip", good + archive.getvalue()
        yield f"{kind} and page", good + page
        yield f"{kind} and a megabyte", good + PAYLOAD * (MEGABYTE // len(PAYLOAD))
        yield f"{kind} and another", good + drawing.png((30, 30)) + PAYLOAD
        yield f"page, then {kind}", page + good
        yield f"pdf, then {kind}", b"%PDF-1.7\n" + PAYLOAD + good
    photo = drawing.jpeg((80, 60))
    yield "JPEG with a page as comment", with_segment(photo, 0xFE, page)
    yield "JPEG with a page as application data", with_segment(photo, 0xE5, page)
    yield "JPEG with a page as XMP", with_segment(photo, 0xE1, b"http://ns.adobe.com/xap/1.0/\0" + page)
    yield "PNG with a page as text", small(chunk(b"tEXt", b"Comment\0" + page))
    yield "PNG with a page as XMP", small(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + page))
    yield "PNG with a page of its own kind", small(chunk(b"prVt", page))
    yield (
        "PNG with a page as profile name",
        small(chunk(b"iCCP", PAYLOAD[:30] + b"\0\0" + zlib.compress(page))),
    )
    yield (
        "PNG with a page behind its pixels",
        png(header(64, 64), idat(64, 64), chunk(b"tEXt", b"a\0" + page)),
    )


def damaged() -> Iterator[tuple[str, bytes]]:
    """Good pictures cut short and with flipped bits, the same each time."""
    dice = random.Random(20)
    for kind in ("PNG", "JPEG", "WEBP"):
        good = drawing.encoded(drawing.scene((200, 150)), kind)
        for share in range(1, 12):
            yield f"{kind} cut at {share}/12", good[: len(good) * share // 12]
        yield f"{kind} without its last byte", good[:-1]
        for number in range(12):
            flipped = bytearray(good)
            for _ in range(number + 1):
                flipped[dice.randrange(len(flipped))] ^= 1 << dice.randrange(8)
            yield f"{kind} with flipped bits {number}", bytes(flipped)


def all_files() -> list[tuple[str, bytes]]:
    groups = (
        bombs,
        broken_pngs,
        broken_jpegs,
        broken_webps,
        animations,
        other_files,
        polyglots,
        damaged,
        *hostile_heif.GROUPS,
        *hostile_avif.GROUPS,
    )
    return [(f"{group.__name__}: {name}", data) for group in groups for name, data in group()]
