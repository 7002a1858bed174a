"""The hub: one look at the database for all streams of a process, and what they hear while it is away."""

import asyncio
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.db import OperationalError
from django.test import AsyncClient

from accounts import events, hub
from accounts.events import Place
from tests import factories
from tests.accounts.streams import (
    Reader,
    atell,
    opened,
    run,
    tell,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("begun")]


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
