"""From what a provider answered to pictures of ours: fetched, stored, and held to what was promised."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gallery import addresses, ingest, xmp
from generation import promises
from generation.catalog import AspectRatio
from generation.progress import Reason

MAX_BYTES = 30 * 1024 * 1024
FETCH_SECONDS = 30.0
FETCH_TRIES = 3
# Hands blocking work to a thread that may take its time.
OffLoop = Callable[..., Awaitable[Any]]


async def collect(
    part: Mapping[str, str],
    *,
    ratio: AspectRatio,
    references: list[bytes],
    trusted_origins: frozenset[str],
    off_loop: OffLoop,
    emulated: bool = False,
) -> ingest.Stored | Reason:
    """The picture of one part of an answer, fetched, stored and checked, or why there is none.

    `references` are the signatures of the pictures given with the prompt. `emulated` is for
    what no model made.
    """
    source_type = xmp.DRAWN if emulated else xmp.EDITED if references else xmp.MADE
    try:
        data = await fetch(part, trusted_origins=trusted_origins, off_loop=off_loop)
        stored: ingest.Stored = await off_loop(
            ingest.store, data, keep_bytes=True, max_bytes=MAX_BYTES, source_type=source_type
        )
    except (addresses.AddressRefused, addresses.FetchFailed, FileNotFoundError):
        return Reason("result_unreachable", "The provider's picture could not be fetched.")
    except ingest.PictureRefused:
        return Reason("result_unreadable", "The provider sent something that is no picture.")
    if why := promises.broken(stored, ratio=ratio, references=references):
        return Reason("broken_promise", f"The picture {why}.")
    return stored


async def fetch(part: Mapping[str, str], *, trusted_origins: frozenset[str], off_loop: OffLoop) -> bytes:
    """The bytes of one part of an answer.

    :raises FileNotFoundError: :raises addresses.AddressRefused: :raises addresses.FetchFailed:
    """
    if name := part.get("staged"):
        data: bytes = await off_loop(ingest.staged, name)
        return data
    for tried in range(1, FETCH_TRIES + 1):
        try:
            fetched = await addresses.fetch(
                part["url"],
                max_bytes=MAX_BYTES,
                deadline_seconds=FETCH_SECONDS,
                trusted_origins=trusted_origins,
            )
            return fetched.data
        except addresses.FetchFailed:
            if tried == FETCH_TRIES:
                raise
            await asyncio.sleep(tried)
    raise AssertionError("unreachable")
