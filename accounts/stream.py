"""Server-sent events: tells a person's open pages and programs what changed, never what it is now.

A stream has no end of its own, so it ends after five minutes and the reader comes back with `Last-Event-ID`,
the place it has reached. Whatever was committed meanwhile is told then, and what was written around the
moment the stream broke may be told again. It holds no database connection of its own.
"""

import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import structlog
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import Error, connections
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from accounts import events, hub
from accounts.events import Change, Place
from accounts.hub import Form, Listener, News
from accounts.models import User

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.3
COMMENT_SECONDS = 15.0
LIFE_SECONDS = 300.0
RECONNECT_MS = 1_000
AWAY_MS = 5_000
"""Who comes while the database is away waits so long before the next try."""
CONTENT_TYPE = "text/event-stream"
RETRY = f"retry: {RECONNECT_MS}\n\n"


@dataclass(frozen=True)
class ForPages:
    """An event as our own pages take it: its kind as the name, what it is about as the data."""

    def words(self, change: Change, place: Place) -> str:
        return f"id: {place}\nevent: {change.kind}\ndata: {change.subject}\n\n"


async def changes(request: HttpRequest) -> HttpResponseBase:
    """The stream of the signed-in person; from `Last-Event-ID` or `after` on, else from now on."""
    try:
        return await _changes(request)
    except Error as error:
        return away(error)


async def _changes(request: HttpRequest) -> HttpResponseBase:
    user = await request.auser()
    if not isinstance(user, User):
        # No redirect: the browser would read the sign-in page as a broken stream and try for ever.
        return HttpResponse("Sign in to hear of changes.", status=401, content_type="text/plain")
    after = events.place_of(asked_place(request))
    return await sync_to_async(respond)(request, Listener(user.pk), ForPages(), after)


def asked_place(request: HttpRequest) -> str:
    """What the reader says of how far it has heard. What a reconnecting one says goes before the address."""
    return request.headers.get("Last-Event-ID") or request.GET.get("after", "")


def respond(request: HttpRequest, listener: Listener, form: Form, after: Place | None) -> HttpResponseBase:
    """The answer that goes on: from that place, or from now on."""
    after = after or events.place(listener.user_id)
    live = isinstance(request, ASGIRequest)
    if live:
        # Nobody else would give it back while the stream is open.
        connections.close_all()
    speak = stream if live else stream_blocking
    response = StreamingHttpResponse(speak(listener, form, after), content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache, no-transform"
    response["X-Accel-Buffering"] = "no"
    return response


def away(error: Error) -> HttpResponse:
    """The answer while the database is away. A reader would take any error for the end of all streams; after
    this one it comes back, with the place it has.
    """
    log.warning("no event stream begins as the database is away", error=str(error))
    response = HttpResponse(f"retry: {AWAY_MS}\n\n", content_type=CONTENT_TYPE)
    response["Cache-Control"] = "no-cache, no-transform"
    return response


async def stream(
    listener: Listener, form: Form, after: Place, *, life_seconds: float | None = None
) -> AsyncIterator[str]:
    """What changes from that place on, as text, as it happens."""
    pace = _Pace(life_seconds)
    yield RETRY
    watcher, seat = hub.join(listener)
    reader = _Reader(watcher, seat, form, after)
    try:
        while not (pace.is_over or seat.is_over):
            if text := pace.text(await reader.next(pace.patience), reader):
                yield text
    except (Error, TimeoutError) as error:
        log.warning("an event stream ends as the database is away", error=str(error))
    finally:
        hub.leave(watcher, seat)
    yield end(reader.place)


def stream_blocking(
    listener: Listener, form: Form, after: Place, *, life_seconds: float | None = None
) -> Iterator[str]:
    """The same for a server that gives each request a thread, looking every 0.3 s."""
    pace = _Pace(life_seconds)
    yield RETRY
    looker = Looker(listener, form, after)
    while not (pace.is_over or looker.is_over):
        if text := pace.text(looker.next(), looker):
            yield text
        time.sleep(POLL_SECONDS)
    yield end(looker.place)


def at(place: Place) -> str:
    """Has the reader know how far it is, without an event."""
    return f"id: {place}\n\n"


def reset(place: Place) -> str:
    """Says that what was missed can't be told: everything is to be fetched again."""
    return f"id: {place}\nevent: reset\ndata:\n\n"


def end(place: Place) -> str:
    """The last event; the reader comes back with the place."""
    return f"id: {place}\nevent: end\ndata:\n\n"


class _Reader:
    """Goes on from a place: first what was missed, from the rows, then what comes to its seat."""

    def __init__(self, watcher: hub.Hub, seat: hub.Seat, form: Form, after: Place) -> None:
        self._hub, self._seat, self._form = watcher, seat, form
        self._place = after
        self._seat.is_behind = True
        # News of looks up to this one may tell of what was read already; before the first reading, of any.
        self._sifted_until: float = math.inf
        self._read_to = after

    @property
    def place(self) -> Place:
        """How far it is; with nothing on its seat that is where the hub is."""
        if self._hub.looks > self._sifted_until and not self._seat.is_waited_for:
            self._place = self._hub.place(self._seat.listener.user_id)
        return self._place

    async def next(self, seconds: float) -> str:
        """What is new, as soon as there is something; nothing after that time."""
        taken = [] if self._seat.is_behind else await self._seat.take(seconds)
        if self._seat.is_behind:
            return await self._catch_up()
        return "".join(self._text(news) for news in taken)

    async def _catch_up(self) -> str:
        self._seat.is_behind = False
        try:
            return await self._missed()
        except BaseException:
            # What was missed isn't told, so this stays where it is.
            self._seat.is_behind = True
            raise

    async def _missed(self) -> str:
        listener, before = self._seat.listener, self._place
        reading = await self._hub.missed(listener.user_id, before)
        if reading is None:
            now = await self._hub.missed(listener.user_id, None)
            assert now is not None
            self._stand(now)
            return reset(now.place)
        self._stand(reading)
        told = hub.tell(list(reading.changes), self._form, before=before, after=reading.place)
        return told or at(reading.place)

    def _stand(self, reading: events.Reading) -> None:
        self._place = self._read_to = reading.place
        # A look that is under way may not have been for us, so the next one doesn't know what we know.
        self._sifted_until = self._hub.looks + 1

    def _text(self, news: News) -> str:
        if news.number > self._sifted_until:
            self._place = news.after
            return news.text(self._form)
        new = [change for change in news.changes if self._read_to.is_before(change)]
        if not new:
            return ""
        text = hub.tell(new, self._form, before=self._place, after=news.after)
        self._place = news.after
        return text


class Looker:
    """Goes on from a place by asking the database each time, in the thread of its request."""

    def __init__(self, listener: Listener, form: Form, after: Place) -> None:
        self.place = after
        self.is_over = False
        self._listener, self._form = listener, form
        self._check_at = 0.0

    def next(self) -> str:
        """What is new. Gives its connection back, as nobody else would while the stream is open."""
        try:
            return self._check() if time.monotonic() >= self._check_at else self._look()
        finally:
            connections.close_all()

    def _look(self) -> str:
        return self._told(events.read(user_ids=(self._listener.user_id,), after=self.place))

    def _check(self) -> str:
        """A look that asks too whether one may still listen, and whether all that was missed is there."""
        self._check_at = time.monotonic() + hub.CHECK_SECONDS
        if not hub.who_may_listen({self._listener}):
            self.is_over = True
            return ""
        reading = hub.read_missed(self._listener.user_id, self.place)
        if reading is None:
            self.place = events.place(self._listener.user_id)
            return reset(self.place)
        return self._told(reading)

    def _told(self, reading: events.Reading) -> str:
        text = hub.tell(list(reading.changes), self._form, before=self.place, after=reading.place)
        self.place = reading.place
        return text


class _Pace:
    """When to say something though nothing changed, and when to end."""

    def __init__(self, life_seconds: float | None) -> None:
        self._said_at = time.monotonic()
        self._ends_at = self._said_at + (LIFE_SECONDS if life_seconds is None else life_seconds)

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._ends_at

    @property
    def patience(self) -> float:
        return max(0.0, min(self._ends_at, self._said_at + COMMENT_SECONDS) - time.monotonic())

    def text(self, found: str, reader: _Reader | Looker) -> str:
        if not found and time.monotonic() - self._said_at >= COMMENT_SECONDS:
            found = f": still here\n{at(reader.place)}"
        if found:
            self._said_at = time.monotonic()
        return found
