"""Requests as uvicorn gives them: pages are made in threads that stay, and what waits is awaited.

Django's own handler gives each request a thread, and so a database connection, of its own, and changes
between it and the event loop at every middleware. For a page of the gallery that was 3 ms of processor time
of 14, and with PostgreSQL, whose connections begin with empty caches, 12 ms of waiting more (ADR 0017).
Here middleware and view run in one go. A view that is a coroutine is left to Django's way: it may wait long,
and is to hold no thread meanwhile.
"""

import asyncio
import contextvars
import gc
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import IO, Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.core import signals
from django.core.exceptions import RequestAborted
from django.core.handlers.asgi import ASGIHandler, ASGIRequest, get_script_prefix
from django.core.handlers.base import BaseHandler
from django.db import connections
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve, set_script_prefix

KEPT = 8
"""Threads that stay, each with its database connection, for so many requests at once."""
MORE_MAX = 500
"""Threads for when more come: some wait long, for a provider or a picture's end. These keep no connection."""
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Handler(ASGIHandler):
    """The ASGI application."""

    def __init__(self) -> None:
        super().__init__()
        self._pages = BaseHandler()
        self._pages.load_middleware(is_async=False)
        self._kept = ThreadPoolExecutor(KEPT, thread_name_prefix="page")
        self._more = ThreadPoolExecutor(MORE_MAX, thread_name_prefix="more")
        self._free = KEPT
        # A page's objects are few beside those of the code, which would be looked through again and again.
        gc.collect()
        gc.freeze()

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; the caller has begun a `ThreadSensitiveContext`."""
        if _waits(scope["path"].removeprefix(get_script_prefix(scope).removesuffix("/"))):
            try:
                await super().handle(scope, receive, send)
            finally:
                # Its thread, if it took one, ends with it.
                await asyncio.shield(sync_to_async(connections.close_all)())
            return
        try:
            body = await self.read_body(receive)
        except RequestAborted:
            return
        with body:
            await self._answer(scope, body, receive, send)

    async def _answer(self, scope: Scope, body: IO[bytes], receive: Receive, send: Send) -> None:
        set_script_prefix(get_script_prefix(scope))
        request, refused = self.create_request(scope, body)
        if request is None:
            assert refused is not None
            await self.send_response(refused, send)
            return
        gone = asyncio.create_task(self.listen_for_disconnect(receive))
        answer = asyncio.create_task(self._respond(request, send))
        try:
            await asyncio.wait([gone, answer], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (gone, answer):
                task.cancel()
            ended = await asyncio.gather(answer, gone, return_exceptions=True)
        if isinstance(ended[0], Exception):
            raise ended[0]

    async def _respond(self, request: ASGIRequest, send: Send) -> None:
        response = await self._in_thread(request)
        response._handler_class = self.__class__  # type: ignore[attr-defined]
        try:
            await self.send_response(response, send)
        finally:
            if response.streaming:
                # What it streams from may hold the connection of this request's own thread.
                await asyncio.shield(sync_to_async(_end)(response))

    async def _in_thread(self, request: ASGIRequest) -> HttpResponseBase:
        """The answer, made in a thread that stays where one is free."""
        run = contextvars.copy_context().run
        if not self._free:
            return await asyncio.wrap_future(self._more.submit(run, self._made_once, request))
        loop = asyncio.get_running_loop()

        def give_back(_: Future[HttpResponseBase]) -> None:
            loop.call_soon_threadsafe(self._give_back)

        self._free -= 1
        made = self._kept.submit(run, self._made, request)
        # Of the thread's own future: who waits for it may be gone before it ends.
        made.add_done_callback(give_back)
        return await asyncio.wrap_future(made)

    def _give_back(self) -> None:
        self._free += 1

    def _made(self, request: HttpRequest) -> HttpResponseBase:
        signals.request_started.send(sender=self.__class__)
        response = self._pages.get_response(request)
        if not response.streaming:
            response.close()
        return response

    def _made_once(self, request: HttpRequest) -> HttpResponseBase:
        try:
            return self._made(request)
        finally:
            connections.close_all()


def _waits(path: str) -> bool:
    """Whether a coroutine answers there."""
    try:
        return iscoroutinefunction(resolve(path).func)
    except Resolver404:
        return False


def _end(response: HttpResponseBase) -> None:
    response.close()
    connections.close_all()
