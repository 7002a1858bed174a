"""A server on loopback that answers in whatever way a test needs, and counts who asked."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable


class Server:
    """Answers every connection on loopback with `answer`, and counts them."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self.requests: list[bytes] = []
        self._answer = answer
        self._ended = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(0.05)
        self.port = self._socket.getsockname()[1]
        self.origin = f"http://127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=self._serve)]
        self._threads[0].start()

    def _serve(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(TimeoutError):
                connection, _ = self._socket.accept()
                thread = threading.Thread(target=self._talk, args=(connection,))
                thread.start()
                self._threads.append(thread)

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            request = b""
            while b"\r\n\r\n" not in request and (part := connection.recv(65536)):
                request += part
            self.requests.append(request)
            self._answer(connection, request)

    def close(self) -> None:
        self._ended.set()
        for thread in list(self._threads):
            thread.join()
        self._socket.close()


def response(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def redirect(location: str, status: str = "302 Found") -> bytes:
    return response(b"", f"Location: {location}", status=status)


def drip(first: bytes) -> Callable[[socket.socket, bytes], None]:
    """One byte each tenth of a second, for as long as somebody listens."""

    def answer(connection: socket.socket, _: bytes) -> None:
        connection.sendall(first)
        while True:
            connection.sendall(b"x")
            time.sleep(0.1)

    return answer
