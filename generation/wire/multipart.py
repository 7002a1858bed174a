"""`multipart/form-data` (RFC 7578), written and read: bounded, and strict about where a part ends."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from generation.wire.errors import WireError
from generation.wire.reading import as_text

CONTENT_TYPE = "multipart/form-data"
# Sixteen pictures, a mask, some twenty fields, and as many that nobody knows.
PARTS_MAX = 100
HEAD_MAX_BYTES = 8 * 1024
BOUNDARY_MAX = 70

_BOUNDARY = re.compile(r""";\s*boundary=(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))\s*(?=;|$)""", re.IGNORECASE)
_BOUNDARY_CHARACTERS = re.compile(r"[0-9A-Za-z'()+_,./:=? -]*[0-9A-Za-z'()+_,./:=?-]")
_PARAMETER = re.compile(r""";\s*(name|filename)(\*?)=(?:"((?:\\.|[^"\\])*)"|([^\s;"]*))""", re.IGNORECASE)
# As browsers write what a quoted name cannot hold; nothing else is escaped, not even the per cent sign.
_ESCAPES = {'"': "%22", "\r": "%0D", "\n": "%0A"}
_AS_IT_IS = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True)
class Part:
    """One field. A file has a file name, perhaps an empty one; a plain value has None."""

    name: str
    data: bytes = field(repr=False)
    filename: str | None = None
    content_type: str = ""

    @property
    def text(self) -> str | None:
        """The value as text; None when it is none."""
        try:
            return self.data.decode()
        except UnicodeDecodeError:
            return None


@dataclass(frozen=True)
class Form:
    """A body, and the content type that says where its parts end."""

    body: bytes = field(repr=False)
    content_type: str


def encode(parts: Iterable[Part]) -> Form:
    """The parts as one body, the same for the same parts; the boundary occurs in none of them.

    :raises WireError: a content type that would be more than one header.
    """
    parts = tuple(parts)
    boundary = _free_boundary(parts)
    pieces: list[bytes] = []
    for part in parts:
        pieces += [b"--", boundary, b"\r\n", _encode_head(part), b"\r\n\r\n", part.data, b"\r\n"]
    pieces += [b"--", boundary, b"--\r\n"]
    return Form(b"".join(pieces), f"{CONTENT_TYPE}; boundary={boundary.decode()}")


def _free_boundary(parts: tuple[Part, ...]) -> bytes:
    # The beginning of each part is enough to start from: what counts is the search that follows.
    seed = hashlib.sha256()
    for part in parts:
        seed.update(b"%d %b" % (len(part.data), part.data[:64]))
    while True:
        boundary = b"form-" + seed.hexdigest()[:40].encode()
        if not any(boundary in part.data for part in parts):
            return boundary
        seed.update(b"again")


def _encode_head(part: Part) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
    if part.filename is not None:
        head += f'; filename="{_quoted(part.filename)}"'
    if part.content_type:
        if not (part.content_type.isascii() and part.content_type.isprintable()):
            raise WireError("the content type of a part is no header")
        head += f"\r\nContent-Type: {part.content_type}"
    return head.encode("utf-8", "replace")


def _quoted(text: str) -> str:
    for character, escape in _ESCAPES.items():
        text = text.replace(character, escape)
    return text.replace("\\", "\\\\")


def decode(body: bytes, content_type: str) -> tuple[Part, ...]:
    """The parts of a body.

    :raises WireError: it is no multipart form, a part has no name or another encoding, it breaks off, or it
        has more parts or longer heads than any client sends.
    """
    return tuple(_decode_part(chunk) for chunk in _chunks(body, boundary_of(content_type)))


def is_form(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == CONTENT_TYPE


def boundary_of(content_type: str) -> bytes:
    """The boundary that a content type names.

    :raises WireError: it is not that of a multipart form, or names none.
    """
    if not is_form(content_type):
        raise WireError(f"not {CONTENT_TYPE}")
    match = _BOUNDARY.search(content_type[:1_000])
    boundary = (match[1] or match[2]) if match else ""
    if not _BOUNDARY_CHARACTERS.fullmatch(boundary):
        raise WireError("the content type names no boundary")
    return boundary.encode()


def _chunks(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between two delimiters, heads included."""
    line, delimiter = b"--" + boundary, b"\r\n--" + boundary
    at = len(line) if body.startswith(line) else _after(body, delimiter, 0)
    for _ in range(PARTS_MAX):
        if body.startswith(b"--", at):
            return
        # White space may follow a delimiter; a line that only begins like one is a part of nothing.
        start = body.find(b"\r\n", at)
        if start < 0 or body[at : min(start, at + 100)].strip(b" \t"):
            raise WireError("a delimiter has no end of line")
        end = _after(body, delimiter, start + 2)
        yield body[start + 2 : end - len(delimiter)]
        at = end
    if not body.startswith(b"--", at):
        raise WireError(f"more than {PARTS_MAX} parts")


def _after(body: bytes, delimiter: bytes, start: int) -> int:
    found = body.find(delimiter, start)
    if found < 0:
        raise WireError("the body has no closing delimiter")
    return found + len(delimiter)


def _decode_part(chunk: bytes) -> Part:
    end = chunk.find(b"\r\n\r\n", 0, HEAD_MAX_BYTES)
    if end < 0:
        raise WireError("a part has no end of its head")
    headers: dict[str, str] = {}
    for line in chunk[:end].decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    if headers.get("content-transfer-encoding", "").lower() not in _AS_IT_IS:
        raise WireError("a part has a transfer encoding")
    named = _parameters(headers.get("content-disposition", ""))
    if "name" not in named:
        raise WireError("a part has no name")
    content_type = as_text(headers.get("content-type", ""), 100)
    return Part(named["name"], chunk[end + 4 :], named.get("filename"), content_type)


def _parameters(disposition: str) -> dict[str, str]:
    if disposition.partition(";")[0].strip().lower() != "form-data":
        return {}
    found: dict[str, str] = {}
    for match in _PARAMETER.finditer(disposition):
        name, value = match[1].lower(), match[3] if match[3] is not None else match[4]
        if match[2]:
            # RFC 5987, as some clients write names that are not ASCII: it goes before the plain one.
            found[name] = as_text(unquote(value.rpartition("'")[2]), 1_000)
        else:
            found.setdefault(name, as_text(_unquoted(value), 1_000))
    return found


def _unquoted(text: str) -> str:
    text = re.sub(r'\\(["\\])', r"\1", text)
    for character, escape in _ESCAPES.items():
        text = text.replace(escape, character)
    return text
