"""1min.ai, `POST /api/assets`: how a reference gets there, in a form with one part, `asset`."""

import hashlib
import json
import re
from dataclasses import dataclass, field

from generation.wire.errors import WireError
from generation.wire.reading import URL_MAX, as_object, as_text, parse_object

PATH = "/api/assets"
PART = "asset"
ASSET_MAX_BYTES = 50 * 1024 * 1024

_BOUNDARY = re.compile(r"multipart/form-data\b.*?;\s*boundary=(?:\"([^\"]{1,200})\"|([^\s;\"]{1,200}))", re.I)
_NAME = re.compile(r"(?<![\w*])name=(?:\"([^\"]*)\"|([^\s;]*))", re.I)
_FILE_NAME = re.compile(r"filename=(?:\"([^\"]*)\"|([^\s;]*))", re.I)
_TYPE = re.compile(r"^content-type:[ \t]*([^\r\n;]*)", re.I | re.M)


@dataclass(frozen=True)
class Asset:
    """A file to be uploaded; its content type is a claim."""

    name: str
    content_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Form:
    """A body and its content type, which names the boundary."""

    body: bytes = field(repr=False)
    content_type: str


def encode_upload(asset: Asset) -> Form:
    """The form that uploads one file. Its boundary is made of the file, which cannot hold its own digest.

    :raises ValueError: a name or a type that would end its header.
    """
    if any(not one.isprintable() or '"' in one for one in (asset.name, asset.content_type)):
        raise ValueError("a name or a type with quotes or line breaks")
    boundary = f"easel-{hashlib.sha256(asset.data).hexdigest()}"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="{PART}"; filename="{asset.name}"\r\n'
        f"Content-Type: {asset.content_type}\r\n\r\n"
    )
    body = b"".join((head.encode(), asset.data, f"\r\n--{boundary}--\r\n".encode()))
    return Form(body, f"multipart/form-data; boundary={boundary}")


def decode_upload(form: Form) -> Asset:
    """The file in a form, from any client.

    :raises WireError: no such form, or no part called `asset` that is a file.
    """
    match = _BOUNDARY.match(form.content_type)
    if match is None:
        raise WireError("not multipart/form-data with a boundary")
    edge = b"--" + (match[1] or match[2]).encode("utf-8", "replace")
    for part in (b"\r\n" + form.body).split(b"\r\n" + edge)[1:]:
        if part.startswith(b"--"):
            break
        head, gap, data = part.partition(b"\r\n\r\n")
        text = head.decode("utf-8", "replace")
        name, file_name = _NAME.search(text), _FILE_NAME.search(text)
        if gap and name and file_name and (name[1] or name[2]) == PART:
            kind = _TYPE.search(text)
            return Asset(file_name[1] or file_name[2] or "", kind[1].strip() if kind else "", data)
    raise WireError(f"no file called {PART}")


def encode_uploaded(key: str, asset: Asset, *, created_at: str) -> bytes:
    """The answer to an upload that is now kept under `key`."""
    name = key.rpartition("/")[2]
    body = {
        "asset": {
            "fieldname": PART,
            "originalname": asset.name,
            "mimetype": asset.content_type,
            "size": len(asset.data),
            "bucket": "b",
            "key": key,
            "location": f"https://b.s3.example.test/{key}",
            "etag": f'"{hashlib.sha256(asset.data).hexdigest()[:32]}"',
            "metadata": {},
        },
        "fileContent": {
            "uuid": hashlib.sha256(key.encode()).hexdigest()[:32],
            "path": key,
            "type": asset.content_type.partition("/")[2],
            "name": name,
            "status": "ACTIVE",
            "createdAt": created_at,
        },
    }
    return json.dumps(body).encode()


def decode_uploaded(body: bytes) -> str:
    """The key under which an upload is kept: `fileContent.path`, else `asset.key`.

    :raises WireError: the answer names none.
    """
    fields = parse_object(body)
    places = (as_object(fields.get("fileContent")).get("path"), as_object(fields.get("asset")).get("key"))
    key = next((text for text in (as_text(one, URL_MAX) for one in places) if text.strip()), "")
    if not key:
        raise WireError("no key of the upload")
    return key
