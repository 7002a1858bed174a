"""`manage.py up` with its real processes: ready, side by side, ended without an orphan, data kept."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from config import processes

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 90
pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(240, method="thread")]


class Copy:
    """One running Easel with a data folder and a port of its own."""

    def __init__(self, folder: Path, *, port: int | None = None) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_suffix(".log")
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=environment(PORT=str(self.port), DATA_DIR=str(folder)),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while f"Easel is ready at {self.address}\n" not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def row(self, query: str) -> tuple[object, ...]:
        with closing(sqlite3.connect(self.folder / "easel.sqlite3")) as database:
            return tuple(database.execute(query).fetchone())


def environment(**variables: str) -> dict[str, str]:
    """This machine's paths and the given settings, but none of a developer's own."""
    kept = {name: value for name in ("PATH", "HOME", "TMPDIR", "LANG") if (value := os.environ.get(name))}
    # An empty value is a value: what a developer's .env says does not come through.
    keys = [f"{name}_API_KEY" for name in ("AIMLAPI", "GEMINI", "GMI", "ONEMIN", "OPENAI")]
    cleared = dict.fromkeys(("SITE_URL", "REDIS_URL", "AWS_STORAGE_BUCKET_NAME", *keys), "")
    database = f"sqlite:///{variables['DATA_DIR']}/easel.sqlite3"
    return {**kept, **cleared, "DATABASE_URL": database, **variables}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 30
    while pid in processes.living():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def copies() -> Iterator[list[Copy]]:
    """Copies put here are killed afterwards, with all below them."""
    started: list[Copy] = []
    yield started
    for copy in started:
        if copy.process.poll() is None:
            processes.kill_descendants(copy.process.pid, within_seconds=5)
            copy.process.kill()
            copy.process.wait()


def test_two_copies_run_side_by_side_and_end_without_an_orphan(copies: list[Copy], tmp_path: Path) -> None:
    copies += [Copy(tmp_path / "one"), Copy(tmp_path / "two")]
    for copy in copies:
        copy.wait_until_ready()
    below = [pid for copy in copies for pid in processes.descendants(copy.process.pid)]

    for copy in copies:
        with urllib.request.urlopen(f"{copy.address}/readyz", timeout=10) as answer:
            assert json.load(answer)["status"] == "ok"
    codes = [copies[0].end(signal.SIGTERM), copies[1].end(signal.SIGINT)]

    assert codes == [0, 0]
    assert len(below) >= 6  # web, worker and emulator of each; the worker has its own below it
    assert [pid for pid in below if not is_gone(pid)] == []


def test_a_second_run_keeps_the_data(copies: list[Copy], tmp_path: Path) -> None:
    people = "SELECT group_concat(email || date_joined), max(id) FROM accounts_user"
    copies.append(Copy(tmp_path / "data"))
    copies[0].wait_until_ready()
    before = copies[0].row(people)
    copies[0].end(signal.SIGTERM)

    copies.append(Copy(tmp_path / "data"))
    copies[1].wait_until_ready()

    assert copies[1].row(people) == before
    assert "demo@easel.test" in str(before[0])


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends children with their parent; run it on Linux"
)
def test_kill_9_of_the_supervisor_leaves_no_orphan(copies: list[Copy], tmp_path: Path) -> None:
    copies.append(Copy(tmp_path / "data"))
    copies[0].wait_until_ready()
    below = processes.descendants(copies[0].process.pid)

    copies[0].process.kill()
    copies[0].process.wait()

    assert [pid for pid in below if not is_gone(pid)] == []


def test_a_taken_port_is_told_in_one_sentence(copies: list[Copy], tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        copies.append(Copy(tmp_path / "data", port=port))
        code = copies[0].process.wait(timeout=60)

    (line,) = copies[0].log.read_text().splitlines()
    assert code == 1
    assert line.startswith(f"CommandError: Port {port} is taken: ")
