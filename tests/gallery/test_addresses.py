"""Fetching from addresses people give: what is never connected to, and that every fetch ends."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest

from gallery import address_rules, addresses, connections
from gallery.addresses import AddressRefused, FetchFailed
from tests.gallery.hostile_addresses import HOSTILE, NUMBERS, resolve
from tests.gallery.loopback import Server, drip, redirect, response

PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(1000)
DEADLINE = 2.0


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(answer: Callable[[socket.socket, bytes], None] | bytes) -> Server:
        respond = answer if callable(answer) else lambda connection, _: connection.sendall(answer)
        servers.append(Server(respond))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def fetch(url: str, *, max_bytes: int = 10_000, **options: Any) -> addresses.Fetched:
    options.setdefault("deadline_seconds", DEADLINE)
    options.setdefault("resolve", resolve)
    return asyncio.run(addresses.fetch(url, max_bytes=max_bytes, **options))


def trusted(server: Server) -> frozenset[str]:
    return frozenset({server.origin})


def test_there_are_enough_hostile_addresses() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 150


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where connections were tried; each is refused there, so none is made."""
    tried: list[str] = []

    async def connect_tcp(_: object, host: str, *__: object, **___: object) -> httpcore.AsyncNetworkStream:
        tried.append(host)
        raise httpcore.ConnectError("not in this test")

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)
    return tried


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_never_connected_to(url: str, connected: list[str]) -> None:
    began = time.monotonic()

    with pytest.raises((AddressRefused, FetchFailed)):
        fetch(url)

    assert connected == []
    assert time.monotonic() - began < DEADLINE + 1


def with_port(url: str, port: int) -> str:
    return url.replace("/a.png", f":{port}/a.png").replace("127.0.0.1/", f"127.0.0.1:{port}/")


def test_a_canary_on_loopback_hears_of_none_of_them(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = serve(response(PICTURE))
    monkeypatch.setattr(address_rules, "check_port", lambda number: None)

    for url in HOSTILE:
        with pytest.raises((AddressRefused, FetchFailed)):
            fetch(with_port(url, canary.port))

    assert canary.requests == []


def test_public_addresses_are_not_refused() -> None:
    public = ["93.184.216.34", "1.1.1.1", "8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"]

    assert [address for address in public if address_rules.is_refused(address)] == []


def test_a_public_address_is_what_is_connected_to(connected: list[str]) -> None:
    async def public(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "2606:4700::1111"]

    with pytest.raises(FetchFailed) as caught:
        fetch("https://example.org/a.png", resolve=public)

    assert caught.value.code == "fetch_unreachable"
    assert connected == ["93.184.216.34", "2606:4700::1111"]


def test_a_name_is_resolved_once(connected: list[str]) -> None:
    asked = []

    async def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["93.184.216.34"] if len(asked) == 1 else ["127.0.0.1"]

    with pytest.raises(FetchFailed):
        fetch("http://rebind.example/", resolve=rebinding)

    assert (asked, connected) == (["rebind.example"], ["93.184.216.34"])


def test_a_connection_that_ended_up_elsewhere_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(httpcore.AsyncMockStream):
        def get_extra_info(self, info: str) -> object:
            return ("127.0.0.1", 80) if info == "server_addr" else None

    async def connect_tcp(*_: object, **__: object) -> httpcore.AsyncNetworkStream:
        return Elsewhere([response(PICTURE)])

    async def public(host: str, port: int) -> list[str]:
        return ["93.184.216.34"]

    monkeypatch.setattr(httpcore.AnyIOBackend, "connect_tcp", connect_tcp)

    with pytest.raises(AddressRefused) as caught:
        fetch("http://example.org/", resolve=public)

    assert caught.value.code == "address_not_public"


@pytest.mark.parametrize("port", [22, 25, 81, 3306, 5432, 6379, 8000, 8080, 65535])
def test_other_ports_than_the_webs_are_refused(port: int, connected: list[str]) -> None:
    with pytest.raises(AddressRefused) as caught:
        fetch(f"http://93.184.216.34:{port}/")

    assert (caught.value.code, connected) == ("address_port", [])


def test_plain_http_is_refused_where_https_is_required(connected: list[str]) -> None:
    with pytest.raises(AddressRefused) as caught:
        fetch("http://93.184.216.34/", require_https=True)

    assert (caught.value.code, connected) == ("address_scheme", [])


def test_a_trusted_origin_gives_its_body(serve: Callable[..., Server]) -> None:
    server = serve(response(PICTURE, "Content-Type: image/png"))

    fetched = fetch(f"{server.origin}/a.png", trusted_origins=trusted(server))

    assert (fetched.data, fetched.content_type) == (PICTURE, "image/png")
    assert fetched.url == f"{server.origin}/a.png"


def test_trust_is_for_exactly_that_origin(serve: Callable[..., Server]) -> None:
    server = serve(response(PICTURE))
    other = frozenset(
        {f"http://localhost:{server.port}", f"https://127.0.0.1:{server.port}", "http://127.0.0.1"}
    )

    with pytest.raises(AddressRefused):
        fetch(f"{server.origin}/a.png", trusted_origins=other)

    assert server.requests == []


def test_the_operator_may_allow_private_addresses(serve: Callable[..., Server], settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    server = serve(response(PICTURE))

    assert fetch(f"{server.origin}/a.png").data == PICTURE


def test_a_fetch_takes_nothing_of_ours_along(
    serve: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(response(b"from the proxy"))
    monkeypatch.setenv("HTTP_PROXY", proxy.origin)
    monkeypatch.setenv("ALL_PROXY", proxy.origin)
    server = serve(response(PICTURE))

    fetch(f"{server.origin}/a.png", trusted_origins=trusted(server))

    assert proxy.requests == []
    sent = {line.split(":")[0].lower() for line in server.requests[0].decode().split("\r\n")[1:] if line}
    assert sent == {"host", "accept", "accept-encoding", "connection", "user-agent"}


def test_a_redirect_within_a_trusted_origin_is_followed(serve: Callable[..., Server]) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(redirect("/b.png") if b"/a.png" in request else response(PICTURE))

    server = serve(answer)

    fetched = fetch(f"{server.origin}/a.png", trusted_origins=trusted(server))

    assert (fetched.data, fetched.url) == (PICTURE, f"{server.origin}/b.png")


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_a_redirect_to_a_private_address_is_not_followed(serve: Callable[..., Server], status: str) -> None:
    canary = serve(response(PICTURE))
    server = serve(redirect(f"{canary.origin}/a.png", status))

    with pytest.raises(AddressRefused):
        fetch(f"{server.origin}/a.png", trusted_origins=trusted(server))

    assert canary.requests == []


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "ftp://example.org/", "http://a:b@example.org/", "http://[::1", "//", "\x7f"],
)
def test_a_redirect_to_no_web_address_is_refused(serve: Callable[..., Server], location: str) -> None:
    server = serve(redirect(location))

    with pytest.raises((AddressRefused, FetchFailed)):
        fetch(f"{server.origin}/a.png", trusted_origins=trusted(server))

    assert len(server.requests) <= 4


def test_trust_ends_at_a_redirect_elsewhere_and_does_not_come_back(
    serve: Callable[..., Server], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = serve(response(b"secret"))
    stranger = serve(redirect(f"{inner.origin}/admin"))
    outer = serve(redirect(f"{stranger.origin}/"))
    # The stranger is public as far as the rules know; our own server is not.
    monkeypatch.setattr(address_rules, "check_port", lambda number: None)
    checked: list[str] = []

    def check_all(found: list[str]) -> None:
        checked.extend(found)
        if len(checked) > 1:
            raise AddressRefused("address_not_public", "no")

    monkeypatch.setattr(address_rules, "check_all", check_all)

    with pytest.raises(AddressRefused):
        fetch(f"{outer.origin}/", trusted_origins=frozenset({outer.origin, inner.origin}))

    assert (len(stranger.requests), inner.requests) == (1, [])


def test_three_redirects_are_followed_and_a_fourth_is_not(serve: Callable[..., Server]) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        step = int(request.split(b" ")[1].strip(b"/"))
        connection.sendall(redirect(f"/{step - 1}") if step else response(PICTURE))

    server = serve(answer)

    assert fetch(f"{server.origin}/3", trusted_origins=trusted(server)).data == PICTURE
    with pytest.raises(AddressRefused) as caught:
        fetch(f"{server.origin}/4", trusted_origins=trusted(server))
    assert caught.value.code == "address_redirect"


def test_a_redirect_from_https_to_http_is_refused() -> None:
    with pytest.raises(AddressRefused) as caught:
        addresses._next(httpx.URL("https://example.org/"), "http://example.org/", require_https=False)

    assert caught.value.code == "address_redirect"


def test_a_body_that_says_it_is_too_big_is_not_read(serve: Callable[..., Server]) -> None:
    server = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 10001\r\n\r\n")

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server))

    assert caught.value.code == "fetch_too_large"


def test_a_body_that_does_not_say_so_is_read_to_the_limit(serve: Callable[..., Server]) -> None:
    sent = []

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(2000):
            connection.sendall(bytes(65536))
            sent.append(65536)

    server = serve(answer)

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server))
    server.close()

    assert caught.value.code == "fetch_too_large"
    assert len(sent) < 2000


def test_a_body_in_parts_is_what_came_whatever_size_was_said(serve: Callable[..., Server]) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9000\r\n\r\n"
    server = serve(head + b"3f0\r\n" + PICTURE + b"\r\n0\r\n\r\n")

    assert fetch(f"{server.origin}/", trusted_origins=trusted(server)).data == PICTURE


def test_a_body_of_exactly_the_limit_is_taken(serve: Callable[..., Server]) -> None:
    server = serve(response(bytes(10_000)))

    assert len(fetch(f"{server.origin}/", trusted_origins=trusted(server)).data) == 10_000


def test_an_encoded_answer_is_refused(serve: Callable[..., Server]) -> None:
    server = serve(response(b"\x1f\x8b", "Content-Encoding: gzip"))

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server))

    assert caught.value.code == "fetch_encoded"


@pytest.mark.parametrize("status", [204, 206, 304, 403, 404, 410, 500])
def test_another_status_than_200_is_a_failure_that_names_it(
    serve: Callable[..., Server], status: int
) -> None:
    server = serve(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server))

    assert (caught.value.code, caught.value.status) == ("fetch_status", status)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort",
        b"\x00" * 100,
        b"HTTP/1.1 2",
    ],
    ids=["nothing", "another protocol", "a short body", "zeros", "half a line"],
)
def test_an_answer_that_breaks_off_is_a_failure(serve: Callable[..., Server], answer: bytes) -> None:
    server = serve(answer)

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server))

    assert caught.value.code == "fetch_broken"


@pytest.mark.parametrize(
    "answer",
    [
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\nX: "),
        lambda connection, _: connection.recv(1),
    ],
    ids=["in the body", "in the headers", "in an error", "silence"],
)
def test_a_dripping_server_is_left_at_the_deadline(serve: Callable[..., Server], answer: Any) -> None:
    server = serve(answer)
    began = time.monotonic()

    with pytest.raises(FetchFailed) as caught:
        fetch(f"{server.origin}/", trusted_origins=trusted(server), deadline_seconds=0.6)

    assert caught.value.code == "fetch_timeout"
    assert time.monotonic() - began < 1.6


def test_the_deadline_covers_all_redirects_together(serve: Callable[..., Server]) -> None:
    def answer(connection: socket.socket, request: bytes) -> None:
        time.sleep(0.4)
        connection.sendall(redirect("/again"))

    server = serve(answer)
    began = time.monotonic()

    with pytest.raises(FetchFailed):
        fetch(f"{server.origin}/", trusted_origins=trusted(server), deadline_seconds=0.6)

    assert time.monotonic() - began < 1.6


def test_a_hanging_resolver_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def hanging(*_: object, **__: object) -> list[Any]:
        go_on.wait(20)
        return []

    monkeypatch.setattr(connections.socket, "getaddrinfo", hanging)
    began = time.monotonic()

    with pytest.raises(FetchFailed) as caught:
        addresses.fetch_sync("http://example.org/", max_bytes=10, deadline_seconds=0.3)

    assert caught.value.code == "fetch_timeout"
    assert time.monotonic() - began < 1.3
    go_on.set()


def test_a_name_that_is_not_there_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_such(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror("unknown")

    monkeypatch.setattr(connections.socket, "getaddrinfo", no_such)

    with pytest.raises(FetchFailed) as caught:
        addresses.fetch_sync("http://example.org/", max_bytes=10, deadline_seconds=2)

    assert caught.value.code == "fetch_unreachable"


def test_the_systems_resolver_gives_numbers() -> None:
    assert asyncio.run(connections.system_resolve("127.0.0.1", 80)) == ["127.0.0.1"]


@pytest.fixture
def proxy(serve: Callable[..., Server], settings: Any) -> Server:
    """An egress proxy that answers everything itself."""
    server = serve(response(PICTURE))
    settings.EGRESS_PROXY = server.origin
    return server


def test_with_an_egress_proxy_names_are_left_to_it(proxy: Server) -> None:
    async def unasked(host: str, port: int) -> list[str]:
        pytest.fail("resolved here")

    assert fetch("http://example.org/a.png", resolve=unasked).data == PICTURE
    assert proxy.requests[0].startswith(b"GET http://example.org/a.png HTTP/1.1\r\n")


@pytest.mark.parametrize("host", NUMBERS)
def test_with_an_egress_proxy_numbers_are_still_checked(proxy: Server, host: str) -> None:
    with pytest.raises((AddressRefused, FetchFailed)):
        fetch(f"http://{host}/a.png")

    assert proxy.requests == []


def test_with_an_egress_proxy_ports_are_still_checked(proxy: Server) -> None:
    with pytest.raises(AddressRefused):
        fetch("http://example.org:22/")

    assert proxy.requests == []


def test_a_trusted_origin_is_reached_without_the_proxy(proxy: Server, serve: Callable[..., Server]) -> None:
    server = serve(response(b"direct"))

    assert fetch(f"{server.origin}/", trusted_origins=trusted(server)).data == b"direct"
    assert proxy.requests == []


def test_an_egress_proxy_that_is_away_is_a_failure(settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        settings.EGRESS_PROXY = f"http://127.0.0.1:{closed.getsockname()[1]}"

    with pytest.raises(FetchFailed) as caught:
        fetch("http://example.org/")

    assert caught.value.code == "fetch_unreachable"
