"""Archives of pictures for tests: asked for, made and opened."""

import csv
import io
import json
import uuid
import zipfile
from pathlib import Path
from typing import Any

from django.test import Client
from django.utils import timezone

from accounts.models import User
from gallery import archive_files, archive_making, archives, ingest, keeping, storage
from gallery.models import Archive, Image
from tests.gallery import drawing


def picture(owner: User, seed: int = 1, data: bytes | None = None, **facts: Any) -> Image:
    facts.setdefault("prompt", "A fox")
    facts.setdefault("provider", "google")
    stored = ingest.store(data or drawing.png((700, 400), seed=seed), keep_bytes=True, max_bytes=10**7)
    image = Image(owner=owner, original=ingest.record(stored), **facts)
    keeping.keep(image)
    return image


def asked(owner: User, *images: Image, variant: str = "original", **options: Any) -> Archive:
    return archives.create(
        owner, [image.pk for image in images], now=timezone.now(), variant=variant, **options
    )


def go_on(seconds: float = 60.0) -> bool:
    return archive_making.go_on(seconds=seconds, clock=timezone.now)


def made(archive: Archive) -> Archive:
    while go_on():
        pass
    archive.refresh_from_db()
    return archive


def opened(archive: Archive) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(storage.get(archive.name)))


def manifest(archive: Archive) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(opened(archive).read("manifest.json"))
    return found


def table(archive: Archive) -> list[dict[str, str]]:
    text = opened(archive).read("manifest.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def as_(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content) if response.streaming else response.content


def halves() -> list[Path]:
    return list(archive_files.of(uuid.UUID(int=0)).part.parent.glob(".*"))
