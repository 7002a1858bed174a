from typing import Any

from django.core.management.base import BaseCommand

from generation.supervisor import Supervisor


class Command(BaseCommand):
    help = "Runs the worker: the queue's clusters under a supervisor, and the sweep."

    def handle(self, *args: Any, **options: Any) -> None:
        Supervisor().run()
