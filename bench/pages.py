"""Web servers beside each other: how many pages a second each answers, and what one costs its process."""

import contextlib
import http.client
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import clusters
from bench.servers import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[1]
CONNECTIONS = 4


@dataclass
class Site:
    """A server that runs, and how its page is asked for: `path` with `{place}`, a number up to `newest`."""

    name: str
    port: int
    pid: int
    path: str
    newest: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)

    def ask(self, connection: http.client.HTTPConnection, dice: random.Random) -> int:
        """Ask for one page; how many bytes it has.

        :raises RuntimeError: it isn't answered with 200.
        """
        place = dice.randrange(self.newest // 2, self.newest + 1)
        connection.request("GET", self.path.format(place=place), headers=dict(self.headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{self.name}: {answer.status} {body[:300]!r}")
        return len(body)


@contextlib.contextmanager
def served(
    name: str,
    application: str,
    environment: Mapping[str, str],
    *,
    path: str,
    folder: Path = ROOT,
    python: str = sys.executable,
    newest: int = 1,
    headers: Mapping[str, str] | None = None,
) -> Iterator[Site]:
    """One uvicorn process, as the product runs, on the first core where there are two."""
    port = free_port()
    command = [python, "-m", "uvicorn", application, "--port", str(port), "--no-access-log"]
    process = subprocess.Popen(
        [*_on(0), *command, "--log-level", "warning"],
        cwd=folder,
        env=dict(environment) | {"PORT": str(port)},
        start_new_session=True,
    )
    site = Site(name, port, process.pid, path, newest, headers or {})
    try:
        clusters.wait_until(lambda: _answers(site), seconds=60, why=f"{name} did not start")
        yield site
    finally:
        process.kill()
        process.wait()


def per_second(sites: Sequence[Site], *, rounds: int, seconds: float) -> dict[str, tuple[float, float]]:
    """Of each site: pages a second and processor milliseconds a page, medians of rounds in turn."""
    found: dict[str, list[tuple[float, float]]] = {site.name: [] for site in sites}
    for site in sites:
        _load(site, min(1.0, seconds))
    for _ in range(rounds):
        for site in sites:
            before = sum(clusters.cpu_seconds([site.pid]).values())
            began = time.perf_counter()
            pages = _load(site, seconds)
            taken = time.perf_counter() - began
            spent = sum(clusters.cpu_seconds([site.pid]).values()) - before
            found[site.name].append((pages / taken, spent / pages * 1000))
    return {
        name: (statistics.median(rate for rate, _ in some), statistics.median(cost for _, cost in some))
        for name, some in found.items()
    }


def wall(sites: Sequence[Site], *, requests: int) -> dict[str, tuple[float, float]]:
    """Of each site: p50 and p95 of one page after the other, milliseconds, the sites taking turns."""
    dice = random.Random(3)
    taken: dict[str, list[float]] = {site.name: [] for site in sites}
    connections = {site.name: http.client.HTTPConnection(LOOPBACK, site.port) for site in sites}
    for turn in range(requests + 3):
        for site in sites:
            began = time.perf_counter()
            site.ask(connections[site.name], dice)
            if turn >= 3:
                taken[site.name].append((time.perf_counter() - began) * 1000)
    return {
        name: (statistics.median(some), statistics.quantiles(some, n=20)[-1]) for name, some in taken.items()
    }


def _load(site: Site, seconds: float) -> int:
    """How many pages were answered in so many seconds, a few being asked for at once."""
    ends = time.perf_counter() + seconds
    counts = [0] * CONNECTIONS
    errors: list[BaseException] = []

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection(LOOPBACK, site.port)
        dice = random.Random(number)
        try:
            while time.perf_counter() < ends:
                site.ask(connection, dice)
                counts[number] += 1
        except Exception as error:  # told by the main thread
            errors.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return sum(counts)


def _answers(site: Site) -> bool:
    with contextlib.suppress(OSError):
        site.ask(http.client.HTTPConnection(LOOPBACK, site.port, timeout=20), random.Random(1))
        return True
    return False


def _on(core: int) -> list[str]:
    return ["taskset", "-c", str(core)] if (os.cpu_count() or 1) > 1 and sys.platform == "linux" else []
