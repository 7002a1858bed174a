"""Signs of life of a worker cluster: one written by a task, one by the monitor that saves a task's result."""

import os
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Sum
from django_q.signals import post_execute, post_execute_in_worker

from generation import claims
from generation.models import Heartbeat, WorkerProcess

Part = Heartbeat.Part

CLUSTER = "EASEL_CLUSTER"
# A process that was not seen for so long may be dead; it beats every two seconds.
FRESH_SECONDS = 6
# The line `runworker` prints when a worker has shown itself; `up` waits for it.
READY = "The worker is ready."


def beat(cluster: str, part: Heartbeat.Part, *, now: datetime) -> None:
    """Write that the part works."""
    if not Heartbeat.objects.filter(cluster=cluster, part=part).update(beat_at=now):
        Heartbeat.objects.update_or_create(cluster=cluster, part=part, defaults={"beat_at": now})


def stand_by(cluster: str, *, places: int, serving: int, stands_by: bool, now: datetime) -> None:
    """Write that this process runs generations, and whether it looks for more."""
    state = {"places": places, "serving": serving, "stands_by": stands_by, "beat_at": now}
    name = _process(cluster)
    if not WorkerProcess.objects.filter(name=name).update(**state):
        WorkerProcess.objects.update_or_create(name=name, defaults={"cluster": cluster, **state})
    beat(cluster, Part.WORKER, now=now)


def gone(cluster: str) -> None:
    """This process runs nothing any more."""
    WorkerProcess.objects.filter(name=_process(cluster)).delete()


def standing_by(*, now: datetime, cluster: str = "") -> int:
    """How many processes look for work and were seen just now: of one cluster, or of all."""
    alive = WorkerProcess.objects.filter(stands_by=True, beat_at__gt=now - timedelta(seconds=FRESH_SECONDS))
    return int((alive.filter(cluster=cluster) if cluster else alive).count())


def places(*, now: datetime) -> int:
    """How many generations all processes can run at once; 0 where none was seen."""
    alive = WorkerProcess.objects.filter(beat_at__gt=now - timedelta(seconds=FRESH_SECONDS))
    return int(alive.aggregate(places=Sum("places", default=0))["places"])


def stalled(cluster: str, *, now: datetime, seconds: int) -> list[str]:
    """The parts of the cluster that stand still.

    No worker was seen while work has been waiting that long, or the monitor has not saved what a worker
    finished that long ago.
    """
    seen = dict(Heartbeat.objects.filter(cluster=cluster).values_list("part", "beat_at"))
    limit = now - timedelta(seconds=seconds)
    parts = []
    if seen.get(Part.WORKER, limit) <= limit and claims.waiting(now=limit, asked_by=limit):
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
    WorkerProcess.objects.filter(cluster=cluster).delete()


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
        beat(cluster, part, now=claims.database_now())


def _process(cluster: str) -> str:
    return f"{cluster}:{os.getpid()}"
