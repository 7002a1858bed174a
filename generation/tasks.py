"""What the queue runs: each takes one id, makes one call, and is safe to run twice."""

import asyncio
import gc
import os
from contextlib import aclosing

from django.conf import settings

from gallery import archive_making, unfinished
from generation import chores, heartbeats, provider_tests, queue
from generation.adapters import Adapters
from generation.claims import database_now
from generation.desk import Desk
from generation.providers.http import new_client
from generation.runner import Runner

# A generation of four pictures makes four calls at once where a provider makes one a call.
CALLS_A_PLACE = 4
# New objects until the garbage collector looks at them, and its looks until it looks at older ones again.
GARBAGE = (10_000, 20, 20)
# Well below the time limit of the short queue's tasks.
GO_ON_SECONDS = 45.0
# Well below the time limit of the short queue's tasks, which others wait for.
ARCHIVE_SECONDS = 20.0


def run(generation_id: str) -> None:
    """Serve what waits, and stand by for more; the id only says what woke us.

    Where all processes of the cluster stand by, somebody else has heard of it.
    """
    cluster = os.environ.get(heartbeats.CLUSTER, "")
    if not cluster or heartbeats.standing_by(now=database_now(), cluster=cluster) < queue.workers():
        if cluster:
            _leave_what_is_loaded()
        asyncio.run(_run(stands_by=bool(cluster)))


def chore(chore_id: str) -> None:
    """Do what comes back by the clock, if the row says that it is still to be done."""
    chores.do(int(chore_id))


def test_provider(public_id: str) -> None:
    """Make the small call of a provider's test."""
    provider_tests.run(public_id)


def _leave_what_is_loaded() -> None:
    """Have the garbage collector look at what comes alone: a picture's objects are few beside the code's."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def go_on(what: str) -> None:
    """Go on with what requests left of the gallery's longer work; what is left then is sent for again."""
    if not unfinished.go_on(seconds=GO_ON_SECONDS):
        queue.go_on()


def archives(_: str) -> None:
    """Go on with a ZIP of pictures for a while; then others of the queue have their turn."""
    if archive_making.go_on(seconds=ARCHIVE_SECONDS, clock=database_now):
        queue.archives()


async def _run(*, stands_by: bool) -> None:
    desk = Desk()
    try:
        async with new_client(connections_max=settings.RUNNER_PLACES * CALLS_A_PLACE) as client:
            adapters = Adapters(client)
            async with aclosing(adapters):
                await Runner(
                    adapters=adapters, places=settings.RUNNER_PLACES, desk=desk, stands_by=stands_by
                ).run()
    finally:
        desk.close()
