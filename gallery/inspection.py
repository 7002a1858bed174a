"""What one look at a picture tells, and its form on the pipe between us and the process that decodes.

Only the standard library: the decoding process starts without Django, and we do without Pillow.
"""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO

CONTENT_TYPES = ("image/png", "image/jpeg", "image/webp")
CODES = ("not_a_picture", "too_many_pixels", "animated", "unreadable", "does_not_fit")
HEADER_BYTES_MAX = 16 * 1024
"""Length of a header line; the longest real one is under 2 kB."""
BLOB_BYTES_MAX = 64 * 1024 * 1024
"""All blobs of one message together: the largest picture let in, three renditions and room."""

# Brands of stills and of sequences coded as HEVC, by the first four letters after `ftyp`.
_HEIC = {b"heic", b"heix", b"heim", b"heis"}
_HEIC_SEQUENCE = {b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF = {b"avif": "image/avif", b"avis": "image/avif-sequence"}
# The general brands stand before other codings too.
_HEIF = {b"mif1": "image/heif", b"msf1": "image/heif-sequence"}


class CannotRead(Exception):
    """The bytes are no picture we take in, or cannot be made what is asked.

    `code` is one of `CODES`; `width` and `height` are pixels where the file names them, else 0.
    """

    def __init__(self, code: str, *, width: int = 0, height: int = 0) -> None:
        super().__init__(code)
        self.code = code
        self.width = width
        self.height = height


@dataclass(frozen=True)
class SmallCopy:
    """A WebP rendition. `size` is the longer side asked for, `width` and `height` what it came to, pixels."""

    size: int
    width: int
    height: int
    data: bytes


@dataclass(frozen=True)
class Inspection:
    """A picture that decoded whole.

    `width` and `height` are pixels of the upright picture. `placeholder` is a data URI under 400
    characters, `colour` is `#rrggbb`, `signature` is 16×16 RGB bytes row by row, `palette` and
    `difference_hash` are as `likeness` makes them of it. `blank` means
    practically one colour. `encoded` is the picture written anew, or None when its bytes are kept;
    `content_type` is that of what is to be stored.
    """

    content_type: str
    width: int
    height: int
    placeholder: str
    colour: str
    signature: bytes
    palette: tuple[tuple[str, int], ...]
    difference_hash: int
    blank: bool
    encoded: bytes | None
    copies: tuple[SmallCopy, ...]


class BrokenMessage(Exception):
    """What came through the pipe is not a message of ours."""


def sniffed(data: bytes) -> str:
    """The type a file begins like, whatever it is called; `""` for one that isn't told of here.

    `image/png`, `image/jpeg`, `image/webp`, `image/avif`, `image/heic`, `image/heif`, and the last three
    with `-sequence` for what moves. It promises nothing of what follows.
    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return _sniffed_heif(data) if data[4:8] == b"ftyp" else ""


def _sniffed_heif(data: bytes) -> str:
    brand = data[8:12]
    if brand in _HEIC:
        return "image/heic"
    if brand in _HEIC_SEQUENCE:
        return "image/heic-sequence"
    if brand in _AVIF:
        return _AVIF[brand]
    others = data[16 : min(int.from_bytes(data[:4]), 256)]
    found = _HEIF.get(brand, "")
    is_avif = b"heic" not in others and any(one in others for one in _AVIF)
    return found.replace("heif", "avif") if is_avif else found


def pack(header: dict[str, Any], *blobs: bytes) -> bytes:
    """One message: a JSON line that gives the blobs' lengths, then the blobs."""
    line = json.dumps({**header, "lengths": [len(blob) for blob in blobs]})
    return b"".join((line.encode(), b"\n", *blobs))


def blob_lengths(header: Any) -> list[int]:
    """The lengths a header announces.

    :raises BrokenMessage: when they are none we would send.
    """
    lengths = header.get("lengths") if isinstance(header, dict) else None
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise BrokenMessage("no lengths")
    if sum(lengths) > BLOB_BYTES_MAX:
        raise BrokenMessage("too long")
    return lengths


def parse_header(line: bytes) -> dict[str, Any]:
    """:raises BrokenMessage: when the line is not a header of ours."""
    try:
        header = json.loads(line)
    except ValueError as error:
        raise BrokenMessage("not JSON") from error
    blob_lengths(header)
    return dict(header)


def read_message(stream: BinaryIO) -> tuple[dict[str, Any], list[bytes]] | None:
    """The next message of a blocking stream; None at its end.

    :raises BrokenMessage: when it ends in the middle of one, or holds something else.
    """
    line = stream.readline(HEADER_BYTES_MAX)
    if not line:
        return None
    header = parse_header(line)
    return header, [_exactly(stream.read, length) for length in blob_lengths(header)]


def _exactly(read: Callable[[int], bytes], length: int) -> bytes:
    blob = read(length)
    if len(blob) != length:
        raise BrokenMessage("cut off")
    return blob


def pack_inspection(inspection: Inspection) -> bytes:
    header = {
        "content_type": inspection.content_type,
        "width": inspection.width,
        "height": inspection.height,
        "placeholder": inspection.placeholder,
        "colour": inspection.colour,
        "signature": base64.b64encode(inspection.signature).decode(),
        "palette": inspection.palette,
        "difference_hash": inspection.difference_hash,
        "blank": inspection.blank,
        "kept": inspection.encoded is None,
        "copies": [[copy.size, copy.width, copy.height] for copy in inspection.copies],
    }
    return pack(header, inspection.encoded or b"", *(copy.data for copy in inspection.copies))


def pack_refusal(refusal: CannotRead) -> bytes:
    return pack({"refused": refusal.code, "width": refusal.width, "height": refusal.height})


def unpack_answer(header: dict[str, Any], blobs: list[bytes]) -> Inspection:
    """What the decoding process found.

    :raises CannotRead: when it refused the picture.
    :raises BrokenMessage: when the answer is not one of ours.
    """
    raise_refusal(header)
    try:
        return _inspection(header, blobs)
    except (KeyError, ValueError, TypeError) as error:
        raise BrokenMessage("not an answer") from error


def raise_refusal(header: dict[str, Any]) -> None:
    """:raises CannotRead: when the answer is a refusal. :raises BrokenMessage: when it is none of ours."""
    if "refused" not in header:
        return
    try:
        refusal = CannotRead(header["refused"], width=int(header["width"]), height=int(header["height"]))
    except (KeyError, ValueError, TypeError) as error:
        raise BrokenMessage("not an answer") from error
    if refusal.code not in CODES:
        raise BrokenMessage("unknown refusal")
    raise refusal


def _inspection(header: dict[str, Any], blobs: list[bytes]) -> Inspection:
    if header["content_type"] not in CONTENT_TYPES:
        raise BrokenMessage("unknown content type")
    encoded, *copies = blobs
    return Inspection(
        content_type=header["content_type"],
        width=int(header["width"]),
        height=int(header["height"]),
        placeholder=str(header["placeholder"]),
        colour=str(header["colour"]),
        signature=base64.b64decode(header["signature"], validate=True),
        palette=tuple((str(colour), int(share)) for colour, share in header["palette"]),
        difference_hash=int(header["difference_hash"]),
        blank=bool(header["blank"]),
        encoded=None if header["kept"] else encoded,
        copies=tuple(
            SmallCopy(size=int(size), width=int(width), height=int(height), data=data)
            for (size, width, height), data in zip(header["copies"], copies, strict=True)
        ),
    )
