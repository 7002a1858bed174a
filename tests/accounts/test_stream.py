"""The event stream: whose events, from where on, in which form, for how long, and none lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError, connection, connections, transaction
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts import events, hub, keys, stream
from accounts.events import Place
from accounts.hub import Listener
from accounts.models import Event, User
from tests import factories
from tests.accounts import another

pytestmark = pytest.mark.django_db(transaction=True)
Answer = TypeVar("Answer")
PAGES = stream.ForPages()
BEGINNING = Place(0)


@pytest.fixture(autouse=True)
def beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event of nobody here, so that the ids have a beginning of which something is kept."""
    tell(factories.person(credits=0), "first")
    monkeypatch.setitem(globals(), "BEGINNING", events.place(0))


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
    return aclosing(stream.stream(Listener(user.pk), PAGES, after or BEGINNING, **terms))  # type: ignore[type-var]


def test_a_stranger_gets_no_stream_and_no_redirect() -> None:
    assert Client().get("/events").status_code == 401


@pytest.mark.parametrize("address", ["/events", "/api/v1/events"])
def test_an_open_page_hears_what_happens_after_it_was_drawn(address: str) -> None:
    user = factories.person(credits=0)
    tell(user, "old")

    async def listen() -> Reader:
        client = AsyncClient()
        await client.aforce_login(user)
        drawn = await sync_to_async(events.place)(user.pk)
        response = await client.get(f"{address}?after={drawn}")
        assert response["Content-Type"] == "text/event-stream"
        assert "no-transform" in response["Cache-Control"]
        await atell(user, "new")
        async with aclosing(decoded(response)) as parts:
            reader = Reader(parts)
            await reader.next()
            return reader

    heard = run(listen)

    assert [kind for kind, _ in heard.heard] == ["generation"]
    assert "new" in heard.heard[0][1]
    place = events.place_of(heard.last_id)
    assert place is not None
    assert place.pk == Event.objects.latest("pk").pk


def test_without_a_place_the_stream_begins_now() -> None:
    user = factories.person(credits=0)
    tell(user, "old")

    async def listen() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get("/events")
        await atell(user, "new")
        async with aclosing(decoded(response)) as parts:
            return await Reader(parts).subjects(until="new")

    assert run(listen) == ["new"]


def test_a_stream_goes_on_after_the_last_event_heard() -> None:
    user = factories.person(credits=0)
    tell(user, "one")
    first = events.place(user.pk)
    tell(user, "two")

    async def listen() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user)
        # The header of a reconnecting browser goes before the address, which is as old as the page.
        response = await client.get("/events?after=0", headers={"Last-Event-ID": str(first)})
        async with aclosing(decoded(response)) as parts:
            return await Reader(parts).subjects(until="two")

    assert run(listen) == ["two"]


@pytest.mark.parametrize("place", ["junk", "-1", "9" * 40, "¼", "1-", "1-2-3-4"])
def test_a_place_that_is_none_is_from_now_on(place: str) -> None:
    user = factories.person(credits=0)
    tell(user, "old")

    async def listen() -> list[str]:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get("/events", {"after": place})
        await atell(user, "new")
        async with aclosing(decoded(response)) as parts:
            return await Reader(parts).subjects(until="new")

    assert run(listen) == ["new"]


def test_nobody_hears_of_another_person_and_all_hear_of_what_is_everybodys() -> None:
    user, other = factories.person(credits=0), factories.person(credits=0)

    async def listen() -> list[list[str]]:
        async with opened(user) as mine, opened(other) as theirs:
            readers = [Reader(mine), Reader(theirs)]
            for reader in readers:
                await reader.place()
            await atell(other, "theirs")
            await atell(user, "mine")
            await sync_to_async(events.record_for_everybody)(kind=events.Kind.IMAGE, subject="all")
            return [await reader.subjects(until="all") for reader in readers]

    assert run(listen) == [["mine", "all"], ["theirs", "all"]]


def test_another_process_is_heard_by_every_stream_within_half_a_second() -> None:
    user = factories.person(credits=0)

    async def listen(other: another.Another) -> list[float]:
        took = []
        async with opened(user) as one, opened(user) as two:
            readers = [Reader(one), Reader(two)]
            for reader in readers:
                await reader.place()
            for number in range(5):
                line = f"events.record(user_id={user.pk}, kind='generation', subject='{number}')"
                told = asyncio.create_task(asyncio.to_thread(other.do, line))
                for reader in readers:
                    assert await reader.subjects(until=str(number)) == [str(number)]
                took.append(time.time() - await told)
        return took

    with another.process() as other:
        took = run(lambda: listen(other))

    assert max(took) < 0.5, took


def test_rows_written_many_at_once_are_heard() -> None:
    user = factories.person(credits=0)

    async def listen() -> None:
        async with opened(user) as parts:
            reader = Reader(parts)
            await reader.place()
            await sync_to_async(events.record_each)(user_ids=[user.pk] * 3, kind=events.Kind.CREDITS)
            began = time.monotonic()
            assert [await reader.next() for _ in range(3)] == [("credits", "")] * 3
            assert time.monotonic() - began < hub.CHECK_SECONDS / 2

    run(listen)


def test_the_safety_look_finds_what_nobody_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.3)
    monkeypatch.setattr(hub.Hub, "_concerns", lambda *_: False)
    user = factories.person(credits=0)

    async def listen() -> list[str]:
        async with opened(user) as parts:
            reader = Reader(parts)
            await reader.place()
            await atell(user, "untold")
            return await reader.subjects(until="untold")

    assert run(listen) == ["untold"]


def test_many_changes_are_few_looks_and_each_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    user = factories.person(credits=0)
    looks: list[int] = []
    read = events.read

    def counted(**terms: Any) -> events.Reading:
        looks.append(1)
        return read(**terms)

    monkeypatch.setattr(events, "read", counted)

    async def listen() -> list[str]:
        async with opened(user) as parts:
            reader = Reader(parts)
            await reader.place()
            for number in range(40):
                await atell(user, str(number))
            return await reader.subjects(until="39")

    began = time.monotonic()
    heard = run(listen)

    assert heard == [str(number) for number in range(40)]
    assert len(looks) <= 4 + (time.monotonic() - began) / hub.GAP_SECONDS


# --- Late commits, and coming back --------------------------------------------------------------


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


@pytest.mark.needs_postgres
def test_an_event_that_is_seen_late_is_told_all_the_same_and_once() -> None:
    user = factories.person(credits=0)

    async def listen() -> list[str]:
        async with opened(user) as parts:
            reader = Reader(parts)
            await reader.place()
            late = OpenTransaction(user, "late")
            await atell(user, "early")
            heard = await reader.subjects(until="early")
            await asyncio.to_thread(late.commit)
            heard += await reader.subjects(until="late")
            await atell(user, "after")
            return heard + await reader.subjects(until="after")

    assert run(listen) == ["early", "late", "after"]


@pytest.mark.needs_postgres
def test_what_was_written_before_the_first_stream_and_commits_after_it_is_told() -> None:
    user = factories.person(credits=0)
    late = OpenTransaction(user, "late")
    tell(user, "early")

    async def listen() -> list[str]:
        async with opened(user) as parts:
            reader = Reader(parts)
            heard = await reader.subjects(until="early")
            await asyncio.to_thread(late.commit)
            await atell(user, "after")
            return heard + await reader.subjects(until="after")

    assert run(listen) == ["early", "late", "after"]


@pytest.mark.needs_postgres
@pytest.mark.parametrize("early_streams", [1, 3])
def test_what_commits_late_while_nobody_listens_is_told_after_the_reconnect(early_streams: int) -> None:
    user = factories.person(credits=0)
    late = OpenTransaction(user, "late")

    async def listen() -> list[str]:
        after = BEGINNING
        for number in range(early_streams):
            async with opened(user, after) as parts:
                reader = Reader(parts)
                await reader.place()
                await atell(user, f"early {number}")
                await reader.subjects(until=f"early {number}")
                found = events.place_of(reader.last_id)
                assert found is not None
                after = found
        await asyncio.to_thread(late.commit)
        async with opened(user, after) as parts:
            reader = Reader(parts)
            await atell(user, "new")
            return await reader.subjects(until="new")

    heard = run(listen)

    # What was written around that moment may be told again, and "late" has the smallest id of all.
    assert "late" in heard
    assert heard[-1] == "new"


@pytest.mark.needs_postgres
def test_coming_back_cut_off_in_the_middle_of_late_ones_loses_none() -> None:
    """Whatever event was the last one heard, its id leads to all that follow."""
    user = factories.person(credits=0)
    late = [OpenTransaction(user, f"late {number}") for number in range(3)]
    tell(user, "early")
    before = events.place(user.pk)
    for one in late:
        one.commit()
    reading = events.read(user_ids=(user.pk,), after=before)
    told = hub.tell(list(reading.changes), PAGES, before=before, after=reading.place)
    blocks = told.strip().split("\n\n")
    subjects = [block.rpartition(" ")[2] for block in blocks]

    for heard in range(len(blocks)):
        place = events.place_of(blocks[heard].split()[1])
        assert place is not None
        again = events.read(user_ids=(user.pk,), after=place)
        missing = {change.subject.rpartition(" ")[2] for change in again.changes}
        assert missing >= set(subjects[heard + 1 :])
    assert {"0", "1", "2"} <= set(subjects)


@pytest.mark.needs_postgres
def test_a_bare_id_repeats_what_was_written_shortly_before() -> None:
    user = factories.person(credits=0)
    late = OpenTransaction(user, "late")
    early = tell(user, "early")
    late.commit()

    found = events.read(user_ids=(user.pk,), after=Place(early.pk))

    assert [change.subject for change in found.changes] == ["late", "early"]


def test_coming_back_at_a_calm_time_repeats_nothing() -> None:
    user = factories.person(credits=0)

    async def listen() -> list[str]:
        after, heard = BEGINNING, []
        for number in range(3):
            async with opened(user, after) as parts:
                reader = Reader(parts)
                await reader.place()
                await atell(user, f"{number}")
                heard += await reader.subjects(until=f"{number}")
                after = events.place_of(reader.last_id) or after
            await atell(user, f"{number} meanwhile")
        return heard

    assert run(listen) == ["0", "0 meanwhile", "1", "1 meanwhile", "2"]


def test_writers_side_by_side_and_a_reader_that_keeps_breaking_off_lose_nothing() -> None:
    user = factories.person(credits=0)
    written = {f"{writer}.{number}" for writer in range(3) for number in range(15)}

    def write(writer: int) -> None:
        try:
            for number in range(15):
                with transaction.atomic():
                    tell(user, f"{writer}.{number}")
                    time.sleep(0.02 * writer)
        finally:
            connections.close_all()

    async def listen() -> set[str]:
        after = await sync_to_async(events.place)(user.pk)
        writers = [asyncio.create_task(asyncio.to_thread(write, writer)) for writer in range(3)]
        heard: set[str] = set()
        deadline = time.monotonic() + 40
        while heard < written and time.monotonic() < deadline:
            async with opened(user, after) as parts:
                reader = Reader(parts)
                for _ in range(4):
                    if heard == written:
                        break
                    heard.add((await reader.next())[1])
                after = events.place_of(reader.last_id) or after
        await asyncio.gather(*writers)
        return heard

    assert run(listen) == written


# --- What can't be told -------------------------------------------------------------------------


def test_who_was_away_for_longer_than_events_are_kept_is_told_to_begin_anew() -> None:
    user = factories.person(credits=0)
    tell(user, "old")
    after = events.place(user.pk)
    for _ in range(3):
        tell(user, "forgotten")
    Event.objects.update(created_at=timezone.now() - timedelta(days=3))
    tell(user, "kept")
    Event.objects.filter(created_at__lt=timezone.now() - timedelta(days=2)).delete()

    async def listen() -> list[tuple[str, str]]:
        async with opened(user, after) as parts:
            reader = Reader(parts)
            await reader.next()
            await atell(user, "new")
            await reader.next()
            place = events.place_of(reader.last_id)
        async with opened(user, place) as parts:
            await atell(user, "newer")
            reader.heard += [await Reader(parts).next()]
        return reader.heard

    assert run(listen) == [("reset", ""), ("generation", "new"), ("generation", "newer")]


def test_a_place_of_another_database_is_begun_anew() -> None:
    user = factories.person(credits=0)
    event = tell(user)

    async def listen() -> tuple[str, str]:
        async with opened(user, Place(event.pk + 1_000)) as parts:
            return await Reader(parts).next()

    assert run(listen) == ("reset", "")


def test_who_missed_too_much_is_told_to_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "MISSED_MAX", 3)
    user = factories.person(credits=0)
    tell(user)
    after = events.place(user.pk)
    for _ in range(4):
        tell(user)

    async def listen() -> tuple[str, str]:
        async with opened(user, after) as parts:
            return await Reader(parts).next()

    assert run(listen) == ("reset", "")


@pytest.mark.needs_postgres
def test_what_was_told_already_is_not_what_was_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    """While some transaction stays open, all that came since is read again to find what is late."""
    monkeypatch.setattr(hub, "MISSED_MAX", 100)
    user = factories.person(credits=0)
    late = OpenTransaction(user, "late")
    events.record_many([(user.pk, str(number)) for number in range(150)], kind=events.Kind.GENERATION)
    heard = events.place(user.pk)
    told = events.place_of(str(heard))
    assert told is not None
    tell(user, "new")
    late.commit()
    assert (len(heard.told), len(told.told)) == (150, events.TOLD_MAX)

    for after in (heard, told):
        reading = hub.read_missed(user.pk, after)
        assert reading is not None
        assert {"late", "new"} <= {change.subject for change in reading.changes}
    events.record_many([(user.pk, str(number)) for number in range(100)], kind=events.Kind.GENERATION)
    assert hub.read_missed(user.pk, heard) is None


@pytest.mark.needs_postgres
def test_a_look_sets_places_for_whom_it_found_something(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's transaction stays open: what was told is kept, and is not gone through for each person."""
    listening = [factories.person(credits=0) for _ in range(12)]
    user = listening[0]
    late = OpenTransaction(user, "late")
    placed: list[int] = []
    of = hub._Stand.of

    def counted(self: hub._Stand, user_id: int) -> Place:
        placed.append(user_id)
        return of(self, user_id)

    async def listen() -> tuple[set[int], list[list[str]]]:
        async with AsyncExitStack() as stack:
            readers = [Reader(await stack.enter_async_context(opened(one))) for one in listening]
            for reader in readers:
                await reader.place()
            monkeypatch.setattr(hub._Stand, "of", counted)
            for subject in ("1", "2"):
                await atell(user, subject)
                await readers[0].subjects(until=subject)
            alone = set(placed)
            await asyncio.to_thread(late.commit)
            await sync_to_async(events.record_for_everybody)(kind=events.Kind.IMAGE, subject="all")
            heard = [await reader.subjects(until="all") for reader in readers]
            return alone, heard

    alone, heard = run(listen)

    assert alone == {user.pk}
    assert heard == [["late", "all"], *[["all"]] * 11]


def test_who_reads_slowly_takes_no_room_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "SEAT_MAX", 2)
    monkeypatch.setattr(hub, "GAP_SECONDS", 0.0)
    user = factories.person(credits=0)

    async def listen() -> list[str]:
        async with opened(user) as slow, opened(user) as quick:
            reader, other = Reader(slow), Reader(quick)
            await reader.place()
            await other.place()
            for number in range(12):
                await atell(user, str(number))
                await other.subjects(until=str(number))
            (watcher,) = hub._hubs.values()
            assert max(len(seat._waiting) for seat in watcher._seats[user.pk]) <= 2
            return await reader.subjects(until="11")

    assert run(listen) == [str(number) for number in range(12)]


@pytest.mark.parametrize("ended", ["revoked", "expired", "deactivated"])
def test_who_may_not_listen_any_more_hears_no_more(ended: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.5)
    user = factories.person(credits=0)
    key = keys.create(user=user, name="Tests").key
    listener = Listener(user.pk, key.pk)

    def end() -> None:
        if ended == "revoked":
            keys.revoke(key=key, now=timezone.now())
        elif ended == "expired":
            type(key).objects.update(expires_at=timezone.now())
        else:
            User.objects.update(is_active=False)

    async def listen() -> list[tuple[str, str]]:
        parts = stream.stream(listener, PAGES, BEGINNING)
        async with aclosing(parts):  # type: ignore[type-var]
            reader = Reader(parts)
            await atell(user, "before")
            await reader.subjects(until="before")
            await sync_to_async(end)()
            began = time.monotonic()
            await reader.next()
            assert time.monotonic() - began < 3
            with pytest.raises(StopAsyncIteration):
                await reader.next()
            return reader.heard

    assert run(listen) == [("generation", "before"), ("end", "")]


# --- The hub ------------------------------------------------------------------------------------


def test_all_streams_share_one_watcher_that_ends_with_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    user = factories.person(credits=0)

    async def listen() -> None:
        async with opened(user) as one:
            await Reader(one).place()
            (first,) = hub._hubs.values()
            async with opened(factories_other) as two:
                await Reader(two).place()
                assert list(hub._hubs.values()) == [first]
            assert not first._task.done()
        assert not hub._hubs
        await asyncio.wait([first._task], timeout=10)
        assert first._task.cancelled()
        assert first._thread._shutdown

    factories_other = factories.person(credits=0)
    run(listen)
    # And in another loop, as tests and reloads have them.
    run(listen)


def test_a_database_that_fails_for_a_moment_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "AGAIN_SECONDS", 0.2)
    user = factories.person(credits=0)
    read, fails = events.read, iter([False, False, True, True])

    def sometimes(**terms: Any) -> events.Reading:
        if next(fails, False):
            raise OperationalError("away")
        return read(**terms)

    async def listen() -> list[str]:
        async with opened(user) as parts:
            reader = Reader(parts)
            await reader.place()
            await atell(user, "through")
            return await reader.subjects(until="through")

    monkeypatch.setattr(events, "read", sometimes)

    assert run(listen) == ["through"]


@pytest.mark.parametrize("error", [OperationalError("away"), TimeoutError()])
@pytest.mark.parametrize("fails_at", [1, 2])
def test_who_cannot_catch_up_as_the_database_is_away_keeps_its_place(
    error: Exception, fails_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub is ahead of who comes back; the end of the stream may not tell it the hub's place."""
    user = factories.person(credits=0)
    missed, asked = hub.Hub.missed, []

    async def away(self: hub.Hub, user_id: int, after: Place | None) -> events.Reading | None:
        asked.append(after)
        if len(asked) == fails_at:
            raise error
        # The second one is asked after an answer that not all is known any more.
        return None

    async def listen() -> list[str]:
        async with opened(user) as ahead:
            reader = Reader(ahead)
            after = await reader.place()
            await atell(user, "missed")
            await reader.subjects(until="missed")
            monkeypatch.setattr(hub.Hub, "missed", away)
            async with opened(user, after) as parts:
                broken = Reader(parts)
                assert await broken.next() == ("end", "")
            assert events.place_of(broken.last_id) == after
            monkeypatch.setattr(hub.Hub, "missed", missed)
            async with opened(user, events.place_of(broken.last_id)) as parts:
                return await Reader(parts).subjects(until="missed")

    assert run(listen) == ["missed"]


def test_who_comes_to_a_hub_that_never_looked_keeps_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "BEGIN_SECONDS", 0.3)
    user = factories.person(credits=0)
    after = events.place(user.pk)
    monkeypatch.setattr(events, "read", raising)

    async def listen() -> Place | None:
        async with opened(user, after) as parts:
            reader = Reader(parts)
            assert await reader.next() == ("end", "")
            return events.place_of(reader.last_id)

    assert run(listen) == after


@pytest.mark.parametrize("address", ["/events", "/api/v1/events"])
@pytest.mark.parametrize("where", ["session", "place"])
def test_who_comes_while_the_database_is_away_is_asked_to_come_back(
    address: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser takes any answer of another kind for the end: it never asks again."""
    broken = {"session": [(SessionStore, "load"), (SessionStore, "aload")], "place": [(events, "place")]}
    user = factories.person(credits=0)

    async def listen() -> tuple[int, str, bytes]:
        client = AsyncClient()
        await client.aforce_login(user)
        for what in broken[where]:
            monkeypatch.setattr(*what, raising)
        response = await client.get(address)
        return response.status_code, response["Content-Type"], response.content

    # Without an id, so that the browser keeps its own.
    assert run(listen) == (200, "text/event-stream", b"retry: 5000\n\n")


def raising(*_: Any, **__: Any) -> Any:
    raise OperationalError("away")


def test_a_look_is_one_query(django_assert_num_queries: Any) -> None:
    user = factories.person(credits=0)
    tell(user)

    with django_assert_num_queries(1):
        assert len(events.read(user_ids=[user.pk], after=Place(0)).changes) == 1


# --- Form and length ----------------------------------------------------------------------------


def test_a_server_with_threads_streams_the_same() -> None:
    user = factories.person(credits=0)
    tell(user)
    after = events.place(user.pk)
    tell(user, "g2")

    parts = stream.stream_blocking(Listener(user.pk), PAGES, after)

    assert "retry:" in next(parts)
    assert "event: generation\ndata: g2\n\n" in next(parts)
    tell(user, "g3")
    heard = next(parts)
    assert "data: g3\n\n" in heard
    assert "g2" not in heard


def test_a_server_with_threads_ends_and_resets_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0)
    user = factories.person(credits=0)
    event = tell(user)

    parts = stream.stream_blocking(Listener(user.pk), PAGES, Place(event.pk + 9))
    next(parts)
    assert "event: reset\n" in next(parts)
    User.objects.update(is_active=False)
    assert "event: end\n" in next(parts)


def test_a_stream_ends_with_a_last_event() -> None:
    user = factories.person(credits=0)

    async def listen() -> str:
        async with opened(user, life_seconds=0) as parts:
            return [part async for part in parts][-1]

    assert run(listen).endswith("event: end\ndata:\n\n")
    parts = list(stream.stream_blocking(Listener(user.pk), PAGES, BEGINNING, life_seconds=0))
    assert parts[-1].endswith("event: end\ndata:\n\n")


def test_a_quiet_stream_says_that_it_is_there_and_how_far(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or else who hears nothing for days would come back with a place that nobody remembers."""
    monkeypatch.setattr(stream, "COMMENT_SECONDS", 0.3)
    monkeypatch.setattr(hub, "CHECK_SECONDS", 0.1)
    user, other = factories.person(credits=0), factories.person(credits=0)

    async def listen() -> Place:
        async with opened(user) as parts:
            await Reader(parts).place()
            await atell(other)
            await asyncio.sleep(0.5)
            said = [await asyncio.wait_for(anext(parts), 10) for _ in range(2)]
            assert all(text.startswith(": still here\nid: ") for text in said)
            place = events.place_of(said[-1].split()[-1])
            assert place is not None
            return place

    assert run(listen).pk == Event.objects.latest("pk").pk
