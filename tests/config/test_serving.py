"""Requests in threads that stay, over the handler that uvicorn calls."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from config import serving
from config.serving import Handler

OPEN = threading.Event()
ENTERED = threading.Semaphore(0)
CLOSED = threading.Event()


def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(threading.current_thread().name)


def slow(request: HttpRequest) -> HttpResponse:
    ENTERED.release()
    OPEN.wait(20)
    return where(request)


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


async def awaited(request: HttpRequest) -> HttpResponse:
    await asyncio.sleep(0)
    return HttpResponse(threading.current_thread().name)


def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def parts() -> AsyncIterator[bytes]:
        try:
            yield b"begun"
            await asyncio.sleep(60)
        finally:
            CLOSED.set()

    return StreamingHttpResponse(parts())


urlpatterns = [
    path(view.__name__, view)
    for view in (where, slow, echo, broken, awaited, stream)  # type: ignore[list-item]
]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.filterwarnings("ignore:.*No directory at")]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Handler:
    monkeypatch.setattr(serving, "KEPT", 2)
    settings.ALLOWED_HOSTS = ["here"]
    OPEN.clear()
    CLOSED.clear()
    return Handler()


class Call:
    """A request as a server makes it, and what came back."""

    def __init__(self, handler: Handler, name: str, body: bytes = b"", *, below: str = "") -> None:
        self.sent: list[dict[str, Any]] = []
        self.begun = asyncio.Event()
        self.leave = asyncio.Event()
        self._given = [{"type": "http.request", "body": body, "more_body": False}]
        scope = {
            "type": "http", "path": f"{below}/{name}", "root_path": below, "query_string": b"",
            "method": "POST" if body else "GET", "headers": [(b"host", b"here")], "http_version": "1.1",
            "scheme": "http",
        }  # fmt: skip
        self.task = asyncio.create_task(handler(scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self._given:
            return self._given.pop()
        await self.leave.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message.get("body"):
            self.begun.set()

    async def answer(self) -> tuple[int, bytes]:
        await asyncio.wait_for(self.task, 20)
        return self.sent[0]["status"], b"".join(one.get("body", b"") for one in self.sent[1:])


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), 30))


async def two_at_work(handler: Handler) -> list[Call]:
    """Calls that hold all threads that stay."""
    two = [Call(handler, "slow"), Call(handler, "slow")]
    for _ in two:
        assert await asyncio.to_thread(ENTERED.acquire, timeout=20)
    return two


def test_a_page_is_made_in_a_thread_that_stays(handler: Handler) -> None:
    async def work() -> None:
        names = {(await Call(handler, "where").answer())[1] for _ in range(6)}

        assert {name.rpartition(b"_")[0] for name in names} == {b"page"}
        assert len(names) <= 2

    run(work)


def test_more_than_those_at_once_get_threads_of_their_own(handler: Handler) -> None:
    async def work() -> None:
        two = await two_at_work(handler)

        assert (await Call(handler, "where").answer())[1].startswith(b"more")

        OPEN.set()
        assert [(await one.answer())[1].rpartition(b"_")[0] for one in two] == [b"page", b"page"]
        assert (await Call(handler, "where").answer())[1].startswith(b"page")

    run(work)


def test_who_leaves_gives_the_thread_back_when_it_is_done_and_not_before(handler: Handler) -> None:
    async def work() -> None:
        two = await two_at_work(handler)
        for one in two:
            one.leave.set()
        for one in two:
            await asyncio.wait_for(one.task, 20)

        assert (await Call(handler, "where").answer())[1].startswith(b"more")

        OPEN.set()
        for _ in range(200):
            if handler._free == 2:
                break
            await asyncio.sleep(0.05)
        assert (await Call(handler, "where").answer())[1].startswith(b"page")

    run(work)


def test_a_coroutine_holds_no_thread(handler: Handler) -> None:
    async def work() -> None:
        here = (200, threading.current_thread().name.encode())
        assert await Call(handler, "awaited").answer() == here
        assert await Call(handler, "awaited", below="/easel").answer() == here

    run(work)


def test_what_is_sent_is_read_and_errors_are_answered(handler: Handler) -> None:
    async def work() -> None:
        assert await Call(handler, "echo", b"some words").answer() == (200, b"some words")
        assert (await Call(handler, "broken").answer())[0] == 500
        assert (await Call(handler, "nowhere").answer())[0] == 404
        assert handler._free == 2

    run(work)


def test_a_stream_ends_with_its_reader(handler: Handler) -> None:
    async def work() -> None:
        call = Call(handler, "stream")
        await asyncio.wait_for(call.begun.wait(), 20)
        assert not CLOSED.is_set()

        call.leave.set()

        await asyncio.wait_for(call.task, 20)
        assert CLOSED.is_set()

    run(work)
