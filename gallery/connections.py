"""Connections that go only where `address_rules` allows, for httpx."""

import asyncio
import contextlib
import functools
import socket
import ssl
import threading
import typing
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

import certifi
import httpcore
import httpx
from django.conf import settings

from gallery import address_rules
from gallery.address_rules import AddressRefused

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""From a host name and a port to numeric addresses. Raises OSError where there are none."""


async def system_resolve(host: str, port: int) -> list[str]:
    """The system's resolver, in a thread nobody has to wait for: it can hang longer than any deadline."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def deliver(addresses: list[str] | None, error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(addresses or [])
        else:
            answer.set_exception(error)

    def ask() -> None:
        addresses, error = None, None
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        except (OSError, UnicodeError) as failure:
            error = OSError(str(failure))
        # The loop may be gone by now, and then nobody waits.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(deliver, addresses, error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    return await answer


def transport(url: httpx.URL, resolve: Resolve, *, is_checked: bool) -> httpx.AsyncBaseTransport:
    """What carries one request to `url`: our own guarded connection, or `settings.EGRESS_PROXY`.

    A proxy resolves names itself, and refusing private ones is then its work; a number is checked here.

    :raises AddressRefused: when `url` is not for the proxy.
    """
    if not (is_checked and settings.EGRESS_PROXY):
        return GuardedTransport(Guard(resolve, is_checked=is_checked))
    address_rules.check_port(address_rules.port(url))
    with contextlib.suppress(socket.gaierror):
        found = socket.getaddrinfo(url.host.rstrip("."), None, flags=socket.AI_NUMERICHOST)
        address_rules.check_all([str(entry[4][0]) for entry in found])
    return httpx.AsyncHTTPTransport(proxy=settings.EGRESS_PROXY, verify=_tls(), trust_env=False)


class Guard(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore: resolves once, checks every address and, when connected, the peer."""

    def __init__(self, resolve: Resolve, *, is_checked: bool) -> None:
        self._resolve = resolve
        self._is_checked = is_checked
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        if self._is_checked:
            address_rules.check_port(port)
        addresses = await self._resolve(host, port)
        if self._is_checked:
            address_rules.check_all(addresses)
        for address in addresses:
            with contextlib.suppress(httpcore.ConnectError, httpcore.ConnectTimeout):
                stream = await self._backend.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
                return await self._checked(stream, address)
        raise httpcore.ConnectError(f"none of {len(addresses)} addresses answered")

    async def _checked(
        self, stream: httpcore.AsyncNetworkStream, address: str
    ) -> httpcore.AsyncNetworkStream:
        peer = stream.get_extra_info("server_addr")
        if not peer or not address_rules.is_same(str(peer[0]), address):
            await stream.aclose()
            raise AddressRefused("address_not_public", "Easel only fetches from public addresses.")
        return stream

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: typing.Any = None
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused("address_malformed", "This isn't a web address Easel can read.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncBaseTransport):
    """httpx over a connection that the guard opens. Errors rise as httpcore's."""

    def __init__(self, guard: Guard) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=_tls(), network_backend=guard, max_connections=1
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        response = await self._pool.handle_async_request(
            httpcore.Request(
                method=request.method,
                url=httpcore.URL(
                    scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
                ),
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_stream():
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


@functools.cache
def _tls() -> ssl.SSLContext:
    """Certificates checked against certifi's roots; made once, for it takes 20 ms."""
    return ssl.create_default_context(cafile=certifi.where())
