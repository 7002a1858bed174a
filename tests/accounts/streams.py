"""Reads event streams for tests, as a browser does, and holds transactions open beside them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.http import StreamingHttpResponse

from accounts import events, stream
from accounts.events import Place
from accounts.hub import Listener
from accounts.models import Event, User
from tests import factories

Answer = TypeVar("Answer")
PAGES = stream.ForPages()
_beginnings = [Place(0)]


def beginning() -> Place:
    """Where streams of a test begin: `begin` sets it."""
    return _beginnings[-1]


def begin() -> None:
    """Note an event of nobody here, so that the ids have a beginning of which something is kept."""
    tell(factories.person(credits=0), "first")
    _beginnings[:] = [events.place(0)]


def tell(user: User, subject: str = "g1") -> Event:
    events.record(user_id=user.pk, kind=events.Kind.GENERATION, subject=subject)
    return Event.objects.latest("pk")


atell = sync_to_async(tell)


def run(work: Callable[[], Awaitable[Answer]]) -> Answer:
    async def closing() -> Answer:
        try:
            return await work()
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(closing())  # type: ignore[arg-type]


class Reader:
    """Reads a stream as a browser does: event by event, keeping the last id."""

    def __init__(self, parts: AsyncIterator[str]) -> None:
        self._parts, self._text = parts, ""
        self.last_id = ""
        self.heard: list[tuple[str, str]] = []

    async def next(self, seconds: float = 10) -> tuple[str, str]:
        """The next event's name and data."""
        while True:
            while "\n\n" in self._text:
                block, _, self._text = self._text.partition("\n\n")
                lines = dict(line.partition(": ")[::2] for line in block.splitlines())
                self.last_id = lines.get("id", self.last_id)
                if "event" in lines:
                    self.heard.append((lines["event"], lines.get("data", "")))
                    return self.heard[-1]
            self._text += await asyncio.wait_for(anext(self._parts), seconds)

    async def subjects(self, *, until: str) -> list[str]:
        """What the events are about, up to that one."""
        found = [""]
        while found[-1] != until:
            found.append((await self.next())[1])
        return found[1:]

    async def place(self) -> Place:
        """Where the stream stands when it is open."""
        while not self.last_id:
            part = await asyncio.wait_for(anext(self._parts), 10)
            self._text += part
            if part.startswith("id: "):
                self.last_id = part.split()[1]
        found = events.place_of(self.last_id)
        assert found is not None
        return found


async def decoded(response: StreamingHttpResponse) -> AsyncIterator[str]:
    async for part in response:
        yield part.decode()


def opened(user: User, after: Place | None = None, **terms: Any) -> "aclosing[AsyncIterator[str]]":
    """A stream from the beginning, or from a place on."""
    return aclosing(stream.stream(Listener(user.pk), PAGES, after or beginning(), **terms))  # type: ignore[type-var]


class OpenTransaction:
    """A transaction of another connection that has written an event and not committed it yet."""

    def __init__(self, user: User, subject: str) -> None:
        import psycopg

        parameters = connection.get_connection_params()
        names = ("dbname", "user", "password", "host", "port")
        self._connection = psycopg.connect(**{name: parameters[name] for name in names if name in parameters})
        self._connection.execute(
            "INSERT INTO accounts_event (user_id, kind, subject, created_at)"
            " VALUES (%s, 'generation', %s, now())",
            [user.pk, subject],
        )

    def commit(self) -> None:
        self._connection.commit()
        self._connection.close()
