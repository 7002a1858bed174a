"""A test without its service is skipped with a line that says how to get it, or it fails."""

import os
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


OF_ALL_KINDS = """
import pytest

def test_without_a_database():
    pass

@pytest.mark.needs_chromium
@pytest.mark.django_db
def test_in_a_browser():
    pass

@pytest.mark.needs_chromium
@pytest.mark.each_database
def test_of_the_main_flow():
    pass

@pytest.mark.django_db
def test_of_rows():
    pass

def test_by_a_fixture(db):
    pass

@pytest.mark.needs_postgres
def test_of_postgres():
    pass
"""


def collected(tmp_path: Path, **environment: str) -> set[str]:
    """The names of the tests that a run would have."""
    file = tmp_path / "test_probe.py"
    file.write_text(OF_ALL_KINDS)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "tests.conftest"]
    command = [sys.executable, "-m", "pytest", *options, "--collect-only", "-q", str(file)]
    left = {"AFTER_SQLITE", "DATABASE_URL"}
    inherited = {name: value for name, value in os.environ.items() if name not in left}
    found = subprocess.run(
        command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False
    )
    return {line.rpartition("::test_")[2] for line in found.stdout.splitlines() if "::" in line}


def test_the_second_run_repeats_what_depends_on_the_database(tmp_path: Path) -> None:
    nowhere = "postgres://127.0.0.1:1/nowhere"

    everything = collected(tmp_path, DATABASE_URL=nowhere)
    repeated = collected(tmp_path, DATABASE_URL=nowhere, AFTER_SQLITE="1")

    assert repeated == {"of_the_main_flow", "of_rows", "by_a_fixture", "of_postgres"}
    assert everything - repeated == {"without_a_database", "in_a_browser"}
