"""One HTTP exchange as every adapter makes it: bounded in bytes and seconds, clear about what had left."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx

from generation.providers.base import Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown
from generation.providers.http import (
    ENVELOPE_MAX_BYTES,
    AnswerTooLarge,
    Departure,
    read_bounded,
    read_excerpt,
    timeouts,
)

# Raised before a byte of the request has left, whatever the transport.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)
# Told the headers of a success (names in lower case) before its body is read.
Heard = Callable[[Mapping[str, str]], Awaitable[None]]


class NotSent(Exception):
    """Nothing of the request has reached the other side."""


class Unanswered(Exception):
    """It was sent, and no whole answer came: time ran out (`late`), or the answer had no end (`large`)."""

    def __init__(self, *, late: bool = False, large: bool = False) -> None:
        super().__init__("no answer in time" if late else "the answer broke off")
        self.late, self.large = late, large


@dataclass(frozen=True)
class Reply:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    deadline_seconds: float,
    content: bytes | None = None,
    success_max_bytes: int = ENVELOPE_MAX_BYTES,
    heard: Heard | None = None,
) -> Reply:
    """Send once and read the answer; no redirect is followed.

    A success is read up to `success_max_bytes`, of anything else an excerpt.

    :raises NotSent: :raises Unanswered:
    """
    if deadline_seconds <= 0:
        # What came before has used the time up; a transport that never waits would send all the same.
        raise NotSent
    departure = Departure()
    try:
        request = client.build_request(
            method,
            url,
            content=content,
            headers={"Accept": "application/json", "Accept-Encoding": "identity", **headers},
            timeout=timeouts(deadline_seconds),
            extensions={"trace": departure.trace},
        )
    except (httpx.InvalidURL, UnicodeError) as error:
        # An address that is none, or a header that no ASCII can say.
        raise NotSent from error
    try:
        async with asyncio.timeout(deadline_seconds) as limit:
            return await _send(client, request, success_max_bytes, heard, limit)
    except _NOT_SENT as error:
        raise NotSent from error
    except TimeoutError as error:
        raise (Unanswered(late=True) if departure.had_left else NotSent()) from error
    except httpx.TimeoutException as error:
        raise Unanswered(late=True) from error
    except AnswerTooLarge as error:
        raise Unanswered(large=True) from error
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise Unanswered from error


async def _send(
    client: httpx.AsyncClient,
    request: httpx.Request,
    success_max_bytes: int,
    heard: Heard | None,
    limit: asyncio.Timeout,
) -> Reply:
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        headers = {name.lower(): value for name, value in response.headers.items()}
        if not response.is_success:
            excerpt = await read_excerpt(response, until=limit.when())
            return Reply(response.status_code, headers, excerpt)
        if heard is not None:
            await heard(headers)
        return Reply(response.status_code, headers, await read_bounded(response, success_max_bytes))
    finally:
        await response.aclose()


@asynccontextmanager
async def paid(spec: Spec) -> AsyncIterator[None]:
    """Around an exchange that is paid for: what broke, as the kind of error that says what may be done next.

    :raises NotAccepted: :raises OutcomeUnknown:
    """
    try:
        yield
    except NotSent as error:
        raise NotAccepted(Code.UNREACHABLE) from error
    except Unanswered as error:
        if error.late:
            raise late(spec) from error
        raise OutcomeUnknown(Code.UNREADABLE if error.large else Code.ERROR) from error


def late(spec: Spec) -> OutcomeUnknown:
    """The answer did not come within the call's deadline."""
    seconds = f"{spec.deadline_seconds:g}"
    return OutcomeUnknown(
        Code.TIMEOUT, detail=f"This one didn't finish. The image provider took longer than {seconds} s."
    )
