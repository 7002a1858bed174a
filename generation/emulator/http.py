"""A small HTTP/1.1 server that can also misbehave: reset, drip, hang and stop short.

Written on asyncio streams because servers made for production give no hold of the connection, and a thousand
waiting requests cost no more here than a thousand small tasks.
"""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

HEAD_MAX_BYTES = 64 * 1024
# Three references of 30 MB as base64.
BODY_MAX_BYTES = 128 * 1024 * 1024
DRIP_BYTES = 8
PIECE_BYTES = 128 * 1024
DRIP_SECONDS = 0.1


class Delivery(StrEnum):
    """How an answer leaves."""

    WHOLE = "whole"
    DRIP = "drip"  # some bytes, a pause, some bytes …
    HANG = "hang"  # nothing, until the client goes
    RESET = "reset"  # the request was read, then the connection is torn down
    RESET_BODY = "reset_body"  # likewise, after half of the answer


@dataclass(frozen=True)
class Request:
    """One request; header names in lower case, the path unquoted."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Response:
    """One answer; `headers` by lower-case name. The body is sent `times` times over, as one."""

    status: int
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Delivery = Delivery.WHOLE
    times: int = 1


class BadRequest(Exception):
    """The bytes are not HTTP that this server reads."""


Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Serves `handler` until closed."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; port 0 picks a free one. Gives the port.

        :raises OSError: the address is taken or not ours.
        """
        self._server = await asyncio.start_server(
            self._connected, host, port, limit=HEAD_MAX_BYTES, backlog=2048
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._connections.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                request = await read_request(reader, writer)
            except BadRequest as error:
                await _send(reader, writer, Response(400, str(error).encode()), keep=False)
                return
            if request is None:
                return
            keep = request.headers.get("connection", "").lower() != "close"
            if not await _send(reader, writer, await self._handler(request), keep=keep) or not keep:
                return


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    """The next request of a connection; None when the client has gone.

    :raises BadRequest: it is not HTTP/1.x, or too large.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise BadRequest("the head is too large") from error
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        raise BadRequest("this is not HTTP/1.x")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    target = urlsplit(words[1])
    body = await _read_body(reader, headers)
    return Request(words[0], unquote(target.path), dict(parse_qsl(target.query)), headers, body)


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return await _read_chunks(reader)
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
        raise BadRequest("the body is too large, or its length is no number")
    return await reader.readexactly(int(length))


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    chunks, total = [], 0
    while True:
        try:
            size = int((await reader.readline()).split(b";")[0], 16)
        except ValueError as error:
            raise BadRequest("a chunk has no size") from error
        total += size
        if size < 0 or total > BODY_MAX_BYTES:
            raise BadRequest("the body is too large")
        chunks.append((await reader.readexactly(size + 2))[:-2])
        if size == 0:
            return b"".join(chunks)


async def _send(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: Response, *, keep: bool
) -> bool:
    """Deliver the answer; whether the connection can serve another request."""
    if response.delivery is Delivery.RESET:
        _reset(writer)
        return False
    if response.delivery is Delivery.HANG:
        await reader.read()
        return False
    writer.write(_head(response, keep=keep))
    if response.delivery is Delivery.RESET_BODY:
        writer.write(response.body[: len(response.body) // 2])
        await writer.drain()
        # A reset may overtake what is still on its way, and the client shall see half an answer.
        await asyncio.sleep(DRIP_SECONDS)
        _reset(writer)
        return False
    # In pieces: of one long one, asyncio moves the rest to the front after each that was sent.
    step = DRIP_BYTES if response.delivery is Delivery.DRIP else PIECE_BYTES
    for start in list(range(0, len(response.body), step)) * response.times:
        writer.write(response.body[start : start + step])
        await writer.drain()
        if response.delivery is Delivery.DRIP:
            await asyncio.sleep(DRIP_SECONDS)
    await writer.drain()
    return True


def _head(response: Response, *, keep: bool) -> bytes:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    headers = {
        "content-length": str(len(response.body) * response.times),
        "connection": "keep-alive" if keep else "close",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _reset(writer: asyncio.StreamWriter) -> None:
    """End the connection with RST instead of FIN, so that the client sees a reset."""
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
