"""PostgreSQL and Redis as processes of our own, in a folder of our own, to be stopped and started at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

START_SECONDS = 60.0
STOP_SECONDS = 30.0
LOOPBACK = "127.0.0.1"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class Server:
    """One server process, at the same port whenever it is started."""

    def __init__(self, command: Sequence[str], *, log: Path, answers: Callable[[], object]) -> None:
        self._command, self._log, self._answers = command, log, answers
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers.

        :raises RuntimeError: it does not, with the end of its log.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self._answers()
                return
            except Exception as error:  # each client has its own errors for a server that is not there yet
                if self._process.poll() is not None or time.monotonic() > deadline:
                    told = self._log.read_text(errors="replace")[-2_000:]
                    raise RuntimeError(f"{self._command[0]} does not answer: {error}\n{told}") from error
            time.sleep(0.05)

    def end(self, how: signal.Signals) -> None:
        """Send the signal and wait for the end; what does not end is killed."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Redis(Server):
    """A Redis that keeps nothing: whoever kills it loses the queue."""

    def __init__(self, folder: Path) -> None:
        import redis

        port = free_port()
        self.url = f"redis://{LOOPBACK}:{port}/0"
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        options = f"--bind {LOOPBACK} --port {port} --appendonly no --dir {folder}".split()
        command = ["redis-server", *options, "--save", ""]
        super().__init__(command, log=folder / "redis.log", answers=client.ping)

    @staticmethod
    def lacking() -> str:
        """What is needed for it and not there; empty when all is."""
        return "" if shutil.which("redis-server") else "redis-server (apt install redis-server)"


class Postgres(Server):
    """A PostgreSQL whose commits outlive its processes, though not the machine."""

    def __init__(self, folder: Path) -> None:
        import psycopg

        programs = _postgres_programs()
        assert programs is not None
        data, port = folder / "postgres", free_port()
        data.mkdir()
        login: list[str] = []
        if os.geteuid() == 0:  # it refuses to run as root
            shutil.chown(data, "postgres")
            login = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
        make = f"--pgdata {data} --username easel --auth trust --encoding UTF8 --locale C.UTF-8 --no-sync"
        made = subprocess.run(
            [*login, str(programs / "initdb"), *make.split()], capture_output=True, text=True, check=False
        )
        if made.returncode:
            raise RuntimeError(made.stderr)
        self.url = f"postgres://easel@{LOOPBACK}:{port}/postgres"
        # No synchronous_commit=off here: an immediate stop would lose commits that people were told of.
        options = f"-D {data} -p {port} -k {data} -c listen_addresses={LOOPBACK} -c max_connections=300"
        command = [*login, str(programs / "postgres"), *options.split(), "-c", "fsync=off"]

        def answers() -> None:
            psycopg.connect(self.url, connect_timeout=2).close()

        super().__init__(command, log=folder / "postgres.log", answers=answers)

    @staticmethod
    def lacking() -> str:
        """What is needed for it and not there; empty when all is."""
        if _postgres_programs() is None:
            return "PostgreSQL's programs (apt install postgresql)"
        return "" if os.geteuid() or shutil.which("setpriv") else "setpriv (apt install util-linux)"


# PostgreSQL's ways to stop, by what they do to those who are connected.
FAST, IMMEDIATE = signal.SIGINT, signal.SIGQUIT


def _postgres_programs() -> Path | None:
    """The folder of the newest initdb and postgres; Debian keeps them off the PATH."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(debian, key=lambda folder: int(folder.parent.name.split(".")[0]), reverse=True)
    if found := shutil.which("initdb"):
        folders.append(Path(found).resolve().parent)
    return next((one for one in folders if (one / "initdb").exists() and (one / "postgres").exists()), None)
