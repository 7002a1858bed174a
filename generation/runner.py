"""The worker's loop: claims waiting generations and serves many side by side, since a call is mostly waiting.

One django-q2 task runs one loop. It claims for about `RUNNER_CLAIM_SECONDS`, not after the drain mark and not
once its parent is gone; it ends when everything it took has an end, well before the task's time limit, and
leaves a successor when work remains. While it claims it stands by: it hears of new work within milliseconds,
so that nobody needs to start a task for it.
"""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import structlog
from django.conf import settings

from accounts.changes import Changes
from generation import claims, delivery, execution, heartbeats, queue
from generation.adapters import AdapterSource
from generation.claims import Claim
from generation.desk import AWAY, Desk, HandedBack
from generation.models import Generation

log = structlog.get_logger(__name__)

DRAIN_FILE = "EASEL_DRAIN_FILE"
LOOK_SECONDS = 1.0
"""How often it looks for work and for the drain mark though nothing was heard."""
CALM_SECONDS, CROWDED_SECONDS = 0.3, 2.0
"""The least time between two looks while it serves; the longer one where most places are taken and pictures
pile up, so that those that come free are filled by one look."""
# Where so large a part of the places is free, it doesn't wait for more.
FREE_SHARE = 1 / 4
BEAT_SECONDS = 2.0
# The rest of a worker's places is for others, who need not wait until one of so many calls has ended.
SHARE_MAX = 2 / 3
# Longer than any lease.
LEFT_ALONE = timedelta(days=1)
# Places given earlier count for nobody's turn any more.
TURN_SECONDS = 30.0


class Runner:
    """Serves what waits with the given adapters, at most `places` at a time.

    With `stands_by` it stays while nothing waits, until it is time to leave the rest to a successor.
    """

    def __init__(self, *, adapters: AdapterSource, places: int, desk: Desk, stands_by: bool = False) -> None:
        self._adapters = adapters
        self._places = places
        self._desk = desk
        self._stands_by = stands_by
        self._serving: dict[asyncio.Task[None], Claim] = {}
        self._whose: dict[Claim, int] = {}
        self._given: list[tuple[float, int]] = []
        self._parent = os.getppid()
        self._draining_since: float | None = None
        # Spread, so that the processes of a machine don't all hand over at once.
        self._closing = time.monotonic() + settings.RUNNER_CLAIM_SECONDS * (1 - random.random() / 5)  # noqa: S311

    async def run(self) -> None:
        """Serve until it is time to end."""
        await self._keep(self._desk.set_clock)
        await self._keep(self._beat)
        keeping = [
            asyncio.create_task(self._every(seconds, work))
            for seconds, work in ((BEAT_SECONDS, self._beat), (settings.LEASE_SECONDS / 3, self._renew))
        ]
        try:
            async with Changes(queue.CHANNEL) as changes:
                await self._serve_all(changes)
        finally:
            for task in keeping:
                task.cancel()
            await asyncio.gather(*keeping, return_exceptions=True)
            await self._keep(self._gone)
        if await self._desk.rows(claims.waiting, now=self._desk.now()):
            await self._desk.rows(queue.wake, "successor")

    async def _serve_all(self, changes: Changes) -> None:
        heard = asyncio.create_task(changes.wait(LOOK_SECONDS))
        try:
            while self._claims() or self._serving:
                looked_at = time.monotonic()
                more = await self._claim() if self._claims() else False
                if not (more or self._serving or self._stands_by):
                    return
                await self._wait(heard, more)
                if heard.done():
                    heard = asyncio.create_task(changes.wait(LOOK_SECONDS))
                await self._pause(looked_at)
                self._hand_back_what_is_late()
        finally:
            for task in (heard, *self._serving):
                task.cancel()
            # While the desk still stands, so that what they hold is handed back.
            await asyncio.gather(heard, *self._serving, return_exceptions=True)

    def _claims(self) -> bool:
        """Whether it still takes work."""
        if self._draining_since is None and self._told_to_leave():
            self._draining_since = time.monotonic()
        return self._draining_since is None and time.monotonic() < self._closing

    async def _claim(self) -> bool:
        """Take what fits; whether more may wait, or something is put off for a while."""
        free = self._places - len(self._serving)
        if free < 1:
            return True
        try:
            taken = await self._desk.rows_once(self._take, free)
            for claim, generation in taken.items():
                self._serving[asyncio.create_task(self._serve(claim, generation))] = claim
            if taken:
                self._desk.expect_pictures(sum(generation.count for generation in taken.values()))
            return len(taken) == free or await self._desk.rows_once(self._something_is_put_off)
        except claims.Busy:
            return True
        except AWAY as error:
            log.warning("nothing can be claimed", error=str(error).partition("\n")[0])
            return True
        except Exception:  # the calls that are under way go on
            log.exception("nothing can be claimed")
            return True

    def _take(self, free: int) -> dict[Claim, Generation]:
        before = time.monotonic() - TURN_SECONDS
        self._given = [(at, user_id) for at, user_id in self._given if at > before]
        served = Counter(user_id for _, user_id in self._given)
        taken = claims.take(
            limit=free,
            now=self._desk.now(),
            served=served,
            grace=self._grace(),
            without=[claim.generation_id for claim in self._serving.values()],
            here=Counter(self._whose[claim] for claim in self._serving.values() if claim in self._whose),
            here_max=max(1, int(self._places * SHARE_MAX)),
        )
        try:
            loaded = execution.load(taken) if taken else {}
        except Exception:  # ours, and unread: their leases run out, and they are claimed again
            log.exception("claims could not be read", claims=len(taken))
            return {}
        self._given += [(time.monotonic(), generation.user_id) for generation in loaded.values()]
        serving = set(self._serving.values())
        self._whose = {claim: user_id for claim, user_id in self._whose.items() if claim in serving}
        self._whose |= {claim: generation.user_id for claim, generation in loaded.items()}
        return loaded

    def _grace(self) -> timedelta:
        """How long ago a lease must have ended to be taken over.

        Where the database was away, leases ended that nobody could renew: for the time of one they are left
        to their owners.
        """
        renewable = self._desk.reached_for() > settings.LEASE_SECONDS
        return timedelta() if renewable else LEFT_ALONE

    def _something_is_put_off(self) -> bool:
        wakes_at = claims.wakes_at(now=self._desk.now())
        left = timedelta(seconds=self._closing - time.monotonic())
        return wakes_at is not None and wakes_at <= self._desk.now() + left

    async def _wait(self, heard: asyncio.Task[frozenset[str]], more: bool) -> None:
        """Until a place is free, something was heard, or it is time to look again."""
        seconds = LOOK_SECONDS / 5 if more and len(self._serving) < self._places else LOOK_SECONDS
        await asyncio.wait({*self._serving, heard}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in [task for task in self._serving if task.done()]:
            del self._serving[task]

    async def _pause(self, looked_at: float) -> None:
        """Until it is worth looking again: what comes free one by one is filled together."""
        await asyncio.sleep(looked_at + CALM_SECONDS * bool(self._serving) - time.monotonic())
        enough = max(1, int(self._places * FREE_SHARE))
        while self._desk.pictures_pile_up and (left := looked_at + CROWDED_SECONDS - time.monotonic()) > 0:
            running = [task for task in self._serving if not task.done()]
            if self._places - len(running) >= enough:
                return
            await asyncio.wait(running, timeout=left, return_when=asyncio.FIRST_COMPLETED)

    async def _serve(self, claim: Claim, generation: Generation) -> None:
        try:
            await delivery.serve(claim, generation, adapters=self._adapters, desk=self._desk)
        except (HandedBack, asyncio.CancelledError):
            await self._hand_back(claim)
        except Exception:  # a bug in one must not end the others; the next claim goes on from the rows
            log.exception("a generation could not be served", generation=claim.generation_id)
            await self._hand_back(claim)

    async def _hand_back(self, claim: Claim) -> None:
        try:
            await self._desk.rows(claims.hand_back, claim, now=self._desk.now())
        except Exception:  # its lease ends by itself
            log.exception("a claim could not be handed back", generation=claim.generation_id)

    def _hand_back_what_is_late(self) -> None:
        """Told to leave, calls may end within the grace time; then the others are broken off."""
        if self._draining_since is None:
            return
        if time.monotonic() - self._draining_since > settings.WORKER_GRACE_SECONDS:
            self._desk.leave()

    def _told_to_leave(self) -> bool:
        drain = os.environ.get(DRAIN_FILE)
        return os.getppid() != self._parent or bool(drain and Path(drain).exists())

    # --- Signs of life ----------------------------------------------------------------------------

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            done = await self._keep(work)
            await asyncio.sleep(seconds if done else 1.0)

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do it; what goes wrong is done again soon, since a database may be away for a moment."""
        try:
            await work()
        except AWAY:
            log.warning("the database is away")
            return False
        except Exception:
            log.exception("a sign of life could not be given")
            return False
        return True

    async def _renew(self) -> None:
        await self._desk.set_clock()
        mine = [claim for task, claim in self._serving.items() if not task.done()]
        await self._desk.rows_once(claims.renew, mine, now=self._desk.now())

    async def _beat(self) -> None:
        if cluster := os.environ.get(heartbeats.CLUSTER):
            await self._desk.rows_once(
                heartbeats.stand_by,
                cluster,
                places=self._places,
                serving=len(self._serving),
                stands_by=self._stands_by and self._claims(),
                now=self._desk.now(),
            )

    async def _gone(self) -> None:
        if cluster := os.environ.get(heartbeats.CLUSTER):
            await self._desk.rows_once(heartbeats.gone, cluster)
