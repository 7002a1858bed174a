"""An installation of Easel as servers have it: worker clusters and web processes, killed and started again.

A service manager starts again what ended, and kills first what it left behind; so does `Installation.look`.
"""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench import servers
from config import processes

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 60.0
# How long what outlives its killed parent is left alone before it is killed as well.
ORPHANED_SECONDS = (0.2, 2.0)
# What stands below a supervisor, by its depth; django-q2's parts are a worker, the monitor and the pusher.
ROLES = ("supervisor", "main", "sentinel", "part", "picture process")
# The variable that says which service of which installation a process belongs to.
MARK = "EASEL_SERVICE"
# As often as the others, but of three kinds.
WEIGHTS = {"part": 3}


def address_of(connection: Any) -> str:
    """DATABASE_URL for another process that shall use the same database."""
    database = connection.settings_dict
    if connection.vendor != "postgresql":
        return f"sqlite:///{database['NAME']}"
    login = f"{database['USER']}:{database['PASSWORD']}" if database["PASSWORD"] else database["USER"]
    return f"postgres://{login}@{database['HOST']}:{database['PORT']}/{database['NAME']}"


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process with these settings and none of the caller's."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    nothing = dict.fromkeys(("SITE_URL", "REDIS_URL", "AWS_STORAGE_BUCKET_NAME"), "")
    return kept | nothing | dict(settings)


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """Processes with this in their environment, as a service manager knows its own by their group; on Linux.

    Children of a cluster's main process that was killed are nobody's once the supervisor is killed as well.
    """
    found = []
    for file in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in file.read_bytes().split(b"\0"):
                found.append(int(file.parent.name))
    return found


@dataclass
class Service:
    """One process that is started by itself, and what it starts."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    # What stood below it when it was killed, and when that is killed too.
    left: list[int] = field(default_factory=list)
    again_at: float | None = None

    def start(self) -> None:
        self.left, self.again_at = [], None
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=dict(self.environment), stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def by_role(self) -> dict[str, list[int]]:
        """Its living processes by what they are."""
        if not self.runs:
            return {}
        roles = ROLES if self.name.startswith("worker") else ("web", "picture process")
        return dict(zip(roles, [[self.pid], *processes.levels(self.pid)], strict=False))

    def kill(self) -> None:
        """Kill its first process alone."""
        # Stopped first: what it started between the look and the kill would be nobody's.
        os.kill(self.pid, signal.SIGSTOP)
        self.left = processes.descendants(self.pid)
        kill(self.pid)
        assert self.process is not None
        self.process.wait()

    def kill_rest(self) -> None:
        """Kill what stood below it, the groups that these lead, and whatever else bears its mark."""
        living = processes.living()
        for pid in [*self.left, *marked(f"{MARK}={self.environment[MARK]}")]:
            if pid not in living:
                continue
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if os.getpgid(pid) == pid:
                    os.killpg(pid, signal.SIGKILL)
            kill(pid)
        self.left = []

    def end(self, *, seconds: float) -> None:
        """Ask it to end, and kill what is left of it after so long."""
        if self.runs:
            assert self.process is not None
            self.left = processes.descendants(self.pid)
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=seconds)
            self.left += processes.descendants(self.pid)
            kill(self.pid)
            self.process.wait()
        self.kill_rest()


class Installation:
    """So many worker clusters and web processes with the same settings, on one folder of data."""

    def __init__(self, settings: Mapping[str, str], *, folder: Path, clusters: int, webs: int) -> None:
        self._environment = environment_of({"LOG_LEVEL": "WARNING", "LOG_JSON": "0"} | dict(settings))
        self.folder = folder
        self.kills: dict[str, int] = {}
        self.restarts = 0
        ports = [servers.free_port() for _ in range(webs)]
        self.addresses = [f"http://{servers.LOOPBACK}:{port}" for port in ports]
        worker = [sys.executable, "manage.py", "runworker"]
        web = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--log-level", "warning"]
        web += ["--no-access-log", "--timeout-graceful-shutdown", "2", "--port"]
        self._services = [
            *(self._service(f"worker{number}", worker) for number in range(clusters)),
            *(self._service(f"web{number}", [*web, str(port)]) for number, port in enumerate(ports)),
        ]

    def _service(self, name: str, command: Sequence[str]) -> Service:
        environment = self._environment | {MARK: f"{self.folder}:{name}"}
        return Service(name, command, environment, self.folder / f"{name}.log")

    def start(self) -> None:
        """Start all and wait until the web processes answer; workers need not be ready.

        :raises RuntimeError: one does not answer, with the end of its log.
        """
        (self.folder / "staticfiles").mkdir(exist_ok=True)
        for service in self._services:
            service.start()
        deadline = time.monotonic() + READY_SECONDS
        for address in self.addresses:
            while not _answers(f"{address}/healthz"):
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{address} does not answer:\n{self.told()}")
                time.sleep(0.1)

    def manage(self, *arguments: str, seconds: float = 120.0) -> str:
        """What a command of `manage.py` says in the same environment.

        :raises RuntimeError: it failed, with what it said.
        """
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False,
            timeout=seconds,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
        return done.stdout

    def kill_one(self, dice: random.Random) -> str | None:
        """Kill a random process, each kind alike; what it was, None when there is nothing to kill."""
        standing = [(service, service.by_role()) for service in self._services]
        roles = sorted({role for _, found in standing for role in found})
        if not roles:
            return None
        role = dice.choices(roles, [WEIGHTS.get(role, 1) for role in roles])[0]
        service, pid = dice.choice([(one, pid) for one, found in standing for pid in found.get(role, ())])
        if pid == service.pid:
            service.kill()
        else:
            kill(pid)
        self.kills[role] = self.kills.get(role, 0) + 1
        return role

    def look(self, dice: random.Random) -> None:
        """Start again what has ended, a moment later and when nothing of it lives any more."""
        now = time.monotonic()
        for service in self._services:
            if service.runs:
                continue
            if service.again_at is None:
                service.again_at = now + dice.uniform(*ORPHANED_SECONDS)
            elif now >= service.again_at:
                service.kill_rest()
                service.start()
                self.restarts += 1

    def stop(self, *, seconds: float = 20.0) -> None:
        for service in self._services:
            if service.runs:
                assert service.process is not None
                service.left = processes.descendants(service.pid)
                service.process.terminate()
        for service in self._services:
            service.end(seconds=seconds)

    def told(self, *, characters: int = 1_500) -> str:
        """The ends of all logs."""
        logs = ((one.name, one.log.read_text(errors="replace")) for one in self._services if one.log.exists())
        return "\n".join(f"--- {name}\n{text[-characters:]}" for name, text in logs)


def _answers(address: str) -> bool:
    directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with directly.open(address, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
