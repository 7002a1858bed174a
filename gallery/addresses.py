"""Fetches what an address gives, where the address came from a person or a vendor.

A name is resolved once, every address it has is checked, and the connection goes to a checked one;
redirects are followed by hand under the same rules. Nothing of ours goes along: no cookies, no keys, no
proxy of the environment.
"""

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpcore
import httpx
from django.conf import settings

from gallery import address_rules, connections
from gallery.address_rules import AddressRefused
from gallery.connections import Resolve, system_resolve

__all__ = ["AddressRefused", "FetchFailed", "Fetched", "fetch", "fetch_sync"]

REDIRECTS_MAX = 3
CONNECT_SECONDS = 5.0
ROOM_MAX_BYTES = 4 * 1024 * 1024
HEADERS = {
    "Accept": "image/png, image/jpeg, image/webp, image/avif, image/heic, image/heif, */*;q=0.1",
    # An encoded body could unfold to any size; asking for none and refusing it needs no counting.
    "Accept-Encoding": "identity",
    "Connection": "close",
    "User-Agent": "Easel",
}


class FetchFailed(Exception):
    """The address was allowed, and did not give what was asked.

    `code` is `fetch_timeout`, `fetch_unreachable`, `fetch_status`, `fetch_too_large`, `fetch_encoded` or
    `fetch_broken`; `status` is the HTTP status for `fetch_status`, else 0; `detail` is for people.
    """

    def __init__(self, code: str, detail: str, *, status: int = 0) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.status = status


@dataclass(frozen=True)
class Fetched:
    """A whole body. `content_type` is what the server claims, `url` where the redirects ended."""

    data: bytes
    content_type: str
    url: str


async def fetch(
    url: str,
    *,
    max_bytes: int,
    deadline_seconds: float,
    require_https: bool = False,
    trusted_origins: frozenset[str] = frozenset(),
    resolve: Resolve = system_resolve,
) -> Fetched:
    """GET `url`: at most `max_bytes`, all of it within `deadline_seconds`, redirects included.

    `trusted_origins` are `scheme://host:port` the operator configured; a request to exactly one of them is
    free of the rules on addresses and ports, until a redirect leads elsewhere.

    :raises AddressRefused: when it, or where it redirects to, is not to be connected to.
    :raises FetchFailed: when it gives no whole, plain answer with status 200 in time.
    """
    try:
        async with asyncio.timeout(deadline_seconds):
            return await _follow(
                address_rules.parse(url, require_https=require_https),
                max_bytes=max_bytes,
                require_https=require_https,
                trusted={_with_port(origin) for origin in trusted_origins},
                resolve=resolve,
            )
    except (TimeoutError, httpcore.TimeoutException, httpx.TimeoutException) as error:
        raise FetchFailed("fetch_timeout", "The address took too long to answer.") from error
    except (httpcore.ConnectError, httpx.ConnectError, httpx.ProxyError, OSError) as error:
        raise FetchFailed("fetch_unreachable", "The address could not be reached.") from error
    except (httpcore.ProtocolError, httpcore.NetworkError, httpx.HTTPError, httpx.InvalidURL) as error:
        raise FetchFailed("fetch_broken", "The address broke off its answer.") from error


def fetch_sync(
    url: str,
    *,
    max_bytes: int,
    deadline_seconds: float,
    require_https: bool = False,
    resolve: Resolve = system_resolve,
) -> Fetched:
    """`fetch` for code without an event loop, such as views.

    :raises AddressRefused: as `fetch`.
    :raises FetchFailed: as `fetch`.
    """
    return asyncio.run(
        fetch(
            url,
            max_bytes=max_bytes,
            deadline_seconds=deadline_seconds,
            require_https=require_https,
            resolve=resolve,
        )
    )


async def _follow(
    url: httpx.URL, *, max_bytes: int, require_https: bool, trusted: set[str], resolve: Resolve
) -> Fetched:
    still_trusted = True
    for _ in range(REDIRECTS_MAX + 1):
        # Trust ends at the first step elsewhere: a stranger's redirect must not lead back into our own.
        still_trusted = still_trusted and address_rules.origin(url) in trusted
        is_checked = not (still_trusted or settings.ALLOW_PRIVATE_ADDRESSES)
        async with _get(url, connections.transport(url, resolve, is_checked=is_checked)) as response:
            if not response.has_redirect_location:
                return await _read(response, max_bytes)
            url = _next(url, response.headers["location"], require_https=require_https)
    raise AddressRefused("address_redirect", f"The address redirects more than {REDIRECTS_MAX} times.")


def _next(url: httpx.URL, location: str, *, require_https: bool) -> httpx.URL:
    try:
        target = str(url.join(location))
    except (httpx.InvalidURL, ValueError) as error:
        raise AddressRefused("address_redirect", "The address redirects to no address.") from error
    following = address_rules.parse(target, require_https=require_https)
    if url.scheme == "https" and following.scheme != "https":
        raise AddressRefused("address_redirect", "The address redirects from https to http.")
    return following


@contextlib.asynccontextmanager
async def _get(url: httpx.URL, transport: httpx.AsyncBaseTransport) -> AsyncIterator[httpx.Response]:
    # The deadline around us ends a slow answer; of httpx's own limits only the one to connect is used.
    timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
    client = httpx.AsyncClient(transport=transport, trust_env=False, timeout=timeout, headers=HEADERS)
    async with client, client.stream("GET", url, follow_redirects=False) as response:
        yield response


async def _read(response: httpx.Response, max_bytes: int) -> Fetched:
    if response.status_code != 200:
        status = response.status_code
        raise FetchFailed("fetch_status", f"The address answered with status {status}.", status=status)
    if response.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        raise FetchFailed("fetch_encoded", "The address answers in an encoding Easel didn't ask for.")
    claimed = response.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > max_bytes:
        raise _too_large(max_bytes)
    body = _room_for(int(claimed) if claimed.isdecimal() else 0)
    # Without a size: with one, httpx waits until it has so much, and a drip would hold us to the deadline.
    async for chunk in response.aiter_raw():
        body.write(chunk)
        if body.tell() > max_bytes:
            raise _too_large(max_bytes)
    body.truncate()
    return Fetched(body.getvalue(), response.headers.get("content-type", ""), str(response.url))


def _room_for(size: int) -> io.BytesIO:
    """Where a body of that size is put together in place; a list of its parts would take it twice.

    What claims to be large has to come before it gets its room.
    """
    body = io.BytesIO()
    if 0 < size <= ROOM_MAX_BYTES:
        body.seek(size - 1)
        body.write(b"\0")
        body.seek(0)
    return body


def _too_large(max_bytes: int) -> FetchFailed:
    megabytes = max_bytes / (1024 * 1024)
    return FetchFailed("fetch_too_large", f"What the address gives is over the limit of {megabytes:g} MB.")


def _with_port(origin: str) -> str:
    return address_rules.origin(httpx.URL(origin))
