"""Reference pictures on their way to GMI Cloud: a signed link, a PUT without the key, a public address.

The link is an address that an answer names, so it is not trusted: see `may_receive`. Whatever goes wrong here
goes wrong before the paid request, and so is not accepted.
"""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

import httpx

from generation.providers.base import ImageBytes, ImageLink
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.exchange import NotSent, Reply, Unanswered, exchange
from generation.providers.http import retry_after
from generation.wire import gmi_catalog, gmi_errors
from generation.wire.errors import WireError
from generation.wire.messages import Meaning

# What the queue can be given, by content type.
FILE_TYPES: Mapping[str, str] = {"image/png": "png", "image/jpeg": "jpeg"}

# Two parts or more, the last beginning with a letter: no address in any spelling, no machine's own name.
_PUBLIC_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,62})\.)+[a-z][a-z0-9-]{1,62}")
_PRIVATE_ENDS = (".localhost", ".local", ".internal", ".intranet", ".lan", ".home.arpa")


class Uploads:
    """Uploads for one provider. `client` carries the PUT, `vendor` the calls with the key."""

    def __init__(
        self, vendor: httpx.AsyncClient, client: httpx.AsyncClient, *, origin: str, key: str
    ) -> None:
        self._vendor, self._client = vendor, client
        self._url = origin + gmi_catalog.UPLOADS
        self._origin, self._key = urlsplit(origin), key

    async def upload(self, picture: ImageBytes, *, headers: Mapping[str, str], deadline: float) -> ImageLink:
        """Store one picture at the vendor's; `headers` hold the key, `deadline` is the loop's time.

        :raises Refused: it is of a type that cannot be uploaded.
        :raises NotAccepted: anything else.
        """
        file_type = FILE_TYPES.get(picture.content_type)
        if file_type is None:
            raise Refused(Code.INVALID, vendor_text="GMI Cloud takes references as PNG or JPEG only")
        asked = await _exchange(
            self._vendor,
            "POST",
            self._url,
            {"Content-Type": "application/json", **headers},
            gmi_catalog.encode_upload_request(file_type),
            deadline,
        )
        place = self._place(asked)
        if not may_receive(place.upload_url, self._origin):
            raise NotAccepted(Code.ERROR, vendor_text="the upload link leads where no picture may be sent")
        content_type = gmi_catalog.UPLOAD_TYPES[file_type]
        put = await _exchange(
            self._client, "PUT", place.upload_url, {"Content-Type": content_type}, picture.data, deadline
        )
        if not put.is_success:
            raise NotAccepted(Code.ERROR, vendor_text=f"the upload of a reference was answered {put.status}")
        return ImageLink(place.public_url, content_type)

    def _place(self, reply: Reply) -> gmi_catalog.Upload:
        if not reply.is_success:
            raise self._error(reply)
        try:
            return gmi_catalog.decode_upload(reply.body)
        except WireError as error:
            raise NotAccepted(Code.UNREADABLE) from error

    def _error(self, reply: Reply) -> NotAccepted:
        """Nothing has been paid for yet, so another try or another provider is safe whatever was said."""
        answer = gmi_errors.decode_error(reply.status, reply.body)
        meaning = gmi_errors.meaning(answer)
        wait = answer.retry_after_seconds
        if wait is None:
            wait = retry_after(reply.headers.get("retry-after"))
        error = to_error(meaning, answer, key=self._key, retry_after_seconds=wait)
        if isinstance(error, NotAccepted) and meaning is not Meaning.UNKNOWN_MODEL:
            return error
        return NotAccepted(
            Code.ERROR if meaning is Meaning.UNKNOWN_MODEL else error.code,
            final_for_provider=not isinstance(error, OutcomeUnknown),
            vendor_text=clean(answer.message, key=self._key),
        )


async def _exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes,
    deadline: float,
) -> Reply:
    """One step before the paid request.

    :raises NotAccepted: it broke, or there is no time left.
    """
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise NotAccepted(Code.TIMEOUT)
    try:
        return await exchange(client, method, url, headers=headers, content=content, deadline_seconds=left)
    except NotSent as error:
        raise NotAccepted(Code.UNREACHABLE) from error
    except Unanswered as error:
        raise NotAccepted(Code.TIMEOUT if error.late else Code.ERROR) from error


def may_receive(url: str, origin: SplitResult) -> bool:
    """Whether a picture may be PUT to an address that the vendor's answer names.

    To the provider's own origin always: that is where the operator sent us. Else only https, on its own port,
    without user info, to a public name. A name may still resolve to a private address; a server there would
    have to prove, by certificate, to be the name it was asked for before it sees a byte of HTTP.
    """
    if not (url.isascii() and url.isprintable()) or "\\" in url or " " in url:
        return False
    try:
        parts, host = urlsplit(url), httpx.URL(url).host
        port = parts.port
        same = (parts.scheme, parts.hostname, port) == (origin.scheme, origin.hostname, origin.port)
    except (ValueError, httpx.InvalidURL):
        return False
    # Two parsers must agree where it leads.
    if "@" in parts.netloc or host != parts.hostname:
        return False
    public = _PUBLIC_NAME.fullmatch(host) is not None and not host.endswith(_PRIVATE_ENDS)
    return same or (parts.scheme == "https" and port in (None, 443) and public)
