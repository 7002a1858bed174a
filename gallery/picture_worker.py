"""The process that decodes pictures: `python -m gallery.picture_worker`, started by `picture_process`.

It reads messages from standard input and answers on standard output until the input ends, so it never
outlives the process that started it. It may not write files, dump core or take more memory than it was
given, and each picture has a limit of processor seconds; what breaks a limit ends the process.

Arguments: memory in bytes, processor seconds a picture.
"""

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from typing import Any

from PIL import Image

from gallery import credentials, pictures, shrinking
from gallery.inspection import BrokenMessage, CannotRead, pack, pack_inspection, pack_refusal, read_message

_LIBC = ctypes.CDLL(None)
# More than after pictures of a megapixel, which are nearly all; the largest take 330 MiB on top.
TRIMMED_BYTES = 48 * 1024 * 1024


def main() -> None:
    memory_bytes, cpu_seconds = int(sys.argv[1]), float(sys.argv[2])
    # The terminal's Ctrl-C and a signal to the whole group are for those who wait for our answers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Image.init()
    _limit(memory_bytes)
    # Whatever a library prints must not come between our messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(BrokenMessage, BrokenPipeError):
        while message := read_message(sys.stdin.buffer):
            header, blobs = message
            answers.write(_answer(header, blobs[0], cpu_seconds))
            answers.flush()
            del message, blobs
            _give_back_memory()


def _give_back_memory() -> None:
    """Let the system have what a large picture took, so that the next one doesn't come on top of it.

    The C library keeps it otherwise; only glibc has a way to say so.
    """
    if _held_bytes() > TRIMMED_BYTES and (trim := getattr(_LIBC, "malloc_trim", None)):
        trim(0)


def _held_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return 0


def _limit(memory_bytes: int) -> None:
    for limit, amount in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        # macOS refuses a limit of address space; the limits of pixels hold there all the same.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(limit, (amount, amount))


def _answer(header: dict[str, Any], data: bytes, cpu_seconds: float) -> bytes:
    # At zero the kernel sends SIGPROF, which ends the process even inside a decoder.
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
    try:
        return _TASKS[header["task"]](header, data)
    except CannotRead as refusal:
        return pack_refusal(refusal)
    except Exception:
        # Rule of this door: whatever goes wrong with a picture is a refusal of the picture.
        return pack_refusal(CannotRead("unreadable"))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _inspect(header: dict[str, Any], data: bytes) -> bytes:
    inspection = pictures.inspect(
        data,
        keep_bytes=header["keep_bytes"],
        result_bytes_max=header["result_bytes_max"],
        source_type=header["source_type"],
    )
    return pack_inspection(inspection)


def _fit(header: dict[str, Any], data: bytes) -> bytes:
    content_types = frozenset(header["content_types"])
    fitted = shrinking.fit(
        data,
        content_types=content_types,
        max_bytes=header["max_bytes"],
        max_side=header["max_side"],
    )
    if fitted is None:
        return pack({"content_type": ""})
    encoded, content_type = fitted
    return pack({"content_type": content_type}, encoded)


def _credentials(header: dict[str, Any], data: bytes) -> bytes:
    # As a blob, for they may be longer than a header.
    return pack({}, json.dumps(credentials.read(data, header["content_type"])).encode())


_TASKS = {"inspect": _inspect, "fit": _fit, "credentials": _credentials}


if __name__ == "__main__":
    main()
