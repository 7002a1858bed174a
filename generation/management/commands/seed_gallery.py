"""Fills an installation with made-up pictures."""

import io
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from gallery import ingest, seeding
from gallery.ingest import PictureRefused
from gallery.models import Original
from gallery.seeding import vocabulary
from generation.emulator import painter

# What Gemini makes for the ratios people ask for most, at a size that a thousand of take little room.
_SIZES = ((1024, 1024), (1248, 832), (832, 1248), (1344, 768), (768, 1344), (1184, 864), (896, 1152))
_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp"}
_BYTES_MAX = 64 * 1024 * 1024


class Command(BaseCommand):
    """`manage.py seed_gallery --images 1000000 --people 200 --tags 5000`."""

    help = "Fill the gallery with made-up people, tags and pictures, to see how it does with many."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--images", type=_one_or_more, default=10_000, help="how many images")
        parser.add_argument("--people", type=_one_or_more, default=200, help="how many people made them")
        parser.add_argument("--tags", type=_one_or_more, default=5_000, help="how many tags there are")
        parser.add_argument("--files", type=_one_or_more, default=300, help="how many files they share")
        parser.add_argument("--folder", type=Path, help="take the files from there instead of painting them")
        parser.add_argument("--seed", type=int, default=1, help="another number makes other pictures")
        parser.add_argument(
            "--beside-real-ones", action="store_true", help="even if there are pictures of real people"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if seeding.has_real_pictures() and not options["beside_real_ones"]:
            raise CommandError(
                "There are pictures of real people here, among which made-up ones would be found."
                " Say --beside-real-ones if that is what you want."
            )
        plan = seeding.Plan(options["images"], options["people"], options["tags"], options["seed"])
        originals = self._originals(options["folder"], options["files"], plan.seed)
        self.stdout.write(f"{len(originals)} files stored.")
        seeding.fill(plan, originals, now=timezone.now(), told=self._told)

    def _told(self, written: int) -> None:
        self.stdout.write(f"{written:,} images written.")

    def _originals(self, folder: Path | None, number: int, seed: int) -> list[Original]:
        found: dict[int, Original] = {}
        for data in _from(folder, number) if folder else _painted(number, seed):
            try:
                stored = ingest.store(data, keep_bytes=True, max_bytes=_BYTES_MAX)
            except PictureRefused as refusal:
                self.stderr.write(refusal.detail)
                continue
            with transaction.atomic():
                original = ingest.record(stored)
            found[original.pk] = original
        if not found:
            raise CommandError(f"There is no picture that can be used in {folder}.")
        return list(found.values())


def _painted(number: int, seed: int) -> Iterator[bytes]:
    """Pictures as the emulator paints them; JPEG, which takes a tenth of the time to encode."""
    words = vocabulary.words(20 + number)[20:]
    for index, word in enumerate(words):
        file = io.BytesIO()
        picture = painter.paint(f"{word} {seed}", index=0, size=_SIZES[index % len(_SIZES)])
        picture.convert("RGB").save(file, "JPEG", quality=88)
        yield file.getvalue()


def _from(folder: Path, number: int) -> Iterator[bytes]:
    if not folder.is_dir():
        raise CommandError(f"There is no folder {folder}.")
    files = sorted(file for file in folder.rglob("*") if file.suffix.lower() in _SUFFIXES)
    for file in files[:number]:
        yield file.read_bytes()


def _one_or_more(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number
