"""The worker's loop: claims waiting generations and serves many side by side, since a call is mostly waiting.

One django-q2 task runs one loop. It claims for `RUNNER_CLAIM_SECONDS`, not after the drain mark and not once
its parent is gone; it ends when everything it took has an end, well before the task's time limit, and leaves
a successor when work remains. Database work runs on one thread of its own, picture work on a few; none is
left when the loop ends.
"""

import asyncio
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

import structlog
from django.conf import settings
from django.db import connections

from generation import claims, delivery, heartbeats, queue
from generation.adapters import AdapterSource
from generation.claims import Claim, database_now

log = structlog.get_logger(__name__)

P = ParamSpec("P")
T = TypeVar("T")
POLL_SECONDS = 0.2
PICTURE_THREADS = 2
DRAIN_FILE = "EASEL_DRAIN_FILE"


class Desk:
    """Where the loop hands its blocking work: one thread for the database, a few for pictures."""

    def __init__(self) -> None:
        self._rows = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._pictures = ThreadPoolExecutor(PICTURE_THREADS, thread_name_prefix="pictures")

    async def rows(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on the database's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._rows, lambda: work(*args, **kwargs))

    async def pictures(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` on one of the pictures' threads; it must not touch the database."""
        return await asyncio.get_running_loop().run_in_executor(self._pictures, lambda: work(*args, **kwargs))

    def close(self) -> None:
        self._rows.submit(connections.close_all).result()
        self._rows.shutdown()
        self._pictures.shutdown()


class Runner:
    """Serves what waits with the given adapters, at most `places` at a time."""

    def __init__(self, *, adapters: AdapterSource, places: int, desk: Desk) -> None:
        self._adapters = adapters
        self._places = places
        self._desk = desk
        self._serving: dict[asyncio.Task[None], Claim] = {}
        self._parent = os.getppid()

    async def run(self) -> None:
        """Serve until nothing waits, or until it is time to leave the rest to a successor."""
        closing = time.monotonic() + settings.RUNNER_CLAIM_SECONDS
        renewing = asyncio.create_task(self._renew())
        try:
            while await self._claim(closing) or self._serving:
                await self._wait()
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
        if await self._desk.rows(_work_remains):
            await self._desk.rows(queue.wake, "successor")

    async def _claim(self, closing: float) -> bool:
        """Take what fits; answers whether to look again even though nothing is being served."""
        if time.monotonic() >= closing or self._leaving():
            return False
        free = self._places - len(self._serving)
        taken = await self._desk.rows(_take, free) if free > 0 else []
        for claim in taken:
            self._serving[asyncio.create_task(self._serve(claim))] = claim
        if taken or self._serving:
            return True
        return await self._desk.rows(_wakes_within, closing - time.monotonic())

    async def _wait(self) -> None:
        if not self._serving:
            await asyncio.sleep(POLL_SECONDS)
            return
        done, _ = await asyncio.wait(self._serving, timeout=POLL_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            del self._serving[task]

    async def _serve(self, claim: Claim) -> None:
        try:
            await delivery.serve(claim, adapters=self._adapters, desk=self._desk)
        except Exception:  # a bug in one must not end the others; the next claim goes on from the rows
            log.exception("a generation could not be served", generation=claim.generation_id)
            await self._desk.rows(_hand_back, claim)

    async def _renew(self) -> None:
        while True:
            try:
                await self._desk.rows(_renew, list(self._serving.values()))
            except Exception:  # the database may be away for a moment; the lease has two more chances
                log.exception("leases could not be renewed")
            await asyncio.sleep(settings.LEASE_SECONDS / 3)

    def _leaving(self) -> bool:
        drain = os.environ.get(DRAIN_FILE)
        return os.getppid() != self._parent or bool(drain and Path(drain).exists())


def _take(limit: int) -> list[Claim]:
    return claims.take(limit=limit, now=database_now())


def _renew(mine: list[Claim]) -> None:
    claims.renew(mine, now=database_now())
    if cluster := os.environ.get(heartbeats.CLUSTER):
        heartbeats.beat(cluster, heartbeats.Part.WORKER, now=database_now())


def _hand_back(claim: Claim) -> None:
    claims.hand_back(claim, now=database_now())


def _work_remains() -> bool:
    return claims.waiting(now=database_now())


def _wakes_within(seconds: float) -> bool:
    return claims.wakes_by(seconds=seconds, now=database_now())
