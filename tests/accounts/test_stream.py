"""The event stream: whose events, from where on, in which form, for how long."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client

from accounts import events, stream
from accounts.models import Event, User
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
Answer = TypeVar("Answer")


def tell(user: User, subject: str = "g1") -> Event:
    events.record(user_id=user.pk, kind=events.Kind.GENERATION, subject=subject)
    return Event.objects.latest("pk")


def run(work: Callable[[], Awaitable[Answer]]) -> Answer:
    async def closing() -> Answer:
        try:
            return await work()
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(closing())  # type: ignore[arg-type]


async def first_words(response: StreamingHttpResponse, pieces: int) -> str:
    """That many pieces of a live stream; what follows is not waited for."""
    parts = aiter(response)
    text = [await asyncio.wait_for(anext(parts), 10) for _ in range(pieces)]
    return b"".join(text).decode()


def test_a_stranger_gets_no_stream_and_no_redirect() -> None:
    assert Client().get("/events").status_code == 401


def test_an_open_page_hears_what_happens_after_it_was_drawn() -> None:
    user = factories.person(credits=0)
    old = tell(user, "old")

    async def listen() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get(f"/events?after={old.pk}")
        assert response["Content-Type"] == "text/event-stream"
        assert "no-cache" in response["Cache-Control"]
        await sync_to_async(tell)(user, "new")
        return await first_words(response, 2)

    heard = run(listen)

    assert "event: generation\ndata: new\n\n" in heard
    assert "old" not in heard
    assert f"id: {Event.objects.latest('pk').pk}\n" in heard


def test_a_stream_goes_on_after_the_last_event_heard() -> None:
    user = factories.person(credits=0)
    first, second = tell(user, "one"), tell(user, "two")

    async def listen() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        # The header of a reconnecting browser goes before the address, which is as old as the page.
        response = await client.get("/events?after=0", headers={"Last-Event-ID": str(first.pk)})
        return await first_words(response, 2)

    heard = run(listen)

    assert "one" not in heard
    assert f"id: {second.pk}" in heard


def test_nobody_hears_of_another_person() -> None:
    user, other = factories.person(credits=0), factories.person(credits=0)
    tell(other)

    assert stream.Looker(user.pk, 0).look() == []


def test_an_event_is_told_once() -> None:
    user = factories.person(credits=0)
    told = tell(user)
    looker = stream.Looker(user.pk, 0)

    assert looker.look() == [told]
    assert looker.look() == []


def test_an_event_that_is_seen_late_is_told_all_the_same() -> None:
    user = factories.person(credits=0)
    late, early = tell(user, "late"), tell(user, "early")
    late.delete()
    looker = stream.Looker(user.pk, 0)
    assert looker.look() == [early]

    Event.objects.create(pk=early.pk - 1, user=user, kind=events.Kind.CREDITS)

    assert [event.pk for event in looker.look()] == [early.pk - 1]


def test_a_look_is_one_query_and_leaves_no_connection(
    django_assert_num_queries: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = factories.person(credits=0)
    closed: list[bool] = []
    monkeypatch.setattr(connections, "close_all", lambda: closed.append(True))

    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        stream.Looker(user.pk, 0).look()

    assert closed == [True]


def test_a_server_with_threads_streams_the_same() -> None:
    user = factories.person(credits=0)
    tell(user)

    parts = stream.stream_blocking(stream.Looker(user.pk, 0))

    assert "retry:" in next(parts)
    assert "event: generation\ndata: g1\n\n" in next(parts)


def test_a_stream_ends_with_a_last_event() -> None:
    user = factories.person(credits=0)

    parts = list(stream.stream_blocking(stream.Looker(user.pk, 0), life_seconds=0))

    assert parts[-1] == "event: end\ndata:\n\n"


def test_a_quiet_stream_says_that_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "COMMENT_SECONDS", 0)
    parts = stream.stream_blocking(stream.Looker(factories.person(credits=0).pk, 0))
    next(parts)

    assert next(parts).startswith(":")


@pytest.mark.parametrize("place", ["junk", "-1", "9" * 40, "¼"])
def test_a_place_that_is_no_number_is_from_now_on(place: str) -> None:
    user = factories.person(credits=0)
    tell(user, "old")

    async def listen() -> str:
        client = AsyncClient()
        await client.aforce_login(user)
        response = await client.get("/events", {"after": place})
        await sync_to_async(tell)(user, "new")
        return await first_words(response, 2)

    assert "old" not in run(listen)
