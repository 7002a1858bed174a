"""Telling workers that work waits: a hint. The rows are the truth; the sweep finds what a hint left."""

from django.conf import settings
from django.db import transaction
from django_q.brokers import get_broker
from django_q.tasks import async_task

from accounts import changes
from generation import claims, heartbeats

GENERATIONS = "generations"


# What a worker that stands by listens to; any commit that makes work is told there.
CHANNEL = "easel_work"
# So many tasks that wait to be run say enough.
TASKS_MAX = 8


def wake(public_id: object) -> None:
    """Have a worker look for work once the caller's rows are there; a broker that is away is no error.

    A worker that stands by hears of it; only where none does is a task sent.
    """
    changes.tell(CHANNEL)
    if not heartbeats.standing_by(now=claims.database_now()):
        start(str(public_id))


def workers() -> int:
    """How many processes of a cluster run generations."""
    return int(settings.Q_CLUSTER["workers"])


def start(why: str) -> None:
    """Have a worker stand by: a task that runs generations."""
    if "orm" in settings.Q_CLUSTER:
        # The broker is this database, so the task commits or rolls back with the rows.
        _start(why)
    else:
        # The rows are committed by then. A failure to say so is logged, and the sweep finds them.
        transaction.on_commit(lambda: _start(why), robust=True)


def do(chore_id: object) -> None:
    """Have a worker of the short queue do what comes back by the clock, by the id of its row."""
    if "orm" in settings.Q_CLUSTER:
        _send("generation.tasks.chore", str(chore_id), cluster="short")
    else:
        transaction.on_commit(
            lambda: _send("generation.tasks.chore", str(chore_id), cluster="short"), robust=True
        )


def test(public_id: object) -> None:
    """Have a worker of the short queue make the call of a provider's test."""
    if "orm" in settings.Q_CLUSTER:
        _send("generation.tasks.test_provider", str(public_id), cluster="short")
    else:
        transaction.on_commit(
            lambda: _send("generation.tasks.test_provider", str(public_id), cluster="short"), robust=True
        )


def go_on() -> None:
    """Have a worker of the short queue go on with what requests left of the gallery's longer work."""
    if "orm" in settings.Q_CLUSTER:
        _send("generation.tasks.go_on", "gallery", cluster="short")
    else:
        transaction.on_commit(
            lambda: _send("generation.tasks.go_on", "gallery", cluster="short"), robust=True
        )


def archives() -> None:
    """Have a worker of the short queue go on with archives, unless enough are told to already."""
    if get_broker("short").queue_size() >= TASKS_MAX:
        return
    if "orm" in settings.Q_CLUSTER:
        _send("generation.tasks.archives", "archives", cluster="short")
    else:
        transaction.on_commit(
            lambda: _send("generation.tasks.archives", "archives", cluster="short"), robust=True
        )


def _start(why: str) -> None:
    if get_broker(GENERATIONS).queue_size() < TASKS_MAX:
        _send("generation.tasks.run", why, cluster=GENERATIONS)


def _send(task: str, argument: str, *, cluster: str) -> None:
    async_task(task, argument, cluster=cluster, task_name=argument[:36])
