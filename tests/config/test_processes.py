import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest

from config import processes

SLEEPS = "import time; time.sleep(600)"
HAS_SLEEPER = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPS!r}])"


@pytest.fixture
def family() -> Iterator[subprocess.Popen[bytes]]:
    """A child with a child of its own; both are killed afterwards."""
    child = subprocess.Popen([sys.executable, "-c", HAS_SLEEPER])
    while not processes.descendants(child.pid):
        assert child.poll() is None
    yield child
    processes.kill_descendants(child.pid, within_seconds=5)
    child.kill()
    child.wait()


def test_descendants_are_found_at_any_depth_nearest_first(family: subprocess.Popen[bytes]) -> None:
    found = processes.descendants(os.getpid())

    (grandchild,) = processes.descendants(family.pid)
    assert found.index(family.pid) < found.index(grandchild)


def test_killing_descendants_leaves_none(family: subprocess.Popen[bytes]) -> None:
    processes.kill_descendants(family.pid, within_seconds=5)

    assert processes.descendants(family.pid) == []


def test_an_ended_process_that_nobody_reaped_does_not_live(family: subprocess.Popen[bytes]) -> None:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)

    living = processes.living()

    ended.wait()
    assert ended.pid not in living
    assert family.pid in living


@pytest.mark.skipif(shutil.which("ps") is None, reason="needs ps: apt install procps")
def test_ps_tells_the_same_where_there_is_no_proc(
    family: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    by_proc = processes.descendants(family.pid)
    monkeypatch.setattr(processes, "ON_LINUX", False)

    assert processes.descendants(family.pid) == by_proc
    assert family.pid in processes.living()
