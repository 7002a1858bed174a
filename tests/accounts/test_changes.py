"""Hearing of commits: by another process, at once, and again after the database was away."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections, transaction

from accounts import changes, events
from accounts.changes import NOTHING, SOMETHING, Changes, tell
from tests import factories
from tests.accounts import another

pytestmark = pytest.mark.django_db(transaction=True)
CHANNEL = "easel_test"


def postgres() -> bool:
    return connection.vendor == "postgresql"


def commit(payload: str = "1") -> None:
    with transaction.atomic():
        factories.person(credits=0)
        tell(CHANNEL, payload)


async def committed(payload: str = "1") -> None:
    await sync_to_async(commit)(payload)


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def closing() -> None:
        try:
            await work()
        finally:
            await sync_to_async(connections.close_all)()

    asyncio.run(closing())


async def until_heard(watched: Changes, seconds: float = 10) -> frozenset[str]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if heard := await watched.wait(seconds):
            return heard
    raise AssertionError("nothing was heard")


def test_a_commit_is_heard_with_what_it_says() -> None:
    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            await committed("7")
            assert await watched.wait(10) == (frozenset({"7"}) if postgres() else SOMETHING)

    run(listen)


def test_what_was_told_between_two_waits_is_heard_together() -> None:
    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            await committed("1")
            await committed("2")
            await asyncio.sleep(0.3)
            assert await watched.wait(10) == (frozenset({"1", "2"}) if postgres() else SOMETHING)
            assert await watched.wait(0.05) == NOTHING

    run(listen)


def test_a_quiet_wait_ends_with_nothing() -> None:
    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            began = time.monotonic()
            assert await watched.wait(0.4) == NOTHING
            assert time.monotonic() - began >= 0.4

    run(listen)


def test_what_is_rolled_back_is_not_heard() -> None:
    def rolled_back() -> None:
        with transaction.atomic():
            factories.person(credits=0)
            tell(CHANNEL, "1")
            transaction.set_rollback(True)

    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            await sync_to_async(rolled_back)()
            assert await watched.wait(0.3) == NOTHING

    run(listen)


def test_another_process_is_heard_within_half_a_second() -> None:
    async def listen(other: another.Another) -> None:
        async with Changes(CHANNEL) as watched:
            for _ in range(5):
                told = asyncio.create_task(asyncio.to_thread(other.do, line))
                await until_heard(watched)
                heard_at = time.time()
                assert heard_at - await told < 0.5

    user = factories.person(credits=0)
    line = f"events.record(user_id={user.pk}, kind='credits'); changes.tell({CHANNEL!r})"
    with another.process() as other:
        asyncio.run(listen(other))


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers at its address: no error, and a look every 0.2 s instead."""

    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            began = time.monotonic()
            for _ in range(4):
                assert await watched.wait(5) == SOMETHING
            assert 0.6 <= time.monotonic() - began < 4
            assert await watched.wait(0.01) == SOMETHING

    if postgres():
        away = {**connection.get_connection_params(), "host": "127.0.0.1", "port": 1}
        monkeypatch.setattr(type(connections["default"]), "get_connection_params", lambda _: away)
    else:
        monkeypatch.setitem(connection.settings_dict, "NAME", "/nowhere/easel.sqlite3")
    asyncio.run(listen())


def test_a_database_in_memory_is_looked_at() -> None:
    async def listen() -> None:
        assert await Changes(CHANNEL).wait(5) == SOMETHING

    began = time.monotonic()
    asyncio.run(listen())

    assert 0.19 <= time.monotonic() - began < 2


def test_a_file_that_comes_later_is_found(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sqlite3

    path = tmp_path / "what? #1.sqlite3"

    async def listen() -> None:
        watched = changes._Counter(str(path))
        await watched.begin()
        writer = sqlite3.connect(path)
        writer.execute("CREATE TABLE a (b)")
        assert await watched.wait(1) == SOMETHING
        assert await watched.wait(0.1) == NOTHING
        writer.execute("INSERT INTO a VALUES (1)")
        assert await watched.wait(0.1) == NOTHING
        writer.commit()
        assert await watched.wait(0.1) == SOMETHING
        writer.close()
        await watched.end()

    asyncio.run(listen())


def listeners() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.needs_postgres
def test_no_connection_is_left_behind() -> None:
    async def listen() -> None:
        for _ in range(3):
            async with Changes(CHANNEL):
                assert await sync_to_async(listeners)() == 1
        for _ in range(20):
            if not await sync_to_async(listeners)():
                return
            await asyncio.sleep(0.05)
        raise AssertionError("a connection still listens")

    run(listen)


@pytest.mark.needs_postgres
def test_a_broken_connection_is_made_again() -> None:
    def break_it() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND query LIKE 'LISTEN%%'"
            )

    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            await sync_to_async(break_it)()
            # It says that something may have been missed, and then hears again.
            assert await until_heard(watched) == SOMETHING
            while await watched.wait(1) != NOTHING:
                pass
            await committed("after")
            assert await watched.wait(10) == frozenset({"after"})

    run(listen)


@pytest.mark.needs_postgres
def test_a_pooler_in_between_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes LISTEN and tells nothing, so that waiting for it would be deafness."""
    import psycopg

    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", 1)

    async def listen() -> None:
        async with Changes(CHANNEL) as watched:
            began = time.monotonic()
            assert await watched.wait(5) == SOMETHING
            assert time.monotonic() - began < 1
            assert await sync_to_async(listeners)() == 0

    run(listen)


def test_an_event_is_heard_by_its_person() -> None:
    user = factories.person(credits=0)

    async def listen() -> None:
        async with Changes("easel_events") as watched:
            await sync_to_async(events.record)(user_id=user.pk, kind=events.Kind.CREDITS)
            assert await watched.wait(10) == (frozenset({str(user.pk)}) if postgres() else SOMETHING)

    run(listen)
