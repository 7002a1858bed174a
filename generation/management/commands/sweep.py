from collections.abc import Callable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation import chores, orphans, recovery
from generation.claims import database_now
from generation.receipt_words import plural

# These two are done whether or not they are due: who calls this by hand wants them now.
ALWAYS = ("orphans", "tidy")


class Command(BaseCommand):
    """`manage.py sweep`, `manage.py sweep --only orphans --dry-run`."""

    help = (
        "Does by hand what the worker does by the clock: ends what stopped moving, wakes a worker, does the "
        "chores that are due, forgets old rows and removes files that no row names. Safe beside workers."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--only", action="append", choices=list(self.parts), metavar="PART", help=", ".join(self.parts)
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="with --only orphans: count the files, and remove none of them",
        )

    def handle(self, *, only: list[str] | None, dry_run: bool, **options: Any) -> None:
        if dry_run and set(only or self.parts) != {"orphans"}:
            raise CommandError(
                "--dry-run counts files and nothing else; the other parts would be done in earnest. "
                "Use it as: manage.py sweep --only orphans --dry-run"
            )
        self.dry_run = dry_run
        for name, part in self.parts.items():
            if only is None or name in only:
                self.stdout.write(part(self))

    def _reap(self) -> str:
        reaped, failed = recovery.reap(now=database_now())
        could_not = f"; {failed:,} could not be ended, the log says why" if failed else ""
        return f"{plural(reaped, 'generation')} past the deadline or tried too often ended{could_not}."

    def _wake(self) -> str:
        woken = recovery.wake(now=database_now())
        return "A worker was woken for what waits." if woken else "Nothing waits for a worker."

    def _chores(self) -> str:
        done, failed = [], []
        for name in chores.CHORES:
            if name in ALWAYS:
                continue
            try:
                if chores.do_due(name, now=database_now()):
                    done.append(name)
            except Exception as error:
                failed.append(f"{name} failed: {error}")
        return " ".join(
            [f"Chores done: {', '.join(done) or 'none was due'}.", *(f"{one}." for one in failed)]
        )

    def _tidy(self) -> str:
        return f"{plural(recovery.tidy(now=database_now()), 'old row')} forgotten."

    def _orphans(self) -> str:
        found = orphans.remove(now=database_now(), dry_run=self.dry_run)
        would = "would be" if self.dry_run else "were" if found.removed != 1 else "was"
        said = f"{plural(found.removed, 'file')} of {found.seen:,} {would} removed: no row names them."
        if found.put_back:
            said += f" {plural(found.put_back, 'file')} put back."
        if found.failed:
            said += f" {plural(found.failed, 'file')} could not be removed; the log says why."
        return said

    parts: dict[str, Callable[["Command"], str]] = {
        "reap": _reap,
        "wake": _wake,
        "chores": _chores,
        "tidy": _tidy,
        "orphans": _orphans,
    }
