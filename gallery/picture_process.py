"""Has pictures decoded in a process of its own, with limits of memory, processor time and wall time.

`Image.open` on what strangers send is the one place where a file can take our memory, our time or,
through a fault in a decoder, more. The process is started at the first picture, or when one is on its way,
serves one after the other, and is replaced when it dies, overruns, or has served enough.
"""

import atexit
import contextlib
import fcntl
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from gallery.inspection import (
    HEADER_BYTES_MAX,
    BrokenMessage,
    CannotRead,
    Inspection,
    blob_lengths,
    pack,
    parse_header,
    unpack_answer,
)

ROOT = Path(__file__).resolve().parent.parent
CHUNK_BYTES = 1024 * 1024
PIPE_BYTES = 1024 * 1024


class _Died(Exception):
    """The process ended before it answered. `overran` says it had used up its processor time."""

    def __init__(self, *, overran: bool) -> None:
        super().__init__("the picture process ended")
        self.overran = overran


class PictureProcess:
    """One decoding process, to be shared by the threads of this one; they take turns.

    `wall_seconds` counts from when the picture is handed over, `cpu_seconds` is processor time of one
    picture (30 MB of transparent PNG take four), `memory_bytes` is address space, and after
    `pictures_max` pictures a fresh process follows.
    A forked copy of this object starts a process of its own.
    """

    def __init__(
        self,
        *,
        wall_seconds: float = 20.0,
        cpu_seconds: float = 5.0,
        memory_bytes: int = 512 * 1024 * 1024,
        pictures_max: int = 500,
    ) -> None:
        self._wall_seconds = wall_seconds
        self._cpu_seconds = cpu_seconds
        self._memory_bytes = memory_bytes
        self._pictures_max = pictures_max
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._served = 0
        _all.add(self)

    def inspect(
        self, data: bytes, *, keep_bytes: bool, result_bytes_max: int, source_type: str = ""
    ) -> Inspection:
        """Decode `data` once, as `pictures.inspect` says. Blocks; safe from several threads.

        :raises CannotRead: when it is no picture within the limits, or breaks a limit while decoding.
        """
        return unpack_answer(
            *self.ask(
                "inspect",
                data,
                keep_bytes=keep_bytes,
                result_bytes_max=result_bytes_max,
                source_type=source_type,
            )
        )

    def ask(self, task: str, data: bytes, **arguments: Any) -> tuple[dict[str, Any], list[bytes]]:
        """Have one of the worker's tasks done with a picture; its answer. Blocks; safe from several threads.

        :raises CannotRead: when the picture breaks a limit; refusals of its own are in the answer.
        """
        message = pack({"task": task, **arguments}, data)
        with self._lock:
            try:
                return self._ask(message)
            except _Died as death:
                if death.overran:
                    raise CannotRead("unreadable") from death
            # Someone else may have killed it. A picture that kills it twice is at fault itself.
            try:
                return self._ask(message)
            except _Died as death:
                raise CannotRead("unreadable") from death

    def start(self) -> None:
        """Have the process there before the first picture is, which would wait a third of a second for it."""
        if self._lock.acquire(blocking=False):  # who has it just now sees to it
            try:
                self._running()
            finally:
                self._lock.release()

    def close(self) -> None:
        """End the process. The next picture starts another."""
        with self._lock:
            self._end()

    @property
    def pid(self) -> int | None:
        """The decoding process's id while there is one."""
        return self._process.pid if self._process else None

    def _ask(self, message: bytes) -> tuple[dict[str, Any], list[bytes]]:
        process = self._running()
        answered = False
        try:
            header, blobs = _Exchange(process, time.monotonic() + self._wall_seconds).run(message)
            answered = True
        except TimeoutError as error:
            raise CannotRead("unreadable") from error
        except BrokenMessage as error:
            raise _Died(overran=_wait(process) == -signal.SIGPROF) from error
        finally:
            # Also when a time-out's SystemExit comes in between: half an answer must not reach the next.
            if not answered:
                self._end()
        self._served += 1
        return header, blobs

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process and (self._served >= self._pictures_max or self._process.poll() is not None):
            self._end()
        if self._process is None:
            self._process = self._start()
            self._served = 0
        return self._process

    def _start(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "gallery.picture_worker",
            str(self._memory_bytes),
            str(self._cpu_seconds),
        ]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            # Nothing of our environment: it holds keys, and the decoder needs none of it.
            env={"PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
        )
        for pipe in _pipes(process):
            os.set_blocking(pipe.fileno(), False)
            _widen(pipe.fileno())
        return process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _close_pipes(process)
        process.kill()
        process.wait()

    def _forget(self) -> None:
        """After a fork: the process is the parent's. Our copies of its pipes would hide their end from it."""
        self._lock = threading.Lock()
        process, self._process = self._process, None
        if process is not None:
            _close_pipes(process)
            # It cannot be waited for from here, and is not to be missed.
            process.returncode = 0

    def __del__(self) -> None:
        self._end()


class PicturePool:
    """Several decoding processes, each started when all before it are busy, or by `start`.

    Safe from several threads.
    """

    def __init__(self, size: int) -> None:
        self._processes = [PictureProcess() for _ in range(size)]
        self._fill()
        _pools.add(self)

    def inspect(
        self, data: bytes, *, keep_bytes: bool, result_bytes_max: int, source_type: str = ""
    ) -> Inspection:
        """As `PictureProcess.inspect`, by the process that comes free first."""
        with self._one() as process:
            return process.inspect(
                data, keep_bytes=keep_bytes, result_bytes_max=result_bytes_max, source_type=source_type
            )

    def ask(self, task: str, data: bytes, **arguments: Any) -> tuple[dict[str, Any], list[bytes]]:
        """As `PictureProcess.ask`, by the process that comes free first."""
        with self._one() as process:
            return process.ask(task, data, **arguments)

    def start(self, number: int) -> None:
        """Have up to so many processes there before their first pictures are."""
        for process in self._processes[:number]:
            process.start()

    def close(self) -> None:
        """End the processes. The next picture starts one again."""
        for process in self._processes:
            process.close()

    @property
    def pid(self) -> int | None:
        """The id of the process that works when one does."""
        return self._processes[0].pid

    @contextlib.contextmanager
    def _one(self) -> Iterator[PictureProcess]:
        process = self._free.get()
        try:
            yield process
        finally:
            self._free.put(process)

    def _fill(self) -> None:
        # The one that was used last comes first, so that one by one is one process.
        self._free: queue.LifoQueue[PictureProcess] = queue.LifoQueue()
        for process in reversed(self._processes):
            self._free.put(process)


class _Exchange:
    """One message there and one back, before a deadline on the monotonic clock."""

    def __init__(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        self._there, self._back = (pipe.fileno() for pipe in _pipes(process))
        self._deadline = deadline
        self._received = bytearray()

    def run(self, message: bytes) -> tuple[dict[str, Any], list[bytes]]:
        """:raises TimeoutError: at the deadline. :raises BrokenMessage: when the process ends or babbles."""
        self._send(message)
        while b"\n" not in self._received:
            if len(self._received) > HEADER_BYTES_MAX:
                raise BrokenMessage("no header")
            self._receive()
        line, _, rest = bytes(self._received).partition(b"\n")
        header = parse_header(line)
        self._received = bytearray(rest)
        return header, [self._exactly(length) for length in blob_lengths(header)]

    def _send(self, message: bytes) -> None:
        left = memoryview(message)
        while left:
            self._wait(self._there, select.POLLOUT)
            try:
                left = left[os.write(self._there, left[:CHUNK_BYTES]) :]
            except BlockingIOError:
                continue
            except BrokenPipeError as error:
                raise BrokenMessage("it ended") from error

    def _receive(self) -> None:
        self._wait(self._back, select.POLLIN)
        try:
            chunk = os.read(self._back, CHUNK_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            raise BrokenMessage("it ended")
        self._received += chunk

    def _exactly(self, length: int) -> bytes:
        while len(self._received) < length:
            self._receive()
        blob = bytes(self._received[:length])
        del self._received[:length]
        return blob

    def _wait(self, descriptor: int, event: int) -> None:
        poll = select.poll()
        poll.register(descriptor, event)
        left = self._deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError


def _wait(process: subprocess.Popen[bytes]) -> int | None:
    """How the process ended; None when it has not, a second after it stopped talking."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=1)
    return None


def _pipes(process: subprocess.Popen[bytes]) -> list[IO[bytes]]:
    """Its input and its output."""
    return [pipe for pipe in (process.stdin, process.stdout) if pipe is not None]


def _widen(pipe: int) -> None:
    """Let a picture go through in a few steps instead of dozens, where the system can: Linux."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # more than an unprivileged user's pipes may take together
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def _close_pipes(process: subprocess.Popen[bytes]) -> None:
    for pipe in _pipes(process):
        pipe.close()


_pools: "weakref.WeakSet[PicturePool]" = weakref.WeakSet()
_all: "weakref.WeakSet[PictureProcess]" = weakref.WeakSet()


def _close_all() -> None:
    for process in list(_all):
        process.close()


def _forget_all() -> None:
    for process in list(_all):
        process._forget()
    for pool in list(_pools):
        pool._fill()


# django-q2 forks its workers: each then has a process of its own, and none holds another's pipes open.
os.register_at_fork(after_in_child=_forget_all)
atexit.register(_close_all)

shared = PicturePool(settings.PICTURE_PROCESSES)
"""The ones that ingest uses."""
