"""The event stream: whose events, from where on, in which form, and for how long."""

import asyncio
import time
from contextlib import aclosing
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient, Client
from django.utils import timezone

from accounts import events, hub, keys, stream
from accounts.events import Place
from accounts.hub import Listener
from accounts.models import Event, User
from tests import factories
from tests.accounts import another
from tests.accounts.streams import (
    PAGES,
    Reader,
    atell,
    beginning,
    decoded,
    opened,
    run,
    tell,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("begun")]


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
        parts = stream.stream(listener, PAGES, beginning())
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
    parts = list(stream.stream_blocking(Listener(user.pk), PAGES, beginning(), life_seconds=0))
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
