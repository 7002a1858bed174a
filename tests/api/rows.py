"""Generations that have ended, as a worker leaves them."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.models import User
from gallery import ingest
from gallery.models import Image
from gallery.search import index
from generation import claims, execution
from generation.models import Generation
from generation.progress import Reason
from tests import factories


def finished(user: User, *, pictures: int | None = None, seed: int = 0, **wish: Any) -> Generation:
    """A generation that delivered all its pictures, or `pictures` of them."""
    generation = factories.generation(user, **wish)
    finish(generation, pictures=pictures, seed=seed)
    generation.refresh_from_db()
    return generation


def finish(generation: Generation, *, pictures: int | None = None, seed: int = 0) -> None:
    deliver(_claim(generation, timezone.now()), pictures=pictures, seed=seed)


def deliver(claim: claims.Claim, *, pictures: int | None = None, seed: int = 0) -> None:
    """End what was claimed with all its pictures, or `pictures` of them."""
    generation = Generation.objects.get(pk=claim.generation_id)
    attempt = factories.begin(claim)
    got = generation.count if pictures is None else pictures
    stored = [
        ingest.store(factories.picture(seed=seed + place), keep_bytes=True, max_bytes=10**7)
        for place in range(got)
    ]
    short = Reason("too_few_images", "The provider made fewer images than asked for.")
    factories.finish(claim, attempt, stored, short=short)


def fail(generation: Generation, code: str = "content_refused") -> None:
    now = timezone.now()
    execution.fail(_claim(generation, now), Reason(code, "The provider refused this prompt."), now=now)


def image_of(user: User, *, seed: int = 0, **fields: Any) -> Image:
    image: Image = finished(user, seed=seed).outputs.get().image
    for name, value in fields.items():
        setattr(image, name, value)
    with transaction.atomic():
        image.save()
        index.write([image.pk])
    return image


def _claim(generation: Generation, now: datetime) -> claims.Claim:
    return next(claim for claim in claims.take(limit=1000, now=now) if claim.generation_id == generation.pk)
