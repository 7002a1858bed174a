"""HTTP as every adapter wants it: one client, bounded reading, and whether the request had left."""

import asyncio
import contextlib
import math
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

RETRY_AFTER_MAX_SECONDS = 300.0
CONNECT_SECONDS = 10.0
WRITE_SECONDS = 30.0
# A picture of 30 MB as base64, which is a third longer.
PICTURE_MAX_BYTES = 30 * 1024 * 1024 * 4 // 3
ENVELOPE_MAX_BYTES = 256 * 1024
EXCERPT_SECONDS = 3.0


class AnswerTooLarge(Exception):
    """The body passed its limit and was dropped."""


def new_client(*, connections_max: int = 64) -> httpx.AsyncClient:
    """A client for paid calls.

    Connections are not kept: on one that the vendor closes in that moment, a paid request would end as
    outcome unknown, and that costs a person more than a handshake.
    """
    limits = httpx.Limits(max_connections=connections_max, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, follow_redirects=False, trust_env=False)


def timeouts(deadline_seconds: float) -> httpx.Timeout:
    """Seconds for connecting, sending and each read, none longer than the whole call may take."""
    connect = min(CONNECT_SECONDS, deadline_seconds)
    return httpx.Timeout(
        connect=connect, pool=connect, write=min(WRITE_SECONDS, deadline_seconds), read=deadline_seconds
    )


class Departure:
    """Watches one request through httpx's trace hook: `had_left` from the first byte of it on.

    Until a connection attempt is seen it is taken to have left, so that a transport without the hook errs on
    the side of not paying twice.
    """

    def __init__(self) -> None:
        self.had_left = True

    async def trace(self, event: str, info: dict[str, Any]) -> None:
        if event == "connection.connect_tcp.started":
            self.had_left = False
        elif event.endswith("send_request_headers.started"):
            self.had_left = True


async def read_bounded(response: httpx.Response, limit: int) -> bytes:
    """The decoded body of a streamed response.

    :raises AnswerTooLarge: more than `limit` bytes; nothing more is read.
    """
    chunks, total = [], 0
    async for chunk in response.aiter_bytes():
        total += len(chunk)
        if total > limit:
            raise AnswerTooLarge
        chunks.append(chunk)
    return b"".join(chunks)


async def read_excerpt(response: httpx.Response, *, until: float | None = None) -> bytes:
    """What can be had of an error's body: its status said what matters, so a torn or endless one is cut.

    `until` is when the whole call ends, in the loop's time: the excerpt ends before it, or the status would
    be lost with it.
    """
    chunks, total, seconds = [], 0, EXCERPT_SECONDS
    if until is not None:
        seconds = min(seconds, (until - asyncio.get_running_loop().time()) * 0.9)
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(seconds):
            async for chunk in response.aiter_bytes():
                total += len(chunk)
                chunks.append(chunk)
                if total > ENVELOPE_MAX_BYTES:
                    break
    return b"".join(chunks)[:ENVELOPE_MAX_BYTES]


def _now() -> datetime:
    return datetime.now(UTC)


def retry_after(value: str | None, *, now: Callable[[], datetime] = _now) -> float | None:
    """The seconds a `Retry-After` asks for, by number or date, clamped to 0–300; None if it says nothing."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            date = parsedate_to_datetime(value)
        except (ValueError, TypeError, OverflowError):
            return None
        seconds = (date.replace(tzinfo=date.tzinfo or UTC) - now()).total_seconds()
    return clamped(seconds)


def clamped(seconds: float | None) -> float | None:
    """A provider's wait hint, kept within 0–300 seconds; None if it is no number."""
    if seconds is None or math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), RETRY_AFTER_MAX_SECONDS)
