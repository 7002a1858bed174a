"""How a process hears that another one committed something.

On PostgreSQL a connection of its own listens; the notification comes with the commit. SQLite tells nobody,
but counts commits, and looking at the count takes microseconds. Both are hints: who needs to be sure looks at
the rows from time to time all the same.
"""

import asyncio
import contextlib
import sqlite3
import time
from types import TracebackType
from typing import Any, Protocol, Self
from urllib.parse import quote

import structlog
from django.db import connection

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.01
BLIND_SECONDS = 0.2
"""How often a wait ends where nothing can be heard."""
RECONNECT_SECONDS = 0.2
RECONNECT_MAX_SECONDS = 5.0
POOLED_SECONDS = 60.0
CONNECT_SECONDS = 5
FIRST_SECONDS = 2.0
# A server that is gone without a word is noticed after half a minute, not after the system's two hours.
KEEPALIVE = {"keepalives": 1, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}

SOMETHING = frozenset({""})
NOTHING: frozenset[str] = frozenset()


def tell(channel: str, payload: str = "") -> None:
    """Have everybody who listens hear of the caller's transaction, when it commits.

    On SQLite there is nothing to do: any commit is heard.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [channel, payload])


class Changes:
    """Hears of commits by any process: LISTEN on PostgreSQL, PRAGMA data_version on SQLite.

    For one waiter, in one event loop. A database that is away is waited for.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._source: _Source = _Blind()

    async def __aenter__(self) -> Self:
        if connection.vendor == "postgresql":
            self._source = _Listener(self._channel, connection.get_connection_params())
        elif not connection.is_in_memory_db():  # type: ignore[attr-defined]
            self._source = _Counter(str(connection.settings_dict["NAME"]))
        await self._source.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        source, self._source = self._source, _Blind()
        await source.end()

    async def wait(self, seconds: float) -> frozenset[str]:
        """What was heard since the last wait, as soon as there is something; empty after `seconds`.

        The payloads of `tell`, or an empty one where it is only known that something may have changed.
        """
        return await self._source.wait(seconds)


class _Source(Protocol):
    async def begin(self) -> None: ...
    async def end(self) -> None: ...
    async def wait(self, seconds: float) -> frozenset[str]: ...


class _Blind:
    """Nothing can be heard, so something may always have changed."""

    async def begin(self) -> None:
        """Nothing to open."""

    async def end(self) -> None:
        """Nothing to close."""

    async def wait(self, seconds: float) -> frozenset[str]:
        await asyncio.sleep(min(seconds, BLIND_SECONDS))
        return SOMETHING


class _Counter:
    """SQLite's count of commits by others, as a connection sees it that never writes itself."""

    def __init__(self, path: str) -> None:
        self._address = f"file:{quote(path)}?mode=rw"
        self._connection: sqlite3.Connection | None = None
        self._version = 0

    async def begin(self) -> None:
        self._open()

    async def end(self) -> None:
        self._close()

    async def wait(self, seconds: float) -> frozenset[str]:
        deadline = time.monotonic() + seconds
        while self._connection is not None:
            version = self._look(self._connection)
            if version != self._version:
                self._version = version
                return SOMETHING
            left = deadline - time.monotonic()
            if left <= 0:
                return NOTHING
            await asyncio.sleep(min(LOOK_SECONDS, left))
        await asyncio.sleep(min(seconds, BLIND_SECONDS))
        self._open()
        return SOMETHING

    def _open(self) -> None:
        try:
            self._connection = sqlite3.connect(self._address, uri=True, timeout=0, isolation_level=None)
            self._version = self._look(self._connection)
        except sqlite3.Error as error:
            log.warning("the database file can't be watched", error=str(error))

    def _look(self, opened: sqlite3.Connection) -> int:
        """The count; the one of before where it can't be read just now, and no connection after a fault."""
        try:
            return int(opened.execute("PRAGMA data_version").fetchone()[0])
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF not in {
                sqlite3.SQLITE_BUSY,
                sqlite3.SQLITE_LOCKED,
            }:
                self._close()
            return self._version

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class _Listener:
    """A connection of PostgreSQL that listens, kept by a task and opened anew when it breaks."""

    def __init__(self, channel: str, parameters: dict[str, Any]) -> None:
        self._channel = channel
        ours = {
            name: value for name, value in parameters.items() if name not in {"cursor_factory", "context"}
        }
        self._parameters = {"connect_timeout": CONNECT_SECONDS, **KEEPALIVE, **ours}
        self._heard: set[str] = set()
        self._something = asyncio.Event()
        self._listens = False
        self._tried = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Listens when this returns, unless the database is slow or away."""
        self._task = asyncio.create_task(self._keep())
        try:
            await asyncio.wait_for(self._tried.wait(), FIRST_SECONDS)
        except TimeoutError:
            log.warning("the database is slow to listen", channel=self._channel)
        except asyncio.CancelledError:
            await self.end()
            raise

    async def end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def wait(self, seconds: float) -> frozenset[str]:
        if not self._listens:
            seconds = min(seconds, BLIND_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._something.wait(), seconds)
        heard, self._heard = frozenset(self._heard), set()
        self._something.clear()
        return heard if self._listens else heard | SOMETHING

    async def _keep(self) -> None:
        import psycopg

        pause = RECONNECT_SECONDS
        while True:
            try:
                await self._listen()
                pause = POOLED_SECONDS
            except (psycopg.Error, OSError) as error:
                log.warning("nothing is heard of the database", channel=self._channel, error=str(error))
            self._tried.set()
            if self._listens:
                self._listens, pause = False, RECONNECT_SECONDS
                self._hear("")
            await asyncio.sleep(pause)
            pause = min(2 * pause, RECONNECT_MAX_SECONDS)

    async def _listen(self) -> None:
        """Hear until the connection breaks; comes back only where notifications don't come through it.

        A pooler in between takes LISTEN and tells nothing; it shows by the server's process, which isn't the
        one that was connected to.
        """
        from psycopg import AsyncConnection, sql

        opened = await AsyncConnection.connect(**self._parameters, autocommit=True)
        try:
            cursor = await opened.execute("SELECT pg_backend_pid()")
            found = await cursor.fetchone()
            if found is None or found[0] != opened.info.backend_pid:
                log.info("a pooler is in between; looking for changes instead", channel=self._channel)
                return
            await opened.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._channel)))
            self._listens = True
            if self._tried.is_set():
                # What was told while nobody listened may have been for us.
                self._hear("")
            self._tried.set()
            async for notification in opened.notifies():
                self._hear(notification.payload)
        finally:
            await opened.close()

    def _hear(self, payload: str) -> None:
        self._heard.add(payload)
        self._something.set()
