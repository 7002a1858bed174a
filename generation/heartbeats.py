"""Signs of life of a worker cluster: one written by a task, one by the monitor that saves a task's result."""

import os
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django_q.signals import post_execute, post_execute_in_worker

from generation import claims
from generation.models import Heartbeat

Part = Heartbeat.Part

CLUSTER = "EASEL_CLUSTER"
# The line `runworker` prints when a worker has shown itself; `up` waits for it.
READY = "The worker is ready."


def beat(cluster: str, part: Heartbeat.Part, *, now: datetime) -> None:
    """Write that the part works."""
    Heartbeat.objects.update_or_create(cluster=cluster, part=part, defaults={"beat_at": now})


def stalled(cluster: str, *, now: datetime, seconds: int) -> list[str]:
    """The parts of the cluster that stand still.

    No worker was seen while work has been waiting that long, or the monitor has not saved what a worker
    finished that long ago.
    """
    seen = dict(Heartbeat.objects.filter(cluster=cluster).values_list("part", "beat_at"))
    limit = now - timedelta(seconds=seconds)
    parts = []
    if seen.get(Part.WORKER, limit) <= limit and claims.waiting(now=limit):
        parts.append("workers")
    finished = seen.get(Part.FINISHED)
    if finished is not None and finished <= limit and seen.get(Part.MONITOR, finished) < finished:
        parts.append("monitor")
    return parts


def seen(cluster: str) -> bool:
    """Whether a worker of the cluster has shown itself."""
    return Heartbeat.objects.filter(cluster=cluster, part=Part.WORKER).exists()


def seen_within(cluster: str, *, now: datetime, seconds: int) -> bool:
    """Whether a worker of the cluster has shown itself in that time."""
    since = now - timedelta(seconds=seconds)
    return Heartbeat.objects.filter(cluster=cluster, part=Part.WORKER, beat_at__gt=since).exists()


def forget(cluster: str) -> None:
    """The cluster has ended."""
    Heartbeat.objects.filter(cluster=cluster).delete()


def connect() -> None:
    """Have workers and the monitor beat when a task ends."""
    post_execute_in_worker.connect(_worker_finished, dispatch_uid="easel-worker-finished")
    post_execute.connect(_monitor_saved, dispatch_uid="easel-monitor-saved")


def _worker_finished(sender: str, **kwargs: Any) -> None:
    _beat_own(Part.FINISHED)


def _monitor_saved(sender: str, **kwargs: Any) -> None:
    _beat_own(Part.MONITOR)


def _beat_own(part: Heartbeat.Part) -> None:
    if cluster := os.environ.get(CLUSTER):
        beat(cluster, part, now=timezone.now())
