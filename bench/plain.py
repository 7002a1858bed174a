"""django-q2 as it is mostly used: a task a picture, and the worker waits for the provider."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench import clusters

EMULATOR = "BENCH_EMULATOR"
WORKERS = 4


def make(prompt: str) -> None:
    """One task: the blocking call, and the same picture work as Easel's."""
    from gallery import ingest

    ingest.store(picture(os.environ[EMULATOR], prompt), keep_bytes=True, max_bytes=2**25)


def picture(emulator: str, prompt: str) -> bytes:
    """The bytes of one picture of the emulator's."""
    return httpx.get(link(emulator, prompt), timeout=60).raise_for_status().content


def link(emulator: str, prompt: str) -> str:
    """Where one picture of the emulator's can be fetched, by AI/ML API's call."""
    asked = {"model": "google/gemini-2.5-flash-image", "prompt": prompt, "num_images": 1}
    answer = httpx.post(
        f"{emulator}/aiml/v1/images/generations",
        json=asked,
        headers={"authorization": "Bearer key-of-the-bench"},
        timeout=60,
    )
    (found,) = answer.raise_for_status().json()["data"]
    address: str = found["url"]
    return address


def links(emulator: str, number: int) -> list[str]:
    """Of so many different ones, made at once."""
    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(lambda index: link(emulator, f"sample {index}"), range(number)))


@contextlib.contextmanager
def cluster(emulator: str) -> Iterator[Callable[[int], float]]:
    """A cluster of four workers; its function has so many pictures made, and answers the seconds."""
    from django_q.models import OrmQ, Success
    from django_q.tasks import async_task

    environment = clusters.environment(GENERATION_WORKERS=str(WORKERS), Q_CLUSTER_NAME="generations")
    process = subprocess.Popen(
        [sys.executable, "manage.py", "qcluster", "--name", "generations"],
        cwd=clusters.ROOT,
        env=environment | {EMULATOR: emulator, "PYTHONPATH": str(clusters.ROOT)},
        start_new_session=True,
    )

    def made_in(number: int) -> float:
        def run(first: int, last: int) -> float:
            began = time.monotonic()
            for index in range(first, last):
                async_task("bench.plain.make", f"plain {index}", cluster="generations", save=True)
            clusters.wait_until(
                lambda: Success.objects.filter(func="bench.plain.make").count() >= last,
                seconds=60 + number,
                why="plain tasks are left",
            )
            return time.monotonic() - began

        run(0, WORKERS)  # so that all of them have started
        return run(WORKERS, WORKERS + number)

    try:
        yield made_in
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        OrmQ.objects.all().delete()
