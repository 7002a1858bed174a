"""Where a worker's event loop hands its blocking work, and what it need not ask the database each time."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, ParamSpec, Protocol, TypeVar

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
R = TypeVar("R")
T_contra = TypeVar("T_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
# What others changed of providers is heard of this late; their limits and circuits are asked at each call.
CATALOG_SECONDS = 1.0
AWAY_PAUSE_SECONDS = 0.5


class Work(Protocol[T_contra, R_co]):
    """Does something for all items at once, and answers for each in their order."""

    def __call__(self, items: Sequence[T_contra], /, *, now: datetime) -> Sequence[R_co | Exception]: ...


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
        # What waits for its turn together with others, by what is done for it.
        self._waiting: dict[Work[Any, Any], deque[tuple[Any, Future[Any]]]] = {}
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
        return await self._until_reached(lambda: self.rows_once(work, *args, **kwargs))

    async def together(self, work: Work[T, R], item: T) -> R:
        """As `together_once`, again while the database is away.

        :raises DatabaseError: it stays away, or refuses.
        """
        return await self._until_reached(lambda: self.together_once(work, item))

    async def _until_reached(self, once: Callable[[], Awaitable[T]]) -> T:
        ends = time.monotonic() + self._away_seconds
        while True:
            try:
                return await once()
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

    async def together_once(self, work: Work[T, R], item: T) -> R:
        """Run `work` on the database's thread, once for all the items that have come when its turn is there.

        It gets them, with the time as `now`, and answers for each in their order; an exception among the
        answers is raised to whom it is for. Where it fails for several it is run for each alone.

        :raises DatabaseError: when it fails; whether it was committed may be unknown then.
        """
        mine: Future[R] = Future()
        self._waiting.setdefault(work, deque()).append((item, mine))
        try:
            return await self.rows_once(self._served, work, mine)
        except asyncio.CancelledError:
            mine.cancel()
            raise

    def _served(self, work: Work[Any, R], mine: Future[R]) -> R:
        """The answer, which an earlier turn may have brought."""
        if not mine.done():
            waiting = self._waiting[work]
            some = [waiting.popleft() for _ in range(len(waiting))]
            self._serve(work, [(item, one) for item, one in some if one.set_running_or_notify_cancel()])
        return mine.result(timeout=0)

    def _serve(self, work: Work[Any, Any], some: list[tuple[Any, Future[Any]]]) -> None:
        try:
            answers = work([item for item, _ in some], now=self.now())
        except Exception as error:
            if len(some) > 1 and not isinstance(error, AWAY):
                # What is wrong with one is not the fault of the others.
                for alone in some:
                    self._serve(work, [alone])
                return
            answers = [error] * len(some)
        for (_, one), answer in zip(some, answers, strict=True):
            if isinstance(answer, Exception):
                one.set_exception(answer)
            else:
                one.set_result(answer)

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
