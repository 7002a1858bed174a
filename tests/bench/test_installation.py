"""What a killed service leaves behind is found and killed, as a service manager would."""

import sys
import time
from pathlib import Path

import pytest

from bench.installation import MARK, Service, marked
from config import processes

pytestmark = pytest.mark.skipif(not processes.ON_LINUX, reason="asks Linux for what it knows of processes")
# A process whose child starts a child of its own in another session, and ends.
ORPHANING = """
import subprocess, sys, time
middle = "import subprocess, sys; subprocess.Popen(['sleep', '60'], start_new_session=True)"
subprocess.run([sys.executable, "-c", middle])
print("ready", flush=True)
time.sleep(60)
"""


def test_an_orphan_of_an_earlier_kill_is_killed_with_the_rest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    mark = f"{tmp_path}:worker0"
    service = Service(
        "worker0", [sys.executable, "-c", ORPHANING], {"PATH": "/usr/bin:/bin", MARK: mark}, log
    )
    service.start()
    deadline = time.monotonic() + 30
    while "ready" not in log.read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    (orphan,) = set(marked(f"{MARK}={mark}")) - {service.pid, *processes.descendants(service.pid)}

    service.kill()
    assert orphan in processes.living()
    service.kill_rest()

    while orphan in processes.living():
        assert time.monotonic() < deadline
        time.sleep(0.05)
