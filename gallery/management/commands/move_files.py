import json
import signal
import sys
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gallery import quota
from gallery.moving import Move, Moved

STOPPED = 2


class Command(BaseCommand):
    """`manage.py move_files --to bucket`; once the site is there, `--from folder --to bucket --delete`."""

    help = (
        "Copies all files to another storage and checks each copy by its digest. Safe beside the running "
        "site; can be stopped at any moment, and goes on where it was. Ends with 1 where a file did not come "
        f"out the same, and with {STOPPED} where it was stopped."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        names = ", ".join(name for name in settings.STORAGES if name not in ("default", "staticfiles"))
        parser.add_argument("--to", dest="target", required=True, metavar="NAME", help=f"one of {names}")
        parser.add_argument(
            "--from", dest="source", metavar="NAME", help="left out, where the site has its files now"
        )
        parser.add_argument(
            "--delete",
            action="store_true",
            help="copy nothing, and remove from the source what the target has too",
        )
        parser.add_argument("--dry-run", action="store_true", help="change nothing, and compare sizes alone")
        parser.add_argument("--json", action="store_true", help="say what was done as JSON")

    def handle(
        self,
        *,
        target: str,
        source: str | None,
        delete: bool,
        dry_run: bool,
        json: bool,
        **options: Any,
    ) -> None:
        source = source or settings.FILES_IN
        _check(source, target, delete=delete)
        self._stopped = False
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            moved = Move(source, target, delete=delete, dry_run=dry_run).run(is_stopped=lambda: self._stopped)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        self.stdout.write(_as_json(source, target, moved) if json else _in_words(moved, dry_run=dry_run))
        if moved.mismatched:
            sys.exit(1)
        if not moved.is_done:
            sys.exit(STOPPED)

    def _stop(self, *_: Any) -> None:
        """After the file that is being copied."""
        self._stopped = True


def _check(source: str, target: str, *, delete: bool) -> None:
    for name in (source, target):
        if name not in settings.STORAGES or name in ("default", "staticfiles"):
            missing = " Set AWS_STORAGE_BUCKET_NAME for a bucket." if name == "bucket" else ""
            raise CommandError(f"There is no storage {name}.{missing}")
    if source == target:
        raise CommandError("The files are there already: --from and --to name the same storage.")
    if delete and source == settings.FILES_IN:
        raise CommandError(
            f"The site has its files in {source}. Set FILES_IN={target}, start it again, and then delete."
        )


def _as_json(source: str, target: str, moved: Moved) -> str:
    return json.dumps({"from": source, "to": target, **asdict(moved)})


def _in_words(moved: Moved, *, dry_run: bool) -> str:
    would = "would be " if dry_run else ""
    size = quota.in_words(moved.copied_bytes)
    done = f"{moved.copied:,} {would}copied ({size}), {moved.there:,} there already"
    said = [f"{moved.seen:,} files looked at: {done}, {moved.deleted:,} {would}deleted at the source."]
    if moved.vanished:
        said.append(f"{moved.vanished:,} were removed meanwhile.")
    if moved.mismatched:
        shown = "\n".join(f"  {name}" for name in moved.mismatches[:20])
        said.append(f"{moved.mismatched:,} did not come out the same; the log says why:\n{shown}")
    if not moved.is_done:
        said.append(f"Stopped behind {moved.place or 'the start'}. Call it again to go on.")
    return " ".join(said)
