"""A client for other requests than GET to addresses that a vendor names, guarded as `addresses.fetch` is."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator

import httpcore
import httpx
from django.conf import settings

from gallery import address_rules, connections
from gallery.address_rules import AddressRefused
from gallery.connections import Resolve, system_resolve


def client(*, trusted_origins: frozenset[str], resolve: Resolve = system_resolve) -> httpx.AsyncClient:
    """A client that connects to public addresses alone, and to `trusted_origins` (`scheme://host:port`).

    It follows no redirect and takes nothing along. What is refused rises as `httpx.ConnectError`.
    """
    return httpx.AsyncClient(
        transport=_Outside(trusted_origins, resolve), trust_env=False, follow_redirects=False
    )


class _Outside(httpx.AsyncBaseTransport):
    def __init__(self, trusted_origins: frozenset[str], resolve: Resolve) -> None:
        self._trusted, self._resolve = trusted_origins, resolve

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        is_trusted = address_rules.origin(request.url) in self._trusted
        is_checked = not (is_trusted or settings.ALLOW_PRIVATE_ADDRESSES)
        with _as_httpx(request):
            inner = connections.transport(request.url, self._resolve, is_checked=is_checked)
            try:
                response = await inner.handle_async_request(request)
            except BaseException:
                await inner.aclose()
                raise
        return httpx.Response(
            response.status_code,
            headers=response.headers,
            stream=_Body(request, response, inner),
            extensions=response.extensions,
        )


class _Body(httpx.AsyncByteStream):
    """The answer's body; its connection is nobody else's, and goes with it."""

    def __init__(
        self, request: httpx.Request, response: httpx.Response, transport: httpx.AsyncBaseTransport
    ) -> None:
        self._request, self._response, self._transport = request, response, transport

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for chunk in self._response.aiter_raw():
                yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()
        await self._transport.aclose()


@contextlib.contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """The guard's and httpcore's errors as httpx's, which is what callers know."""
    try:
        yield
    except AddressRefused as error:
        raise httpx.ConnectError(error.detail, request=request) from error
    except socket.gaierror as error:
        raise httpx.ConnectError("the name has no address", request=request) from error
    except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
        raise httpx.ConnectError(str(error), request=request) from error
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error), request=request) from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise httpx.ReadError(str(error), request=request) from error
