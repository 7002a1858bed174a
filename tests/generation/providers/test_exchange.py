"""One exchange at its edges, against a server that says exactly the bytes it is given."""

import asyncio
import gzip

import httpx
import pytest

from generation.providers.exchange import NotSent, Reply, Unanswered, exchange
from generation.providers.http import ENVELOPE_MAX_BYTES, new_client

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
TORN = b"HTTP/1.1 429 Slow\r\ncontent-length: 100\r\n\r\nhalf"


def against(
    said: bytes,
    *,
    deadline_seconds: float = 5.0,
    headers: dict[str, str] | None = None,
    stays_open: bool = False,
) -> tuple[Reply, list[bytes]]:
    """The reply to one exchange with a server that answers `said`, and the heads it was sent."""
    heads: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(said)
            await writer.drain()
            if stays_open:
                await reader.read()
                await reader.read()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def run() -> Reply:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, new_client() as client:
            return await exchange(
                client,
                "POST",
                f"http://127.0.0.1:{port}/",
                headers=headers or {},
                deadline_seconds=deadline_seconds,
                content=b"{}",
            )

    return asyncio.run(run()), heads


def test_a_status_near_the_deadline_is_not_lost_with_its_body() -> None:
    reply, _ = against(TORN, deadline_seconds=1.5, stays_open=True)

    assert (reply.status, reply.body) == (429, b"half")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"HTTP/1.1 429 Slow\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", 429),
        (b"HTTP/1.1 429 Slow\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n", 429),
        (b"HTTP/1.1 401 No\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", 401),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", 404),
        (b"HTTP/1.1 302 Away\r\nlocation: http://[\r\ncontent-length: 0\r\n\r\n", 302),
        (b"HTTP/1.1 999 What\r\ncontent-length: 0\r\n\r\n", 999),
    ],
)
def test_a_status_counts_whatever_follows_it(said: bytes, status: int) -> None:
    reply, heads = against(said)

    assert (reply.status, len(heads)) == (status, 1)


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx: " + b"a" * 200_000 + b"\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc",
    ],
)
def test_what_is_no_whole_answer_is_unanswered(said: bytes) -> None:
    with pytest.raises(Unanswered) as failure:
        against(said)
    assert not failure.value.late


def test_a_packed_answer_is_bounded_by_what_it_holds() -> None:
    body = gzip.compress(b" " * (ENVELOPE_MAX_BYTES + 1))
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(body)

    with pytest.raises(Unanswered) as failure:
        against(head + body)
    assert failure.value.large


@pytest.mark.parametrize("value", ["g-1\r\nX-Evil: 1", "g-1\nX-Evil: 1", "g\0", "gé", "g\ud800"])
def test_a_header_that_would_be_another_is_not_sent(value: str) -> None:
    with pytest.raises(NotSent):
        against(OK, headers={"X-Client-Request-Id": value})


def test_headers_arrive_as_they_were_given() -> None:
    _, (head,) = against(OK, headers={"X-Client-Request-Id": "g-1.1"})

    assert b"\r\nX-Client-Request-Id: g-1.1\r\n" in head


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://h:port/",
        "http://h:99999999/",
        "ftp://h/",
        "nothing",
        "http:///",
        "http://\u2028/",
    ],
)
def test_an_address_that_is_none_is_not_sent(url: str) -> None:
    async def run() -> None:
        async with new_client() as client:
            await exchange(client, "POST", url, headers={}, deadline_seconds=2.0)

    with pytest.raises(NotSent):
        asyncio.run(run())


@pytest.mark.parametrize("seconds", [0.0, -3.0])
def test_without_time_left_nothing_is_sent(seconds: float) -> None:
    asked = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            await exchange(client, "POST", "http://h.example.test/", headers={}, deadline_seconds=seconds)

    with pytest.raises(NotSent):
        asyncio.run(run())
    assert asked == []
