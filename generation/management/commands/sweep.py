from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from generation import recovery


class Command(BaseCommand):
    help = "Finds what stopped moving and gives it an end; the worker does it every few seconds."

    def handle(self, *args: Any, **options: Any) -> None:
        swept = recovery.sweep(now=timezone.now())
        forgotten = recovery.tidy(now=timezone.now())
        self.stdout.write(f"{swept.reaped} ended, {swept.woken} woken, {forgotten} old rows forgotten")
