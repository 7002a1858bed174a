"""A request id on every log line and answer."""

import re
import uuid
from collections.abc import Awaitable, Callable

import structlog
from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_ACCEPTED = re.compile(r"[A-Za-z0-9._:-]{1,64}")
type_of_next = (
    Callable[[HttpRequest], HttpResponseBase] | Callable[[HttpRequest], Awaitable[HttpResponseBase]]
)


class RequestIdMiddleware:
    """Gives `request.id`, answers it as `X-Request-Id` and binds it to the logs."""

    sync_capable = async_capable = True

    def __init__(self, get_response: type_of_next) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if iscoroutinefunction(self.get_response):
            return self._answer_later(request)
        self._begin(request)
        response = self.get_response(request)
        assert not isinstance(response, Awaitable)
        return self._end(request, response)

    async def _answer_later(self, request: HttpRequest) -> HttpResponseBase:
        self._begin(request)
        response = self.get_response(request)
        assert isinstance(response, Awaitable)
        return self._end(request, await response)

    def _begin(self, request: HttpRequest) -> None:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _ACCEPTED.fullmatch(given) else f"req_{uuid.uuid4().hex[:12]}"
        request.id = request_id  # type: ignore[attr-defined]
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)

    def _end(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response
