"""What the queue runs: each takes one id, makes one call, and is safe to run twice."""

import asyncio
import os
from contextlib import aclosing

import structlog
from django.conf import settings
from django.utils import timezone

from accounts import allowances as rules
from accounts import notices
from generation import audit as whole_audit
from generation import heartbeats, provider_tests, queue, recovery
from generation.adapters import Adapters
from generation.claims import database_now
from generation.desk import Desk
from generation.providers.http import new_client
from generation.runner import Runner

log = structlog.get_logger(__name__)


def run(generation_id: str) -> None:
    """Serve what waits, and stand by for more; the id only says what woke us.

    Where all processes of the cluster stand by, somebody else has heard of it.
    """
    cluster = os.environ.get(heartbeats.CLUSTER, "")
    if not cluster or heartbeats.standing_by(now=database_now(), cluster=cluster) < queue.workers():
        asyncio.run(_run(stands_by=bool(cluster)))


def tidy(reason: str) -> None:
    """Forget what is past its time."""
    recovery.tidy(now=timezone.now())


def allowances(reason: str) -> None:
    """Give the allowances that are due, and mail the notices that wait."""
    now = timezone.now()
    rules.run(now=now)
    notices.send_waiting(now=now)


def audit(reason: str) -> None:
    """Audit the ledger, and tell the admins what was found."""
    if found := whole_audit.nightly(timezone.now()):
        log.error("the audit found something", found=len(found), first=str(found[0]))


def test_provider(public_id: str) -> None:
    """Make the small call of a provider's test."""
    provider_tests.run(public_id)


async def _run(*, stands_by: bool) -> None:
    desk = Desk()
    try:
        async with new_client(connections_max=settings.RUNNER_PLACES) as client:
            adapters = Adapters(client)
            async with aclosing(adapters):
                await Runner(
                    adapters=adapters, places=settings.RUNNER_PLACES, desk=desk, stands_by=stands_by
                ).run()
    finally:
        desk.close()
