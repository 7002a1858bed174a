import contextlib
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError

from generation import heartbeats, seeding
from generation.supervisor import Supervisor


class Command(BaseCommand):
    help = "Runs the worker: the queue's clusters under a supervisor, and the sweep."

    def handle(self, *args: Any, **options: Any) -> None:
        with contextlib.suppress(DatabaseError):  # the supervisor waits for a database that is away
            seeding.warn_if_nobody()
        Supervisor(on_ready=self.say_ready).run()

    def say_ready(self) -> None:
        """Whoever started the worker waits for this line."""
        self.stdout.write(heartbeats.READY)
        self.stdout.flush()
