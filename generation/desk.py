"""Where a worker's event loop hands its blocking work, and what it need not ask the database each time."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, connection, connections
from django.utils import timezone

from gallery import picture_process
from generation import claims
from generation.catalog import Catalog
from generation.catalog import load as load_catalog

log = structlog.get_logger(__name__)

AWAY = (OperationalError, InterfaceError)
"""What says that the database can't be reached, or that a connection to it broke."""
FILE_THREADS = 4
# So many pictures for each picture process are a second's work or more.
PILE = 16
P = ParamSpec("P")
T = TypeVar("T")
# What others changed of providers is heard of this late; their limits and circuits are asked at each call.
CATALOG_SECONDS = 1.0
AWAY_PAUSE_SECONDS = 0.5


class HandedBack(Exception):
    """The worker has to go; another goes on from the rows."""


class Desk:
    """One thread for the database, a few for pictures.

    A database that is away is waited for, up to `away_seconds`: what a provider has answered is paid for,
    and must not be lost because it can't be written down at this moment.
    """

    def __init__(self, *, away_seconds: float = 120.0) -> None:
        self._away_seconds = away_seconds
        self._rows = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._pictures = ThreadPoolExecutor(settings.PICTURE_PROCESSES + 1, thread_name_prefix="pictures")
        self._files = ThreadPoolExecutor(FILE_THREADS, thread_name_prefix="files")
        self._picturing = 0
        self._offered: tuple[float, Catalog] | None = None
        self._told_at: dict[str, float] = {}
        self._clock: tuple[float, datetime] | None = None
        # In seconds of the monotonic clock: since when the database can be reached.
        self._reached_at: float | None = -float("inf")
        self._leaving = False
        self._outside: set[asyncio.Future[Any]] = set()

    async def rows(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on the database's thread, again while the database is away; so it is safe to repeat.

        :raises DatabaseError: it stays away, or refuses.
        """
        ends = time.monotonic() + self._away_seconds
        while True:
            try:
                return await self.rows_once(work, *args, **kwargs)
            except AWAY as error:
                if time.monotonic() >= ends:
                    raise
                log.warning("the database is away", error=str(error).partition("\n")[0])
            await asyncio.sleep(AWAY_PAUSE_SECONDS)

    async def rows_once(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on the database's thread.

        :raises DatabaseError: when it fails; whether it was committed may be unknown then.
        """
        loop = asyncio.get_running_loop()
        try:
            result = await loop.run_in_executor(self._rows, lambda: work(*args, **kwargs))
        except AWAY:
            self._reached_at = None
            with contextlib.suppress(DatabaseError):
                await loop.run_in_executor(self._rows, connections.close_all)
            raise
        if self._reached_at is None:
            self._reached_at = time.monotonic()
        return result

    def expect_pictures(self, number: int) -> None:
        """Have what decodes them there by the time they come; the calls for them take longer than that."""
        if not self._picturing:
            self._pictures.submit(picture_process.shared.start, number)

    async def pictures(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on one of the pictures' threads; it must not touch the database."""
        self._picturing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._pictures, lambda: work(*args, **kwargs)
            )
        finally:
            self._picturing -= 1

    async def files(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on a thread for files, where it waits for no decoding; without the database."""
        return await asyncio.get_running_loop().run_in_executor(self._files, lambda: work(*args, **kwargs))

    async def outside(self, waiting: Coroutine[Any, Any, T]) -> T:
        """Wait for somebody outside, which can be broken off when the worker has to go.

        :raises HandedBack: it was.
        """
        call = asyncio.ensure_future(waiting)
        self._outside.add(call)
        if self.leaving:
            call.cancel()
        try:
            return await call
        except asyncio.CancelledError:
            if self.leaving:
                raise HandedBack from None
            raise
        finally:
            self._outside.discard(call)

    @property
    def pictures_pile_up(self) -> bool:
        """Whether so many wait for the pictures' threads that further answers would only wait with them."""
        return self._picturing > PILE * settings.PICTURE_PROCESSES

    def leave(self) -> None:
        """Break off all waiting for others."""
        self._leaving = True
        for call in self._outside:
            call.cancel()

    @property
    def leaving(self) -> bool:
        """Whether the worker has to go, so that nothing more is begun."""
        return self._leaving

    def reached_for(self) -> float:
        """Seconds since the database can be reached; 0 while it can't."""
        return 0.0 if self._reached_at is None else time.monotonic() - self._reached_at

    async def set_clock(self) -> None:
        """Look at the database's clock, so that `now` needs no question."""
        self._clock, up_for = await self.rows_once(_clock)
        if self._reached_at == -float("inf") and up_for is not None:
            self._reached_at = time.monotonic() - up_for

    def now(self) -> datetime:
        """The database's time, as it was last looked at and went on since; this machine's before that."""
        if self._clock is None:
            return timezone.now()
        at, moment = self._clock
        return moment + timedelta(seconds=time.monotonic() - at)

    async def catalog(self, *, fresh: bool = False) -> Catalog:
        """What there is, retired things among it, as of a second ago, or of now."""
        seconds = 0.0 if fresh else CATALOG_SECONDS
        known = self._known(seconds)
        return await self.rows(self._catalog, seconds) if known is None else known

    def _known(self, seconds: float) -> Catalog | None:
        if self._offered is None or time.monotonic() - self._offered[0] > seconds:
            return None
        return self._offered[1]

    def _catalog(self, seconds: float) -> Catalog:
        """Who waited while another asked need not ask again."""
        if (known := self._known(seconds)) is not None:
            return known
        offered = load_catalog(with_retired=True)
        self._offered = (time.monotonic(), offered)
        return offered

    def is_news(self, of: str, *, seconds: float) -> bool:
        """Whether the last news of it is that long ago; this counts as news."""
        now = time.monotonic()
        if now - self._told_at.get(of, -float("inf")) < seconds:
            return False
        self._told_at[of] = now
        return True

    def forget_news(self, of: str) -> None:
        """Whatever comes next is news."""
        self._told_at.pop(of, None)

    def close(self) -> None:
        """Let go of the threads, and of the database."""
        self._rows.submit(connections.close_all).result()
        self._rows.shutdown()
        self._pictures.shutdown()
        self._files.shutdown()


def _clock() -> tuple[tuple[float, datetime], float | None]:
    """The database's clock beside ours, and for how many seconds the server has run, where it can say."""
    before = time.monotonic()
    moment = claims.database_now()
    clock = ((before + time.monotonic()) / 2, moment)
    if connection.vendor != "postgresql":
        return clock, None
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")
        return clock, float(cursor.fetchone()[0])
