"""Real processes: what is started together ends together, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config import processes

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.timeout(60, method="thread")]

STAYS = "import time; print('standing', flush=True); time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"
WITH_STRAY = f"""
import subprocess, sys
subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
{STAYS}
"""
LAST_WORDS = """
import signal, sys, time
def end(*_):
    print("ended", sys.argv[1], flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("standing", flush=True)
time.sleep(600)
"""

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a supervisor of children that run these Python sources; whatever is left is killed afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start_one(*sources: str, grace_seconds: float = 10) -> subprocess.Popen[str]:
        program = textwrap.dedent(f"""
            import sys
            from config.supervision import Child, Supervisor
            children = [
                Child(str(number), [sys.executable, "-c", source, str(number)], ready_line="standing")
                for number, source in enumerate({sources!r})
            ]
            supervisor = Supervisor(children, ready_message="all ready", grace_seconds={grace_seconds})
            sys.exit(supervisor.run())
        """)
        command = [sys.executable, "-c", program]
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        started.append(process)
        return process

    yield start_one
    for process in started:
        for pid in [*processes.descendants(process.pid), process.pid]:
            if process.poll() is None:
                os.kill(pid, signal.SIGKILL)
        process.communicate()


def until_line(process: subprocess.Popen[str], text: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"it ended before it said {text!r}")


def is_gone(pid: int, within_seconds: float = 10) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if pid not in processes.living():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_all_and_is_no_failure(start: Start, number: signal.Signals) -> None:
    process = start(STAYS, STAYS)
    until_line(process, "all ready")
    below = processes.descendants(process.pid)

    process.send_signal(number)

    assert process.wait(timeout=20) == 0
    assert len(below) == 2
    assert all(is_gone(pid) for pid in below)


def test_the_ready_line_comes_once_when_every_child_is_ready(start: Start) -> None:
    process = start(STAYS, "import time; time.sleep(0.5); " + STAYS)

    until_line(process, "all ready")
    process.terminate()
    rest, _ = process.communicate(timeout=20)

    assert "all ready" not in rest


def test_output_lines_carry_the_name_of_their_process(start: Start) -> None:
    process = start("print('hello', flush=True); " + STAYS)

    until_line(process, "0 | hello")


def test_children_end_in_the_reverse_order(start: Start) -> None:
    process = start(LAST_WORDS, LAST_WORDS, LAST_WORDS)
    until_line(process, "all ready")

    process.terminate()
    output, _ = process.communicate(timeout=20)

    words = [line.split(" | ")[1] for line in output.splitlines() if " | ended" in line]
    assert words == ["ended 2", "ended 1", "ended 0"]


def test_when_one_ends_all_end_with_its_code(start: Start) -> None:
    process = start(STAYS, "import sys; sys.exit(7)")

    assert process.wait(timeout=20) == 7


def test_an_end_that_nobody_asked_for_is_a_failure(start: Start) -> None:
    process = start(STAYS, "pass")

    assert process.wait(timeout=20) == 1


def test_a_killed_child_ends_all_with_the_signal_as_a_shell_tells_it(start: Start) -> None:
    process = start(STAYS, STAYS)
    until_line(process, "all ready")

    os.kill(processes.descendants(process.pid)[0], signal.SIGKILL)

    assert process.wait(timeout=20) == 128 + signal.SIGKILL


def test_what_ignores_sigterm_is_killed_after_the_grace_time(start: Start) -> None:
    process = start(STUBBORN, grace_seconds=0.5)
    until_line(process, "all ready")
    below = processes.descendants(process.pid)

    process.terminate()

    assert process.wait(timeout=20) == 0
    assert all(is_gone(pid) for pid in below)


def test_a_second_ctrl_c_does_not_wait_for_the_grace_time(start: Start) -> None:
    process = start(STUBBORN, grace_seconds=600)
    until_line(process, "all ready")

    process.send_signal(signal.SIGINT)
    until_line(process, "Stopping")
    process.send_signal(signal.SIGINT)

    assert process.wait(timeout=20) == 0


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a process adopt orphans; run this on Linux"
)
def test_a_grandchild_in_a_session_of_its_own_ends_too(start: Start) -> None:
    process = start(WITH_STRAY)
    until_line(process, "all ready")
    below = processes.descendants(process.pid)

    process.terminate()
    process.wait(timeout=20)

    assert len(below) == 2
    assert all(is_gone(pid) for pid in below)


@pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells children that their parent ended; run this on Linux"
)
def test_children_end_when_the_supervisor_is_killed(start: Start) -> None:
    process = start(STAYS, STAYS)
    until_line(process, "all ready")
    below = processes.descendants(process.pid)

    process.kill()
    process.wait(timeout=20)

    assert all(is_gone(pid) for pid in below)
