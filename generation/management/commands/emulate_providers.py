import argparse
import logging
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.emulator import service


class Command(BaseCommand):
    help = "Serves a stand-in for image providers on loopback, until stopped. It uses no database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        service.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        logging.getLogger("easel.emulator").setLevel(logging.INFO)
        try:
            service.run(argparse.Namespace(**options))
        except OSError as error:
            raise CommandError(f"cannot listen at {options['host']}:{options['port']}: {error}") from error
