"""Keeps the worker clusters alive, and runs the sweep.

django-q2's cluster can lose a part and look alive (docs/architecture.md, "When a worker dies"). So each is
started in a process group of its own; when its main process ends, whatever the code, or when it stands still,
the whole group is killed and started again. On SIGTERM only the main process is told, after the drain mark is
written, so that calls in flight end. A supervisor that is killed can tell nobody: a cluster looks whether
its own is there, and drains by itself (`runcluster`).
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import structlog
from django.conf import settings
from django.db import DatabaseError, close_old_connections

from generation import chores, heartbeats, queue, recovery
from generation.claims import database_now
from generation.runner import DRAIN_FILE

log = structlog.get_logger(__name__)

# The process that a cluster ends with.
SUPERVISOR = "EASEL_SUPERVISOR"
TICK_SECONDS = 0.5
STAFF_SECONDS = 2.0
# A cluster that ends at once again is started less and less often.
QUICK_SECONDS = 30.0
RESTART_PAUSE_FIRST = 0.2
RESTART_PAUSE_MAX = 5.0


class Cluster:
    """One `runcluster` and its process group."""

    def __init__(self, name: str, *, run_folder: Path) -> None:
        self.name = name
        self.id = f"{name}-{uuid.uuid4().hex[:12]}"
        self.drain_file = run_folder / f"{self.id}.drain"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._pause = 0.0

    def start(self) -> None:
        environment = os.environ | {
            heartbeats.CLUSTER: self.id,
            DRAIN_FILE: str(self.drain_file),
            "Q_CLUSTER_NAME": self.name,
            SUPERVISOR: str(os.getpid()),
        }
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "runcluster", "--name", self.name]
        with contextlib.suppress(DatabaseError):
            heartbeats.forget(self.id)
        self._process = subprocess.Popen(command, env=environment, start_new_session=True)
        self._started = time.monotonic()
        log.info("cluster started", cluster=self.name, pid=self._process.pid)

    def ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stalled(self, *, now: datetime) -> list[str]:
        """The parts that stand still although there was time to begin."""
        if time.monotonic() - self._started < settings.STALLED_SECONDS:
            return []
        return heartbeats.stalled(self.id, now=now, seconds=settings.STALLED_SECONDS)

    def restart(self, why: str) -> None:
        """Kill the whole group, since parts outlive their main process, and start anew."""
        log.warning("cluster restarts", cluster=self.name, why=why)
        self.kill()
        quick = time.monotonic() - self._started < QUICK_SECONDS
        self._pause = min(max(RESTART_PAUSE_FIRST, self._pause * 2), RESTART_PAUSE_MAX) if quick else 0.0
        time.sleep(self._pause)
        self.start()

    def drain(self) -> None:
        """Ask it to take nothing more and to end when what it does is done."""
        self.drain_file.touch()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def kill(self) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def forget(self) -> None:
        self.drain_file.unlink(missing_ok=True)
        with contextlib.suppress(DatabaseError):
            heartbeats.forget(self.id)


class Supervisor:
    """Runs the clusters until told to stop."""

    def __init__(
        self,
        names: tuple[str, ...] = ("generations", "short"),
        *,
        on_ready: Callable[[], None] = lambda: None,
    ) -> None:
        run_folder = settings.DATA_DIR / "run"
        run_folder.mkdir(parents=True, exist_ok=True)
        self._clusters = [Cluster(name, run_folder=run_folder) for name in names]
        self._on_ready = on_ready
        self._ready = False
        self._stop = threading.Event()
        # Since when the database can be reached, in seconds of the monotonic clock.
        self._reached_since = -float("inf")
        self._parent = os.getppid()

    def run(self) -> None:
        """Until SIGTERM, SIGINT or the parent's end; then drain, and kill what is left."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        try:
            for cluster in self._clusters:
                cluster.start()
            self._watch()
        finally:
            self._end()

    def _watch(self) -> None:
        due = staff = 0.0
        while not self._stop.wait(TICK_SECONDS) and os.getppid() == self._parent:
            for cluster in self._clusters:
                if cluster.ended():
                    cluster.restart("its main process ended")
            if time.monotonic() >= due:
                due = time.monotonic() + settings.SWEEP_SECONDS
                self._sweep()
            if time.monotonic() >= staff:
                staff = time.monotonic() + STAFF_SECONDS
                self._staff()
            self._tell_when_ready()

    def _staff(self) -> None:
        """Ask for a task where fewer processes stand by than could."""
        close_old_connections()
        try:
            standing_by = heartbeats.standing_by(now=database_now(), cluster=self._clusters[0].id)
            for _ in range(queue.workers() - standing_by):
                queue.start("supervisor")
        except Exception:  # the broker or the database may be away for a moment
            log.exception("no worker could be asked to stand by")

    def _tell_when_ready(self) -> None:
        """Call `on_ready` once, when a worker has shown itself."""
        if self._ready:
            return
        close_old_connections()
        try:
            self._ready = heartbeats.seen(self._clusters[0].id)
        except DatabaseError:  # away for a moment; asked again at the next tick
            return
        if self._ready:
            self._on_ready()

    def _sweep(self) -> None:
        """Sweep, send the chores and look after the clusters; one that fails keeps none of the others.

        All machines go by the database's clock: one whose own is ahead would end what is alive.
        """
        for what in (self._end_and_wake, self._send_chores, self._restart_what_stands_still):
            close_old_connections()
            try:
                now = database_now()
            except DatabaseError as error:
                log.warning("the database is away", error=str(error).partition("\n")[0])
                self._reached_since = time.monotonic()
                return
            try:
                what(now)
            except Exception:  # the next sweep finds what this one left
                log.exception("the sweep failed", step=what.__name__.lstrip("_"))

    def _end_and_wake(self, now: datetime) -> None:
        recovery.sweep(now=now)

    def _send_chores(self, now: datetime) -> None:
        chores.send_due(now=now)

    def _restart_what_stands_still(self, now: datetime) -> None:
        """Not soon after the database was away: workers could not show themselves either."""
        if time.monotonic() - self._reached_since < settings.STALLED_SECONDS:
            return
        generations = self._clusters[0]
        if parts := generations.stalled(now=now):
            generations.restart(f"{' and '.join(parts)} stand still")

    def _end(self) -> None:
        """Let what is in flight end. A cluster that shows no work for a lease's length has none, or hangs."""
        for cluster in self._clusters:
            cluster.drain()
        began = time.monotonic()
        while not all(cluster.ended() for cluster in self._clusters):
            waited = time.monotonic() - began
            if waited > settings.Q_CLUSTER["timeout"]:
                break
            if waited > settings.LEASE_SECONDS and not any(map(_works, self._clusters)):
                break
            time.sleep(0.1)
        for cluster in self._clusters:
            cluster.kill()
            cluster.forget()


def _works(cluster: Cluster) -> bool:
    if cluster.ended():
        return False
    try:
        return heartbeats.seen_within(cluster.id, now=database_now(), seconds=settings.LEASE_SECONDS)
    except DatabaseError:  # no way to tell; the task limit ends the wait
        return True
