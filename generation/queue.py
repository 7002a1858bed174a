"""Telling workers that work waits: a hint. The rows are the truth; the sweep finds what a hint left."""

from django.conf import settings
from django.db import transaction
from django_q.tasks import async_task


def wake(public_id: object) -> None:
    """Have a worker look for work once the caller's rows are there; a broker that is away is no error."""
    if "orm" in settings.Q_CLUSTER:
        # The broker is this database, so the task commits or rolls back with the rows.
        _send("generation.tasks.run", str(public_id), cluster="generations")
    else:
        # The rows are committed by then. A failure to say so is logged, and the sweep finds them.
        transaction.on_commit(
            lambda: _send("generation.tasks.run", str(public_id), cluster="generations"), robust=True
        )


def beat(cluster_id: str) -> None:
    """Have a worker show that it works."""
    _send("generation.tasks.beat", cluster_id, cluster="generations")


def tidy() -> None:
    """Have a worker of the short queue forget what is past its time."""
    _send("generation.tasks.tidy", "hourly", cluster="short")


def do(chore: str) -> None:
    """Have a worker of the short queue do what comes back by the clock: a task of that name."""
    if "orm" in settings.Q_CLUSTER:
        _send(f"generation.tasks.{chore}", "by the clock", cluster="short")
    else:
        transaction.on_commit(lambda: _send(f"generation.tasks.{chore}", "by the clock", cluster="short"))


def test(public_id: object) -> None:
    """Have a worker of the short queue make the call of a provider's test."""
    if "orm" in settings.Q_CLUSTER:
        _send("generation.tasks.test_provider", str(public_id), cluster="short")
    else:
        transaction.on_commit(
            lambda: _send("generation.tasks.test_provider", str(public_id), cluster="short"), robust=True
        )


def _send(task: str, argument: str, *, cluster: str) -> None:
    async_task(task, argument, cluster=cluster, task_name=argument[:36])
