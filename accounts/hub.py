"""One watcher a process and event loop for all open streams: hears, looks once, and hands out to each.

It begins with the first stream and ends with the last. A stream has a seat; what is new for its person lies
there, put into words once for all seats of that person. Who doesn't fetch it in time reads the rows instead.
"""

import asyncio
import contextvars
import time
import weakref
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import structlog
from django.db import Error, connection, connections
from django.utils import timezone

from accounts import events
from accounts.changes import Changes
from accounts.events import Change, Place, Reading
from accounts.models import ApiKey, User

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")

GAP_SECONDS = 0.1
"""Between two looks at least, so that many changes are one piece; the first after a calm waits not."""
CHECK_SECONDS = 5.0
"""After so long it looks without having heard anything, and whether everybody may still listen."""
AGAIN_SECONDS = 1.0
BEGIN_SECONDS = 10.0
SETTLED_SECONDS = 5.0
LATE_SECONDS = 60.0
"""So long after it was written an event may be committed and still be heard by who is listening."""
SEAT_MAX = 64
MISSED_MAX = 1_000


@dataclass(frozen=True)
class Listener:
    """Who listens: a person, with a key or in a browser."""

    user_id: int
    key_id: int | None = None


class Form(Hashable, Protocol):
    """How a change is put into words."""

    def words(self, change: Change, place: Place) -> str:
        """The change as it is sent, with the place that hearing it leads to; empty when it isn't told."""


@dataclass
class News:
    """What one look found for one person."""

    number: int
    before: Place
    after: Place
    changes: list[Change]
    _said: dict[Form, str] = field(default_factory=dict)

    def text(self, form: Form) -> str:
        """All of it in that form."""
        if form not in self._said:
            self._said[form] = tell(self.changes, form, before=self.before, after=self.after)
        return self._said[form]


def tell(changes: list[Change], form: Form, *, before: Place, after: Place) -> str:
    """The changes in words. Only the last leads to `after`: who hears but some comes back for the rest."""
    said, place = [], before
    for change in changes:
        place = after if change is changes[-1] else place.having_heard(change)
        said.append(form.words(change, place))
    return "".join(said)


class Seat:
    """What waits for one stream."""

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_over = False
        self.is_behind = False
        self._waiting: deque[News] = deque()
        self._something = asyncio.Event()

    def give(self, news: News) -> None:
        if len(self._waiting) >= SEAT_MAX:
            self._waiting.clear()
            self.is_behind = True
        self._waiting.append(news)
        self._something.set()

    @property
    def is_waited_for(self) -> bool:
        """Whether something lies here that wasn't taken."""
        return bool(self._waiting) or self.is_behind

    def end(self) -> None:
        self.is_over = True
        self._something.set()

    async def take(self, seconds: float) -> list[News]:
        """What has come, as soon as there is something; nothing after that time."""
        try:
            async with asyncio.timeout(seconds):
                await self._something.wait()
        except TimeoutError:
            return []
        self._something.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


class _Stand:
    """Up to where a hub has read, for whomever is asked about; what was told lies there by person."""

    def __init__(self, place: Place, told: tuple[Change, ...]) -> None:
        self.place = place
        self._told = {
            user_id: [change.pk for change in theirs] for user_id, theirs in _by_person(told).items()
        }

    def of(self, user_id: int) -> Place:
        told = frozenset([*self._told.get(user_id, ()), *self._told.get(None, ())])
        return Place(self.place.pk, self.place.xid, told)


def _by_person(changes: tuple[Change, ...]) -> dict[int | None, list[Change]]:
    found: dict[int | None, list[Change]] = {}
    for change in changes:
        found.setdefault(change.user_id, []).append(change)
    return found


class Hub:
    """The watcher of one event loop."""

    def __init__(self) -> None:
        self.looks = 0
        self._stand = _Stand(Place(0), ())
        self._seats: dict[int, list[Seat]] = {}
        # Its one thread has one connection, which it keeps.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="easel-hub")
        self._begun = asyncio.Event()
        self._check_at = 0.0
        self._passed: deque[tuple[float, int, int]] = deque()
        # Nothing of the request that happens to be the first one, such as its id in the logs.
        self._task = asyncio.create_task(self._watch(), context=contextvars.Context())

    def join(self, listener: Listener) -> Seat:
        seat = Seat(listener)
        self._seats.setdefault(listener.user_id, []).append(seat)
        return seat

    def leave(self, seat: Seat) -> bool:
        """Whether it was the last one, with which the watcher ends."""
        seats = self._seats[seat.listener.user_id]
        seats.remove(seat)
        if not seats:
            del self._seats[seat.listener.user_id]
        if not self._seats:
            self._task.cancel()
        return not self._seats

    def place(self, user_id: int) -> Place:
        """Up to where it has looked for that person."""
        return self._stand.of(user_id)

    async def missed(self, user_id: int, after: Place | None) -> Reading | None:
        """What the person has missed since a place; None when that is no longer known, or too much to tell.

        :raises TimeoutError: the database is away.
        """
        async with asyncio.timeout(BEGIN_SECONDS):
            await self._begun.wait()
        return await self._ask(lambda: read_missed(user_id, after))

    async def _ask(self, question: Callable[[], Answer]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(self._thread, _asking, question)

    async def _watch(self) -> None:
        try:
            async with Changes(events.CHANNEL) as changes:
                while True:
                    heard = await changes.wait(max(0.0, self._check_at - time.monotonic()))
                    if self._concerns(heard) or time.monotonic() >= self._check_at:
                        await self._turn()
                        await asyncio.sleep(GAP_SECONDS)
        finally:
            _forget(self)
            for seats in self._seats.values():
                for seat in seats:
                    seat.end()
            # Whoever cancels this again may not keep the thread from giving its connection back.
            closed = self._thread.submit(connections.close_all)
            self._thread.shutdown(wait=False)
            await asyncio.shield(asyncio.wrap_future(closed))

    def _concerns(self, heard: frozenset[str]) -> bool:
        return "" in heard or any(word.isdecimal() and int(word) in self._seats for word in heard)

    async def _turn(self) -> None:
        try:
            await self._look()
            if time.monotonic() >= self._check_at:
                await self._check()
                self._check_at = time.monotonic() + CHECK_SECONDS
        except Error as error:
            self._check_at = time.monotonic() + AGAIN_SECONDS
            log.warning("the event streams can't look for changes", error=str(error))

    async def _look(self) -> None:
        self.looks += 1
        before = self._stand
        after = before.place if self._begun.is_set() else None
        people = list(self._seats)
        above = self._passed[0][1] if self._passed else None

        def read() -> tuple[Reading, _Stand]:
            # In the thread, as what was told can be much while somebody's transaction stays open.
            reading = events.read(user_ids=people, after=after, late_above=above)
            return reading, _Stand(reading.place, reading.told)

        reading, self._stand = await self._ask(read)
        self._pass(reading)
        if reading.changes:
            self._hand_out(_by_person(reading.changes), before, frozenset(people))
        self._begun.set()

    def _pass(self, reading: Reading) -> None:
        """Keep in mind above which id something late may still appear: what was written before is settled."""
        now = time.monotonic()
        if not self._passed:
            # What was open when the hub began has smaller ids than it has seen.
            self._passed.append((now, reading.place.pk - events.LATE_IDS, 0))
        self._passed.append((now, reading.place.pk, reading.next_xid))
        while len(self._passed) > 1:
            at, _, next_xid = self._passed[1]
            if at > now - SETTLED_SECONDS or (next_xid > reading.place.xid and at > now - LATE_SECONDS):
                break
            self._passed.popleft()

    def _hand_out(self, new: dict[int | None, list[Change]], before: _Stand, people: frozenset[int]) -> None:
        everybodys = new.get(None, [])
        for user_id in people if everybodys else people & new.keys():
            # Who came while it looked reads for itself what was there by then.
            theirs = sorted([*new.get(user_id, ()), *everybodys], key=lambda change: change.pk)
            news = News(self.looks, before.of(user_id), self._stand.of(user_id), theirs)
            for seat in self._seats.get(user_id, ()):
                seat.give(news)

    async def _check(self) -> None:
        seats = [seat for seats in self._seats.values() for seat in seats]
        listeners = {seat.listener for seat in seats}
        allowed = await self._ask(lambda: who_may_listen(listeners))
        for seat in seats:
            if seat.listener not in allowed:
                seat.end()


_hubs: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = weakref.WeakKeyDictionary()


def join(listener: Listener) -> tuple[Hub, Seat]:
    """A seat at the hub of this event loop; `leave` it when the stream ends."""
    loop = asyncio.get_running_loop()
    hub = _hubs.get(loop)
    if hub is None:
        hub = _hubs[loop] = Hub()
    return hub, hub.join(listener)


def leave(hub: Hub, seat: Seat) -> None:
    """Give the seat back."""
    if hub.leave(seat):
        _forget(hub)


def _forget(hub: Hub) -> None:
    for loop, other in list(_hubs.items()):
        if other is hub:
            del _hubs[loop]


def read_missed(user_id: int, after: Place | None) -> Reading | None:
    """As `Hub.missed`, asked in this thread."""
    if after is None:
        return events.read(user_ids=(user_id,), after=None)
    if not events.is_kept(after):
        return None
    reading = events.read(user_ids=(user_id,), after=after, limit=MISSED_MAX)
    return None if reading.is_cut else reading


def who_may_listen(listeners: set[Listener]) -> set[Listener]:
    """Those whose person is active and whose key is live, in two queries."""
    people = {listener.user_id for listener in listeners}
    keys = {listener.key_id for listener in listeners if listener.key_id is not None}
    active = set(User.objects.filter(pk__in=people, is_active=True).values_list("pk", flat=True))
    now = timezone.now()
    live: set[int | None] = {None}
    if keys:
        live |= {key.pk for key in ApiKey.objects.filter(pk__in=keys) if key.is_live(now)}
    return {listener for listener in listeners if listener.user_id in active and listener.key_id in live}


def _asking(question: Callable[[], Answer]) -> Answer:
    """In the hub's thread: a connection that failed is not asked again."""
    try:
        return question()
    except Error:
        connection.close()
        raise
