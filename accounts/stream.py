"""Server-sent events: tells a person's open pages what changed, never what it is now.

A stream has no end of its own, so it ends after five minutes and the browser comes back with `Last-Event-ID`.
It holds no database connection between two looks.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from accounts import events
from accounts.models import Event, User

POLL_SECONDS = 0.3
COMMENT_SECONDS = 15.0
LIFE_SECONDS = 300.0
RECONNECT_MS = 1_000
# Ids are given out when a row is written and seen when its transaction commits: for so long an earlier id may
# still appear behind a later one.
LATE_SECONDS = 5.0


class Looker:
    """What is new for one person since an event; each event is told once, late ones too."""

    def __init__(self, user_id: int, after: int) -> None:
        self.user_id = user_id
        self._floor = after
        self._told: dict[int, float] = {}

    def look(self) -> list[Event]:
        """One query. Gives its connection back, as nobody else would while the stream is open."""
        try:
            found = events.since(user_id=self.user_id, after=self._floor)
        finally:
            connections.close_all()
        new = [event for event in found if event.pk not in self._told]
        self._told.update(dict.fromkeys((event.pk for event in new), time.monotonic()))
        self._settle()
        return new

    def _settle(self) -> None:
        before = time.monotonic() - LATE_SECONDS
        settled = [pk for pk, told_at in self._told.items() if told_at < before]
        self._floor = max([self._floor, *settled])
        for pk in settled:
            del self._told[pk]


async def changes(request: HttpRequest) -> HttpResponseBase:
    """The stream of the signed-in person; from `Last-Event-ID` or `after` on, else from now on."""
    user = await request.auser()
    if not isinstance(user, User):
        # No redirect: the browser would read the sign-in page as a broken stream and try for ever.
        return HttpResponse("Sign in to hear of changes.", status=401, content_type="text/plain")
    after = _place(request)
    if after is None:
        after = await sync_to_async(_latest)(user.pk)
    looker = Looker(user.pk, after)
    live = isinstance(request, ASGIRequest)
    await sync_to_async(connections.close_all)()
    response = StreamingHttpResponse(
        stream(looker) if live else stream_blocking(looker), content_type="text/event-stream"
    )
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


async def stream(looker: Looker, *, life_seconds: float = LIFE_SECONDS) -> AsyncIterator[str]:
    """The events as text, looking every 0.3 s."""
    look = sync_to_async(looker.look)
    pace = _Pace(life_seconds)
    yield f"retry: {RECONNECT_MS}\n\n"
    while not pace.over:
        if text := pace.text(await look()):
            yield text
        await asyncio.sleep(POLL_SECONDS)
    yield END


def stream_blocking(looker: Looker, *, life_seconds: float = LIFE_SECONDS) -> Iterator[str]:
    """The same for a server that gives each request a thread."""
    pace = _Pace(life_seconds)
    yield f"retry: {RECONNECT_MS}\n\n"
    while not pace.over:
        if text := pace.text(looker.look()):
            yield text
        time.sleep(POLL_SECONDS)
    yield END


END = "event: end\ndata:\n\n"


def encode(event: Event) -> str:
    """One event: its kind as the name, what it is about as the data."""
    return f"id: {event.pk}\nevent: {event.kind}\ndata: {event.subject}\n\n"


class _Pace:
    """When to say something though nothing changed, and when to end."""

    def __init__(self, life_seconds: float) -> None:
        self._ends_at = time.monotonic() + life_seconds
        self._said_at = time.monotonic()

    @property
    def over(self) -> bool:
        return time.monotonic() >= self._ends_at

    def text(self, found: list[Event]) -> str:
        text = "".join(map(encode, found))
        if not text and time.monotonic() - self._said_at >= COMMENT_SECONDS:
            text = ": still here\n\n"
        if text:
            self._said_at = time.monotonic()
        return text


def _place(request: HttpRequest) -> int | None:
    """The id of the last event the page has heard of. One that is no number counts as none."""
    text = request.headers.get("Last-Event-ID") or request.GET.get("after", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def _latest(user_id: int) -> int:
    return events.latest_id(user_id=user_id)
