from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from gallery.search import rebuilding


class Command(BaseCommand):
    help = (
        "Writes the search index anew from the images' rows, while the site runs. Safe to stop and to repeat."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--after", type=int, default=0, help="go on after this id, the last one a stopped run named"
        )

    def handle(self, *args: Any, after: int, **options: Any) -> None:
        for last in rebuilding.rebuild(after=after):
            self.stdout.write(f"done up to {last}")
