import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from django.conf import settings
from django_q.management.commands import qcluster

from generation.runner import DRAIN_FILE
from generation.supervisor import SUPERVISOR

LOOK_SECONDS = 0.5


class Command(qcluster.Command):
    """`qcluster` that ends with its supervisor, however that ends. `runworker` starts it."""

    help = "Runs one of the worker's clusters; `runworker` starts it, and it ends with that."

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        # Begun when the cluster's processes are there, so that none is forked from a process with threads.
        threading.Thread(target=_end_with_supervisor, daemon=True).start()


def _end_with_supervisor() -> None:
    """When the supervisor is gone, drain as it would have, and kill the group if that takes long."""
    supervisor = os.environ.get(SUPERVISOR)
    while supervisor is None or os.getppid() == int(supervisor):
        time.sleep(LOOK_SECONDS)
    if drain := os.environ.get(DRAIN_FILE):
        Path(drain).touch()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(settings.WORKER_GRACE_SECONDS + settings.LEASE_SECONDS)
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
