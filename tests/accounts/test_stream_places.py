"""Coming back to the event stream: late commits, breaks and long absences lose nothing."""

import asyncio
import time
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections, transaction
from django.utils import timezone

from accounts import events, hub
from accounts.events import Place
from accounts.models import Event
from tests import factories
from tests.accounts.streams import (
    PAGES,
    OpenTransaction,
    Reader,
    atell,
    beginning,
    opened,
    run,
    tell,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("begun")]


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
        after = beginning()
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
        after, heard = beginning(), []
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
