"""Several processes as one: started together, ready together, ended together, with no orphan."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

from config import processes

LOOK_SECONDS = 0.1
PROBE_SECONDS = 0.25
ANSWER_SECONDS = 2
KILL_SECONDS = 5


@dataclass(frozen=True)
class Child:
    """One process to run; it is ready when `ready_url` answers 200, or when it printed `ready_line`."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    ready_url: str = ""
    ready_host: str = ""
    ready_line: str = ""


class Running:
    """A child that was started: its process, its output under its name, and whether it is ready."""

    def __init__(self, child: Child, width: int) -> None:
        self.child = child
        self.ready = not (child.ready_url or child.ready_line)
        self._prefix = f"{child.name:<{width}} | "
        supervisor = os.getpid()
        self.process = subprocess.Popen(
            child.command,
            # Unbuffered: a line is passed on when it is written.
            env={**os.environ, "PYTHONUNBUFFERED": "1", **child.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Its own session: Ctrl-C in the terminal comes to the supervisor alone, which ends them in order.
            start_new_session=True,
            # Safe here: no thread is started before the last child is.
            preexec_fn=lambda: processes.end_with_parent(supervisor),
        )
        self._relay = threading.Thread(target=self._pass_on_output, daemon=True)

    def start_output(self) -> None:
        self._relay.start()

    def finish_output(self) -> None:
        self._relay.join(timeout=2)

    def _pass_on_output(self) -> None:
        for line in self.process.stdout or ():
            if self.child.ready_line and self.child.ready_line in line:
                self.ready = True
            say(self._prefix + line.rstrip("\n"))

    def probe(self) -> None:
        """Ask `ready_url` once; an environment's proxy is not asked for an address of this machine."""
        if self.ready or not self.child.ready_url:
            return
        headers = {"Host": self.child.ready_host} if self.child.ready_host else {}
        question = urllib.request.Request(self.child.ready_url, headers=headers)
        directly = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError), directly.open(question, timeout=ANSWER_SECONDS) as answer:
            self.ready = answer.status == 200

    def kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Supervisor:
    """Runs children until one ends or a signal comes; then ends all of them.

    They are started in the order given and ended in the reverse, so that what others lean on ends last.
    Each main process gets SIGTERM; what is left after `grace_seconds` for all, at any depth, is killed.
    """

    def __init__(self, children: Sequence[Child], *, ready_message: str, grace_seconds: float) -> None:
        self._children = children
        self._ready_message = ready_message
        self._grace_seconds = grace_seconds
        self._running: list[Running] = []
        self._asked_to_stop = False

    def run(self) -> int:
        """Block until all have ended.

        The exit code: 0 when asked to stop, else that of the child that ended first, which is never 0.
        """
        processes.adopt_orphans()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self._start()
            return self._watch()
        finally:
            self._stop()

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self._asked_to_stop:
            for running in self._running:
                running.kill_group()
        self._asked_to_stop = True

    def _start(self) -> None:
        width = max(len(child.name) for child in self._children)
        for child in self._children:
            self._running.append(Running(child, width))
        for running in self._running:
            running.start_output()

    def _watch(self) -> int:
        announced = False
        probe_at = 0.0
        while not self._asked_to_stop:
            for running in self._running:
                if (code := running.process.poll()) is not None:
                    say(f"The {running.child.name} process ended ({describe(code)}); ending the others.")
                    return 128 - code if code < 0 else code or 1
            if not announced and time.monotonic() >= probe_at:
                probe_at = time.monotonic() + PROBE_SECONDS
                announced = self._announce_when_ready()
            processes.reap_adopted([running.process.pid for running in self._running])
            time.sleep(LOOK_SECONDS)
        say("Stopping. Ctrl-C once more ends everything at once.")
        return 0

    def _announce_when_ready(self) -> bool:
        for running in self._running:
            running.probe()
        if not all(running.ready for running in self._running):
            return False
        say(self._ready_message)
        return True

    def _stop(self) -> None:
        """End all in reverse order, then kill what is left of them at any depth."""
        deadline = time.monotonic() + self._grace_seconds
        for running in reversed(self._running):
            running.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        for running in self._running:
            running.kill_group()
        processes.kill_descendants(os.getpid(), within_seconds=KILL_SECONDS)
        for running in self._running:
            running.process.wait()
            running.finish_output()


def describe(code: int) -> str:
    """A return code of `subprocess` in words: "exit code 3", "SIGKILL"."""
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def say(line: str) -> None:
    """One whole line on standard output; a reader that went away is no reason to stop."""
    with contextlib.suppress(OSError):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
