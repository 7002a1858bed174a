"""Real worker clusters on the bench's database, and what they and their children cost."""

import contextlib
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config import processes

ROOT = Path(__file__).resolve().parents[1]
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 60
LOOK_SECONDS = 5.0
READY = "The worker is ready."


@dataclass
class Usage:
    """What a cluster's processes took: the most memory of one, MiB, and processor seconds of all."""

    worker_mib: float = 0.0
    pictures_mib: float = 0.0
    workers: dict[int, float] = field(default_factory=dict)
    pictures: dict[int, float] = field(default_factory=dict)

    @property
    def worker_seconds(self) -> float:
        return sum(self.workers.values())

    @property
    def picture_seconds(self) -> float:
        return sum(self.pictures.values())


def address() -> str:
    """`DATABASE_URL` of the database this process is connected to."""
    from django.db import connection

    known = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{known['NAME']}"
    login = f"{known['USER']}:{known['PASSWORD']}" if known["PASSWORD"] else known["USER"]
    return f"postgres://{login}@{known['HOST']}:{known['PORT']}/{known['NAME']}"


def environment(**settings: str) -> dict[str, str]:
    """What our processes are started with: this database, these files, and none of the caller's keys."""
    from django.conf import settings as known

    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    here = {
        "DATABASE_URL": address(),
        "DATA_DIR": str(known.DATA_DIR),
        "SECRET_KEY": known.SECRET_KEY,
        "LOG_LEVEL": "WARNING",
        "SITE_URL": "",
        "REDIS_URL": "",
        "AWS_STORAGE_BUCKET_NAME": "",
    }
    return kept | here | settings


@contextlib.contextmanager
def worker(**settings: str) -> Iterator[subprocess.Popen[str]]:
    """`manage.py runworker`, ready; `settings` are environment variables."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runworker"],
        cwd=ROOT,
        env=environment(**settings) | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if READY in line:
                break
        else:
            raise RuntimeError("the worker did not start")
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process
    finally:
        below = processes.descendants(process.pid)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
        for pid in [*below, process.pid]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        process.wait()


@contextlib.contextmanager
def web(**settings: str) -> Iterator[str]:
    """A web process, ready; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    collect = [sys.executable, "manage.py", "collectstatic", "--noinput", "-v0"]
    subprocess.run(collect, cwd=ROOT, env=environment(), check=True)
    arguments = ["--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(
        [sys.executable, "-m", "uvicorn", "config.asgi:application", *arguments],
        cwd=ROOT,
        env=environment(PORT=str(port), **settings),
        start_new_session=True,
    )
    try:
        wait_until(lambda: _answers(f"{site}/readyz"), seconds=60, why="the web process did not start")
        yield site
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)
    return False


@contextlib.contextmanager
def watched(process: subprocess.Popen[str]) -> Iterator[Usage]:
    """Looks at the process's descendants every few seconds, as looking costs, and at the end of the block."""
    usage, over, done = Usage(), threading.Event(), threading.Event()

    def watch() -> None:
        while not done.is_set():
            over.wait(LOOK_SECONDS)
            if over.is_set():
                done.set()
            below = processes.descendants(process.pid)
            spent = cpu_seconds(below)
            for pid in below:
                if "picture_worker" in command(pid):
                    usage.pictures_mib = max(usage.pictures_mib, _resident_mib(pid))
                    usage.pictures[pid] = spent.get(pid, 0.0)
                else:
                    usage.worker_mib = max(usage.worker_mib, _resident_mib(pid))
                    usage.workers[pid] = spent.get(pid, 0.0)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield usage
    finally:
        over.set()
        thread.join()


def cpu_seconds(pids: list[int]) -> dict[int, float]:
    """Processor seconds of processes that run, by their ids, as Linux counts them."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            found[pid] = (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND
    return found


def command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def wait_until(done: Callable[[], bool], *, seconds: float, why: str, every: float = 0.25) -> None:
    """Look every so many seconds until it is so.

    :raises RuntimeError: after `seconds`, with `why`.
    """
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise RuntimeError(why)
        time.sleep(every)


def one_provider(emulator: str) -> None:
    """AI/ML API alone, at the emulator: one call a picture, answered when it is made."""
    from accounts import sealing
    from generation.models import Provider

    Provider.objects.exclude(name="aimlapi").update(enabled=False)
    Provider.objects.filter(name="aimlapi").update(
        enabled=True,
        base_url=f"{emulator}/aiml",
        sealed_key=sealing.seal("key-of-the-bench"),
        emulated=False,
    )


def unfinished() -> int:
    from generation.models import Generation

    number: int = Generation.objects.filter(status__in=("queued", "running")).count()
    return number


def submit(people: list[Any], number: int, **wish: Any) -> None:
    """So many generations of one picture each, spread over people."""
    from tests import factories

    for index in range(number):
        person = people[index % len(people)]
        factories.generation(person, prompt=f"a lighthouse of {person.pk}, number {index}", **wish)


def _resident_mib(pid: int) -> float:
    """What it alone takes, and its part of what it shares: a forked worker shares its parent's code."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    facts: Mapping[str, str] = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
    return int(facts.get("Pss", "0 kB").split()[0]) / 1024
