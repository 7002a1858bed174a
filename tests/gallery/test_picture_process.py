"""The decoding process: what ends it, what replaces it, and that none is left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from gallery.inspection import CannotRead, Inspection
from gallery.picture_process import PictureProcess
from tests.gallery import drawing

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def process() -> Iterator[PictureProcess]:
    process = PictureProcess()
    yield process
    process.close()


def look(process: PictureProcess, data: bytes | None = None) -> Inspection:
    return process.inspect(data or drawing.jpeg((60, 40)), keep_bytes=True, result_bytes_max=1_000_000)


def pid_of(process: PictureProcess) -> int:
    assert process.pid is not None
    return process.pid


def wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.01)
    return is_so()


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    state = Path(f"/proc/{pid}/stat")
    return state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z"


def test_pictures_share_one_process(process: PictureProcess) -> None:
    look(process)
    first = process.pid
    look(process)

    assert process.pid == first


def test_a_refusal_does_not_end_the_process(process: PictureProcess) -> None:
    look(process)
    first = process.pid
    with pytest.raises(CannotRead):
        look(process, b"no picture")

    assert look(process).width == 60
    assert process.pid == first


def test_a_killed_process_is_replaced(process: PictureProcess) -> None:
    look(process)
    os.kill(pid_of(process), signal.SIGKILL)

    assert look(process).width == 60


def test_a_process_killed_in_the_middle_is_tried_once_more(process: PictureProcess) -> None:
    big = drawing.encoded(drawing.noise((2500, 2500)), compress_level=1)
    look(process)
    first = pid_of(process)
    os.kill(first, signal.SIGSTOP)
    killer = threading.Timer(0.2, os.kill, (first, signal.SIGKILL))
    killer.start()

    assert look(process, big).width == 2500
    assert process.pid != first
    killer.join()


def test_a_process_that_does_not_answer_is_ended_at_the_wall_limit() -> None:
    process = PictureProcess(wall_seconds=2)
    look(process)
    stopped = pid_of(process)
    os.kill(stopped, signal.SIGSTOP)

    with pytest.raises(CannotRead):
        look(process)

    assert is_gone(stopped)
    assert process.pid is None
    process.close()


def test_a_picture_that_takes_too_much_processor_time_is_refused() -> None:
    process = PictureProcess(cpu_seconds=0.02)
    big = drawing.encoded(drawing.noise((1500, 1500)))

    with pytest.raises(CannotRead) as caught:
        process.inspect(big, keep_bytes=False, result_bytes_max=10_000_000)

    assert caught.value.code == "unreadable"
    process.close()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS refuses a limit of address space; run on Linux")
def test_a_picture_that_takes_too_much_memory_is_refused() -> None:
    process = PictureProcess(memory_bytes=120 * 1024 * 1024)
    big = drawing.encoded(Image.new("RGB", (5000, 5000), "teal"), compress_level=1)

    with pytest.raises(CannotRead) as caught:
        look(process, big)

    assert caught.value.code == "unreadable"
    assert look(process).width == 60
    process.close()


def test_after_enough_pictures_a_fresh_process_follows() -> None:
    process = PictureProcess(pictures_max=2)
    pids = []
    for _ in range(3):
        look(process)
        pids.append(process.pid)

    assert pids[0] == pids[1] != pids[2]
    process.close()


def test_close_leaves_no_process(process: PictureProcess) -> None:
    look(process)
    pid = pid_of(process)

    process.close()

    assert is_gone(pid)


def test_threads_take_turns(process: PictureProcess) -> None:
    widths: list[int] = []
    threads = [
        threading.Thread(
            target=lambda width: widths.append(look(process, drawing.jpeg((width, 30))).width), args=(width,)
        )
        for width in range(40, 60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(widths) == list(range(40, 60))


def test_it_serves_the_threads_of_an_event_loop(process: PictureProcess) -> None:
    async def several() -> list[Inspection]:
        return await asyncio.gather(*(asyncio.to_thread(look, process) for _ in range(8)))

    assert {inspection.width for inspection in asyncio.run(several())} == {60}


IN_A_FORK = """
import os, sys
from gallery.picture_process import PictureProcess
from tests.gallery import drawing

process = PictureProcess()
look = lambda: process.inspect(drawing.jpeg(), keep_bytes=True, result_bytes_max=1)
look()
mine = process.pid
fork = os.fork()
if fork == 0:
    look()
    os._exit(0 if process.pid not in (None, mine) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 0, "the fork used its parent's process"
look()
assert process.pid == mine
"""

LEFT_BEHIND = """
import os, sys, time
from gallery.picture_process import PictureProcess
from tests.gallery import drawing

process = PictureProcess()
process.inspect(drawing.jpeg(), keep_bytes=True, result_bytes_max=1)
fork = os.fork()
if fork == 0:
    time.sleep(600)
print(process.pid, fork, flush=True)
time.sleep(600)
"""


def test_a_fork_gets_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", IN_A_FORK], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_process_ends_with_a_killed_parent_even_if_a_fork_lives_on() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", LEFT_BEHIND], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    decoder, fork = (int(word) for word in parent.stdout.readline().split())
    try:
        parent.kill()
        parent.wait()
        assert wait_until(lambda: is_gone(decoder))
        assert not is_gone(fork)
    finally:
        os.kill(fork, signal.SIGKILL)
        parent.stdout.close()
