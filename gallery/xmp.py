"""What a picture's file says of itself: XMP by the IPTC Photo Metadata Standard, set between its parts.

Only the standard library, and no pixel is decoded. A file is never copied for it: `splice` answers pieces,
some new and some of the file, that are served one after the other.

Names are those of the IPTC Photo Metadata Standard 2025.1 (iptc.org, "Photo Metadata Specification" and its
TechReference of November 2025): `Iptc4xmpExt:DigitalSourceType` with a term of the NewsCodes vocabulary
`digitalsourcetype`, and `Iptc4xmpExt:AIPromptInformation`, "the information that was given to the generative
AI service as prompts". The prompt is the description, too, as hardly a program knows the newer field yet.
"""

import re
import zlib
from dataclasses import dataclass
from typing import BinaryIO
from xml.sax.saxutils import escape

from gallery import containers
from gallery.containers import JPEG_APP1, JPEG_APP13, CannotFollow, Container, Part

MADE = "made"
"""By a model trained on pictures, from words alone."""
EDITED = "edited"
"""By such a model, from pictures given with the words."""
DRAWN = "drawn"
"""By a program that was trained on nothing, as the emulator is."""

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
SOURCE_TYPES = {
    MADE: f"{_TERMS}trainedAlgorithmicMedia",
    EDITED: f"{_TERMS}compositeWithTrainedAlgorithmicMedia",
    DRAWN: f"{_TERMS}algorithmicMedia",
}

PROMPT_BYTES_MAX = 20_000
"""Of a prompt as it is written. It stands there twice, and a JPEG's segment holds 65,533 bytes."""
CAPTION_BYTES_MAX = 2000
"""What IIM allows a caption."""

_TOOLKIT = 'x:xmptk="Easel"'
_JPEG_HEADER = b"http://ns.adobe.com/xap/1.0/\x00"
_JPEG_SEGMENT_MAX = 65_533
_PNG_KEYWORD = b"XML:com.adobe.xmp\x00"
_PHOTOSHOP = b"Photoshop 3.0\x00"
_PROGRAM = b"Easel"
# What XML 1.0 has no way to write.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_END = b"</rdf:RDF>"
_WEBP_HAS_ALPHA, _WEBP_HAS_XMP = 0x10, 0x04


@dataclass(frozen=True)
class Facts:
    """What is to be said: how it came about, by one of `SOURCE_TYPES`; the prompt; the generation's id."""

    source_type: str = ""
    prompt: str = ""
    generation_id: str = ""

    def __bool__(self) -> bool:
        return bool(self.source_type or self.prompt or self.generation_id)


NOTHING = Facts()


@dataclass(frozen=True)
class Span:
    """Bytes of the file, from `start` up to `end`."""

    start: int
    end: int


Piece = bytes | Span


def packet(facts: Facts) -> bytes:
    """The XMP packet, at most some 42 kB. What can't be written is left out, and a long prompt is cut."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/" {_TOOLKIT}>'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f"{_description(_properties(facts))}</rdf:RDF></x:xmpmeta>"
        '<?xpacket end="w"?>'
    ).encode()


def splice(file: BinaryIO, facts: Facts) -> list[Piece]:
    """The file with the facts in it, as pieces. A packet of ours is replaced, another's is added to.

    The file stays as it is, as one piece, where it has signed Content Credentials, which a change would
    break, or a packet that can't be added to, and where its parts can't be followed.
    """
    file.seek(0, 2)
    whole: list[Piece] = [Span(0, file.tell())]
    try:
        container = containers.look(file)
        if not facts or containers.holds_credentials(file, container):
            return whole
        return _SPLICERS[container.content_type](file, container, facts)
    except (CannotFollow, _CannotAdd):
        return whole


def embed(file: BinaryIO, facts: Facts) -> bytes:
    """The same at once, for a file that memory may hold."""
    return b"".join(taken(file, piece) for piece in splice(file, facts))


def taken(file: BinaryIO, piece: Piece) -> bytes:
    """The bytes of a piece."""
    if isinstance(piece, bytes):
        return piece
    file.seek(piece.start)
    return file.read(piece.end - piece.start)


class _CannotAdd(Exception):
    """Another's packet that can't be added to."""


# --- The packet -----------------------------------------------------------------------------------


def _properties(facts: Facts) -> dict[str, str]:
    found = {}
    if facts.source_type:
        found["Iptc4xmpExt:DigitalSourceType"] = SOURCE_TYPES[facts.source_type]
    if prompt := _written(facts.prompt):
        alternative = f'<rdf:Alt><rdf:li xml:lang="x-default">{prompt}</rdf:li></rdf:Alt>'
        found["dc:description"] = alternative
        found["Iptc4xmpExt:AIPromptInformation"] = prompt
    if facts.generation_id:
        found["dc:identifier"] = f"urn:uuid:{escape(facts.generation_id)}"
    return found


def _description(properties: dict[str, str]) -> str:
    elements = "".join(f"<{name}>{value}</{name}>" for name, value in properties.items())
    return (
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">'
        f"{elements}</rdf:Description>"
    )


def _written(text: str) -> str:
    """The text as XML, cut where it is longer than its share."""
    # A carriage return would be read as a new line.
    kept = _UNWRITABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    whole = escape(kept)
    if len(whole.encode()) <= PROMPT_BYTES_MAX:
        return whole
    left = PROMPT_BYTES_MAX - len("…".encode())
    for place, character in enumerate(kept):
        left -= len(escape(character).encode())
        if left < 0:
            return escape(kept[:place]) + "…"
    return whole


def _packet_beside(theirs: bytes, facts: Facts) -> bytes:
    """The packet in place of one that is there: ours anew, or theirs with what it doesn't say itself."""
    if _TOOLKIT.encode() in theirs[:400]:
        return packet(facts)
    # A pointer to credentials kept elsewhere, which are of this very file.
    if theirs.count(_END) != 1 or b"provenance" in theirs:
        raise _CannotAdd
    new = {
        name: value
        for name, value in _properties(facts).items()
        if name.partition(":")[2].encode() not in theirs
    }
    before, end, after = theirs.partition(_END)
    return before + _description(new).encode() + end + after if new else theirs


# --- The files ------------------------------------------------------------------------------------


def _without(container: Container, dropped: set[Part], *, begin: int, end: int) -> list[Piece]:
    """The file from `begin` to `end` without some of its parts, in as few pieces as can be."""
    pieces: list[Piece] = []
    for part in container.parts:
        if part in dropped and begin <= part.start < end:
            if begin < part.start:
                pieces.append(Span(begin, part.start))
            begin = part.end
    if begin < end:
        pieces.append(Span(begin, end))
    return pieces


def _the_one(file: BinaryIO, found: list[Part], facts: Facts, skip: int) -> bytes:
    """The packet to be written, beside the one that is there."""
    if not found:
        return packet(facts)
    if len(found) > 1:
        raise _CannotAdd
    return _packet_beside(containers.payload(file, found[0])[skip:], facts)


def _png(file: BinaryIO, container: Container, facts: Facts) -> list[Piece]:
    found = [
        part
        for part in container.parts
        if part.name == "iTXt" and containers.payload(file, part, len(_PNG_KEYWORD)).startswith(_PNG_KEYWORD)
    ]
    # Not packed, of no language, under no other name.
    plain = _PNG_KEYWORD + b"\x00\x00\x00\x00"
    if any(not containers.payload(file, part, len(plain)).startswith(plain) for part in found):
        raise _CannotAdd
    body = b"iTXt" + plain + _the_one(file, found, facts, len(plain))
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    head = container.parts[0].end
    return [Span(0, head), chunk, *_without(container, set(found), begin=head, end=container.size)]


def _jpeg(file: BinaryIO, container: Container, facts: Facts) -> list[Piece]:
    found = _starting(file, container, JPEG_APP1, _JPEG_HEADER)
    if _starting(file, container, JPEG_APP1, b"http://ns.adobe.com/xmp/extension/"):
        raise _CannotAdd
    body = _JPEG_HEADER + _the_one(file, found, facts, len(_JPEG_HEADER))
    if len(body) > _JPEG_SEGMENT_MAX:
        raise _CannotAdd
    new = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
    captions = _starting(file, container, JPEG_APP13, _PHOTOSHOP)
    ours = {part for part in captions if _of_ours(containers.payload(file, part))}
    if facts.prompt and len(ours) == len(captions):
        new += _caption(facts.prompt)
    # JFIF and Exif want to be first.
    head = 2
    for part in container.parts:
        first = containers.payload(file, part, 5)
        if part.name == "APP0" or (part.name == JPEG_APP1 and first == b"Exif\x00"):
            head = part.end
        else:
            break
    dropped = {*found, *ours}
    return [
        *_without(container, dropped, begin=0, end=head),
        new,
        *_without(container, dropped, begin=head, end=container.size),
    ]


def _starting(file: BinaryIO, container: Container, name: str, start: bytes) -> list[Part]:
    return [
        part
        for part in container.parts
        if part.name == name and containers.payload(file, part, len(start)) == start
    ]


def _caption(prompt: str) -> bytes:
    """The prompt as IIM's caption, for programs that read no XMP; in UTF-8, as 1:90 says."""
    text = _UNWRITABLE.sub("", prompt).encode()[:CAPTION_BYTES_MAX].decode(errors="ignore").encode()
    sets = ((1, 90, b"\x1b%G"), (2, 65, _PROGRAM), (2, 120, text))
    records = b"".join(
        bytes((0x1C, record, number)) + len(value).to_bytes(2, "big") + value
        for record, number, value in sets
    )
    block = b"8BIM\x04\x04\x00\x00" + len(records).to_bytes(4, "big") + records
    body = _PHOTOSHOP + block + b"\x00" * (len(records) % 2)
    return b"\xff\xed" + (len(body) + 2).to_bytes(2, "big") + body


def _of_ours(resources: bytes) -> bool:
    return b"\x1c\x02\x41" + len(_PROGRAM).to_bytes(2, "big") + _PROGRAM in resources[:100]


def _webp(file: BinaryIO, container: Container, facts: Facts) -> list[Piece]:
    found = [part for part in container.parts if part.name == "XMP "]
    body = _the_one(file, found, facts, 0)
    chunk = b"XMP " + len(body).to_bytes(4, "little") + body + b"\x00" * (len(body) % 2)
    header, begin = _extended_header(file, container)
    end = container.parts[-1].end
    # A last chunk of odd length may lack the byte that fills it.
    fill = b"\x00" * (end % 2)
    kept = _without(container, set(found), begin=begin, end=end)
    length = sum(piece.end - piece.start for piece in kept if isinstance(piece, Span))
    size = 4 + len(header) + length + len(fill) + len(chunk)
    return [b"RIFF" + size.to_bytes(4, "little") + b"WEBP" + header, *kept, fill + chunk]


def _extended_header(file: BinaryIO, container: Container) -> tuple[bytes, int]:
    """The chunk `VP8X` that says there is XMP, and where what follows it begins in the file."""
    if not container.parts:
        raise CannotFollow("nothing in it")
    first = container.parts[0]
    start = containers.payload(file, first, 10)
    if len(start) < 10 and first.name != "VP8L":
        raise CannotFollow("cut off")
    if first.name == "VP8X":
        content, begin = bytes((start[0] | _WEBP_HAS_XMP,)) + start[1:], first.end
    elif first.name == "VP8L":
        bits = int.from_bytes(start[1:5], "little")
        has_alpha = _WEBP_HAS_ALPHA if bits >> 28 & 1 else 0
        content = _canvas(has_alpha, bits & 0x3FFF, bits >> 14 & 0x3FFF)
        begin = first.start
    elif first.name == "VP8 ":
        width, height = (int.from_bytes(start[at : at + 2], "little") & 0x3FFF for at in (6, 8))
        content, begin = _canvas(0, width - 1, height - 1), first.start
    else:
        raise CannotFollow("no picture in it")
    return b"VP8X" + len(content).to_bytes(4, "little") + content, begin


def _canvas(flags: int, width_less_one: int, height_less_one: int) -> bytes:
    sizes = width_less_one.to_bytes(3, "little") + height_less_one.to_bytes(3, "little")
    return bytes((flags | _WEBP_HAS_XMP, 0, 0, 0)) + sizes


_SPLICERS = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}
