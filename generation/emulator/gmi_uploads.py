"""GMI Cloud's uploads: a signed link for a file, the PUT to it, and the address that everybody can read."""

import secrets
import time
from dataclasses import dataclass, field

from generation.emulator.context import Context, delivered
from generation.emulator.http import Response
from generation.emulator.state import Memory
from generation.emulator.studio import BadReference
from generation.wire import gmi_catalog
from generation.wire.messages import ImageBytes, ImageLink

VENDOR = "gmi"
UPLOADS_MAX_BYTES = 256 * 1024 * 1024
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
)


@dataclass
class Upload:
    """A promised file; `data` once it has come. `ends_at` is the link's, by the monotonic clock."""

    content_type: str
    signature: str
    ends_at: float
    data: bytes | None = field(default=None, repr=False)


def promise(context: Context, file_type: str) -> gmi_catalog.Upload:
    """A link for a file of that type, and the address it will have."""
    kinds = {**gmi_catalog.UPLOAD_TYPES, **gmi_catalog.OTHER_UPLOAD_TYPES}
    lifetime = 0 if context.fault.links == "expired" else gmi_catalog.UPLOAD_SECONDS
    upload = Upload(kinds[file_type], secrets.token_hex(16), time.monotonic() + lifetime)
    name = f"{secrets.token_hex(12)}.{file_type}"
    context.memory.kept[VENDOR][name] = upload
    here = f"http://{context.host}/{VENDOR}"
    query = f"X-Goog-Expires={lifetime}&X-Goog-SignedHeaders=content-type%3Bhost"
    return gmi_catalog.Upload(
        f"{here}/uploads/{name}?{query}&X-Goog-Signature={upload.signature}", f"{here}/files/{name}"
    )


def handle(context: Context) -> Response | None:
    """A PUT to a link, or a GET of what was put; None when it is about no file of ours."""
    request = context.request
    folder, _, name = request.path.removeprefix("/").partition("/")
    upload = context.memory.kept[VENDOR].get(name)
    if folder not in ("uploads", "files") or not isinstance(upload, Upload):
        return None
    if folder == "files":
        if request.method != "GET" or upload.data is None:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        return Response(200, upload.data, {"content-type": upload.content_type})
    return delivered(context, _put(context, upload)) if request.method == "PUT" else None


def _put(context: Context, upload: Upload) -> Response:
    """As the storage behind the link does: what was signed must be sent, to the letter."""
    request, sent = context.request, context.request.headers.get("content-type")
    if context.fault.status and context.fault.status >= 400:
        return _refusal(context.fault.status, "Error", context.fault.message or "")
    if "authorization" in request.headers:
        return _refusal(400, "InvalidArgument", "Only one auth mechanism allowed")
    if sent is None:
        return _refusal(400, "MalformedSecurityHeader", "The signed header content-type is missing")
    if sent != upload.content_type or request.query.get("X-Goog-Signature") != upload.signature:
        return _refusal(403, "SignatureDoesNotMatch", "The request signature does not match")
    if upload.ends_at <= time.monotonic():
        return _refusal(400, "ExpiredToken", "The provided token has expired.")
    upload.data = request.body
    _make_room(context.memory)
    return Response(200)


def _make_room(memory: Memory) -> None:
    """Forget the oldest files where they are too many bytes together."""
    uploads = [(name, item) for name, item in memory.kept[VENDOR].items() if isinstance(item, Upload)]
    total = sum(len(item.data or b"") for _, item in uploads)
    for name, item in uploads:
        if total <= UPLOADS_MAX_BYTES:
            return
        total -= len(item.data or b"")
        del memory.kept[VENDOR][name]


def with_uploads(
    memory: Memory, references: tuple[ImageLink | ImageBytes, ...]
) -> tuple[ImageLink | ImageBytes, ...]:
    """The references with our own files in place of their addresses.

    :raises BadReference: nothing was ever put there.
    """
    return tuple(_own(memory, reference) for reference in references)


def _own(memory: Memory, reference: ImageLink | ImageBytes) -> ImageLink | ImageBytes:
    if isinstance(reference, ImageBytes):
        return reference
    upload = memory.kept[VENDOR].get(reference.url.rpartition("/")[2])
    if not isinstance(upload, Upload):
        return reference
    if upload.data is None:
        raise BadReference("nothing was uploaded to its address")
    return ImageBytes(upload.data, upload.content_type)


def _refusal(status: int, code: str, message: str) -> Response:
    body = _ERROR.format(code=code, message=message).encode()
    return Response(status, body, {"content-type": "application/xml; charset=UTF-8"})
