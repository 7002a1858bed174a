from typing import Any

from django.core.management.base import BaseCommand

from generation import heartbeats
from generation.supervisor import Supervisor


class Command(BaseCommand):
    help = "Runs the worker: the queue's clusters under a supervisor, and the sweep."

    def handle(self, *args: Any, **options: Any) -> None:
        Supervisor(on_ready=self.say_ready).run()

    def say_ready(self) -> None:
        """Whoever started the worker waits for this line."""
        self.stdout.write(heartbeats.READY)
        self.stdout.flush()
