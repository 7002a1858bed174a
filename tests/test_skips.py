"""A test without its service is skipped with a line that says how to get it, or it fails."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = [pytest.mark.slow, pytest.mark.once]

NEEDS_POSTGRES = """
import pytest

@pytest.mark.needs_postgres
def test_of_postgres():
    pass
"""
CALLS_OUT = """
import socket

def test_that_calls_out():
    socket.create_connection(("192.0.2.1", 80), timeout=1)
"""


def run(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, require_all: str) -> str:
    """What pytest prints for one test file under the project's settings, with no PostgreSQL to be found."""
    file = tmp_path / "test_probe.py"
    file.write_text(source)
    monkeypatch.setenv("TEST_POSTGRES_URL", "postgres://127.0.0.1:1/nowhere")
    monkeypatch.setenv("REQUIRE_ALL", require_all)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *options, str(file)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


def test_a_skip_says_how_to_get_what_is_lacking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(NEEDS_POSTGRES, tmp_path, monkeypatch, require_all="")

    (line,) = [line for line in output.splitlines() if line.startswith("SKIPPED")]
    assert "needs PostgreSQL: apt install postgresql" in line
    assert "1 skipped" in output


def test_require_all_makes_a_skip_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(NEEDS_POSTGRES, tmp_path, monkeypatch, require_all="1")

    assert "needs PostgreSQL: apt install postgresql" in output
    assert "1 error" in output or "1 failed" in output


def test_a_test_cannot_reach_beyond_loopback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = run(CALLS_OUT, tmp_path, monkeypatch, require_all="")

    assert "SocketConnectBlocked" in output
    assert "1 failed" in output
