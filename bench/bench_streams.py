"""What 200 open event streams cost: of a core when nothing happens, and their delay at 100 changes a second.

A uvicorn process serves streams of one person, which a second process reads over plain sockets; a third one
commits the changes, all of which each stream gets. On SQLite and on PostgreSQL, each in a process of its own;
`sqlite` or `postgresql` as argument asks for one. STREAMS, STREAM_IDLE_SECONDS and STREAM_BUSY_SECONDS choose
how much.
"""

import asyncio
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench import entries, report
from tests import services

ROOT = Path(__file__).resolve().parents[1]
STREAMS = int(os.environ.get("STREAMS", "200"))
IDLE_SECONDS = float(os.environ.get("STREAM_IDLE_SECONDS", "30"))
BUSY_SECONDS = float(os.environ.get("STREAM_BUSY_SECONDS", "20"))
A_SECOND = 100
DATABASES = ("sqlite", "postgresql")
TICKS = os.sysconf("SC_CLK_TCK")
NUMBER = re.compile(rb'"id": "n(\d+)"')


# --- The readers: a process of its own ----------------------------------------------------------


class Stream(asyncio.Protocol):
    """Keeps what comes and when; what it says is looked at afterwards."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.parts: list[tuple[float, bytes]] = []

    def connection_made(self, transport: Any) -> None:
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self.parts.append((time.time(), data))

    def arrivals(self) -> dict[int, float]:
        """When each number was there, whole."""
        ends, text = [], b""
        for at, data in self.parts:
            text += data
            ends.append((len(text), at))
        found, place = {}, 0
        for match in NUMBER.finditer(text):
            while ends[place][0] < match.end():
                place += 1
            found.setdefault(int(match[1]), ends[place][1])
        return found


async def read(port: int, secret: str) -> None:
    """Open the streams, say so, and when told to, say when each change came to each of them."""
    request = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {secret}\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    streams = []
    for _ in range(STREAMS):
        _, opened = await loop.create_connection(lambda: Stream(request), "127.0.0.1", port)
        streams.append(opened)
        # The answer's head, the time to wait and the place.
        while not any(b"\nid: " in data for _, data in opened.parts):
            await asyncio.sleep(0.01)
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    print(json.dumps([one.arrivals() for one in streams]), flush=True)


# --- The writer: a process of its own -----------------------------------------------------------


def write(user_id: int, number: int) -> None:
    """Commit so many changes at a steady pace, and say when each was committed."""
    import django

    django.setup()
    from accounts import events

    events.record(user_id=user_id, kind=events.Kind.CREDITS)
    began = time.monotonic()
    committed = []
    for n in range(number):
        time.sleep(max(0.0, began + n / A_SECOND - time.monotonic()))
        events.record(user_id=user_id, kind=events.Kind.GENERATION, subject=f"n{n}")
        committed.append(time.time())
    print(json.dumps({"committed": committed, "seconds": time.monotonic() - began}), flush=True)


# --- The measurement ----------------------------------------------------------------------------


def measure() -> report.Row:
    from django.db import connection

    from accounts import keys

    (user,) = entries.people(1)
    secret = keys.create(user=user, name="bench").secret
    number = int(A_SECOND * BUSY_SECONDS)
    with web_process() as (server, port), helper("read", str(port), secret) as readers:
        assert readers.stdout
        assert readers.stdin
        assert readers.stdout.readline().strip() == "open"
        time.sleep(2)
        before = cpu_seconds(server.pid)
        time.sleep(IDLE_SECONDS)
        idle = (cpu_seconds(server.pid) - before) / IDLE_SECONDS
        before, began = cpu_seconds(server.pid), time.monotonic()
        with helper("write", str(user.pk), str(number)) as writer:
            assert writer.stdout
            told = json.loads(writer.stdout.readline())
        busy = (cpu_seconds(server.pid) - before) / (time.monotonic() - began)
        time.sleep(2)
        readers.stdin.write("\n")
        readers.stdin.flush()
        heard = json.loads(readers.stdout.readline())
    late = sorted(at - told["committed"][int(n)] for arrivals in heard for n, at in arrivals.items())
    expected = number * STREAMS
    connection.close()
    assert len(late) == expected, f"{expected - len(late)} of {expected} were not told"
    return {
        "streams": STREAMS,
        "idle, % of a core": 100 * idle,
        "changes a second": number / told["seconds"],
        "told": len(late),
        "p50 ms": statistics.median(late) * 1_000,
        "p95 ms": late[int(len(late) * 0.95)] * 1_000,
        "latest ms": late[-1] * 1_000,
        "busy, % of a core": 100 * busy,
    }


@contextmanager
def web_process() -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Uvicorn as `manage.py up` starts it, ready."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    quiet = ["--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "1"]
    server = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "config.asgi:application", "--port", str(port), *quiet],
        cwd=ROOT,
        env=environment() | {"PORT": str(port)},
    )
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "uvicorn has ended"
                time.sleep(0.1)
        yield server, port
    finally:
        server.terminate()
        server.wait(timeout=20)


@contextmanager
def helper(*arguments: str) -> "Iterator[subprocess.Popen[str]]":
    """This file as another process, for the readers or the writer."""
    process = subprocess.Popen(
        [sys.executable, __file__, *arguments],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.communicate(timeout=20)


def environment() -> dict[str, str]:
    """What another process needs to work on the database of this one."""
    from django.db import connection

    database = connection.settings_dict
    address = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        login = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
        address = f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    own = {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONPATH": str(ROOT)}
    return {**os.environ, **own, "LOG_LEVEL": "WARNING"}


def cpu_seconds(pid: int) -> float:
    """What the process has used of the processors so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measure_on(database: str) -> None:
    url = "sqlite" if database == "sqlite" else services.postgres_url()
    if url is None:
        report.skip(f"needs PostgreSQL: {services.POSTGRES.get}")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DATA_DIR"] = folder
        with entries.database(str(url)):
            report.report(f"streams_{database}", [measure()])


def main() -> None:
    match sys.argv[1:]:
        case ["read", port, secret]:
            asyncio.run(read(int(port), secret))
        case ["write", user_id, number]:
            write(int(user_id), int(number))
        case [database]:
            measure_on(database)
        case _:
            if not Path("/proc/self/stat").exists():
                report.skip("needs /proc to see what a process uses")
            for database in DATABASES:
                print(f"\n{database}", flush=True)
                subprocess.run([sys.executable, __file__, database], check=True)


if __name__ == "__main__":
    main()
