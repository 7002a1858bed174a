"""Requests to addresses that a vendor names go to public ones alone, and to the vendor's own."""

import asyncio
import http.server
import threading
from collections.abc import Iterator

import httpx
import pytest

from gallery import outside
from gallery.address_rules import origin


class Took(http.server.BaseHTTPRequestHandler):
    """Takes what is put, and redirects what is posted."""

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.taken.append(body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Took)
    served.taken = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join()


def put(url: str, *, trusted: frozenset[str] = frozenset(), to: list[str] | None = None) -> httpx.Response:
    async def resolve(host: str, port: int) -> list[str]:
        return to or [host]

    async def run() -> httpx.Response:
        async with outside.client(trusted_origins=trusted, resolve=resolve) as client:
            return await client.put(url, content=b"a picture")

    return asyncio.run(run())


def test_the_vendors_own_origin_is_trusted(server: http.server.ThreadingHTTPServer) -> None:
    url = f"http://127.0.0.1:{server.server_port}/put"

    answer = put(url, trusted=frozenset({origin(httpx.URL(url))}))

    assert (answer.status_code, answer.text) == (200, "ok")
    assert server.taken == [b"a picture"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1"])
def test_a_name_that_leads_inside_is_not_connected_to(
    server: http.server.ThreadingHTTPServer, address: str
) -> None:
    with pytest.raises(httpx.ConnectError):
        put("https://uploads.example.test/put", to=[address])

    assert server.taken == []  # type: ignore[attr-defined]


def test_another_port_of_a_trusted_host_is_not_trusted(server: http.server.ThreadingHTTPServer) -> None:
    with pytest.raises(httpx.ConnectError):
        put(f"http://127.0.0.1:{server.server_port}/put", trusted=frozenset({"http://127.0.0.1:9"}))

    assert server.taken == []  # type: ignore[attr-defined]
