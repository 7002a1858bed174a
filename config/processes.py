"""What the operating system knows of our processes: who descends from whom, and what ends with its parent.

Linux answers in full; macOS has neither a parent-death signal nor subreapers, so there a `kill -9` of the
supervisor leaves its children to notice by themselves.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Collection
from pathlib import Path

# Of <linux/prctl.h>.
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36

ON_LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None) if ON_LINUX else None


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is out of sight."""
    if _libc:
        _libc.prctl(PR_SET_CHILD_SUBREAPER, 1)


def end_with_parent(parent: int) -> None:
    """In a new child, before its program: have the kernel send SIGTERM when process `parent` ends."""
    if not _libc:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended before the line above
        os._exit(1)


def reap_adopted(own: Collection[int]) -> None:
    """Take the exit codes of adopted orphans that ended; children in `own` keep theirs for their owner."""
    if not ON_LINUX:
        return
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in own:
                return
            os.waitpid(ended.si_pid, 0)


def kill_descendants(pid: int, *, within_seconds: float) -> None:
    """Kill all below `pid` until none lives; a process that forks while this looks is found the next time."""
    deadline = time.monotonic() + within_seconds
    while (found := descendants(pid)) and time.monotonic() < deadline:
        for descendant in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(descendant, signal.SIGKILL)
        time.sleep(0.01)


def descendants(pid: int) -> list[int]:
    """Ids of all living processes below `pid`, nearest first."""
    return [one for level in levels(pid) for one in level]


def levels(pid: int) -> list[list[int]]:
    """The same by how far below: children, then grandchildren, and so on."""
    children: dict[int, list[int]] = defaultdict(list)
    for child, parent in _parents().items():
        children[parent].append(child)
    found: list[list[int]] = []
    level = children[pid]
    while level:
        found.append(level)
        level = [grandchild for child in level for grandchild in children[child]]
    return found


def living() -> frozenset[int]:
    """Ids of all processes that run; one that ended and waits to be reaped does not."""
    return frozenset(_parents())


def _parents() -> dict[int, int]:
    """The parent of every living process this user may see."""
    if not ON_LINUX:
        return _parents_by_ps()
    parents = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            # "pid (name) state ppid …"; the name may hold spaces and brackets.
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            if state not in "ZX":
                parents[int(entry.name)] = int(parent)
    return parents


def _parents_by_ps() -> dict[int, int]:
    command = ["ps", "-A", "-o", "pid=,ppid=,stat=,comm="]
    listing = subprocess.run(command, capture_output=True, text=True, check=False)
    rows = (line.split(maxsplit=3) for line in listing.stdout.splitlines())
    # Not the dead, and not the `ps` that made this list.
    return {
        int(pid): int(parent) for pid, parent, state, name in rows if state[0] != "Z" and name[-2:] != "ps"
    }
