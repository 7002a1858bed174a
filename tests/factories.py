"""Rows and pictures for tests, made the way the product makes them."""

import io
import itertools
from typing import Any

from django.utils import timezone
from PIL import Image as Picture
from PIL import ImageDraw

from accounts import ledger
from accounts.models import ApiKey, User
from gallery import ingest
from gallery.models import Upload
from generation import calls, catalog, outputs, submission, wishes
from generation.calls import Answered, Beginning, Sending
from generation.claims import Claim
from generation.models import Attempt, Generation
from generation.outputs import Delivered
from generation.progress import Reason
from generation.references import GivenReference

_numbers = itertools.count(1)


def person(*, credits: int = 1_000, **fields: Any) -> User:
    """A person with credits. The password is `correct horse battery`."""
    number = next(_numbers)
    fields.setdefault("email", f"person{number}@easel.test")
    user = User.objects.create_user(password="correct horse battery", **fields)
    if credits:
        ledger.grant(user=user, amount=credits, key=f"test-{number}", reason="for a test", by=None)
    return user


def generation(
    user: User | None = None,
    *,
    references: list[GivenReference] | None = None,
    api_key: ApiKey | None = None,
    **wish: Any,
) -> Generation:
    """A generation that was submitted and waits."""
    wish.setdefault("prompt", "a lighthouse at dusk")
    given = references or []
    checked = wishes.check(references=len(given), **wish)
    return submission.submit(
        user=user or person(), wish=checked, references=given, now=timezone.now(), api_key=api_key
    ).generation


def begin(claim: Claim, *, positions: tuple[int, ...] = (), provider: str = "aimlapi") -> Attempt:
    """An attempt at a provider for the places given, else for all of them."""
    generation = Generation.objects.get(pk=claim.generation_id)
    offer = catalog.load().find(generation.model).offers[provider]
    places = positions or tuple(range(1, generation.count + 1))
    beginning = Beginning(claim, generation, Sending(offer, places))
    (answer,) = calls.begin([beginning], now=timezone.now())
    if isinstance(answer, Exception):
        raise answer
    return answer


def answered(claim: Claim, attempt: Attempt, answer: list[dict[str, str]], **facts: Any) -> None:
    """A provider's answer to the claim's attempt, kept."""
    (fenced,) = calls.answered([Answered(claim, attempt, answer, **facts)], now=timezone.now())
    if fenced is not None:
        raise fenced


def finish(
    claim: Claim, attempt: Attempt, stored: list[ingest.Stored], *, short: Reason | None = None
) -> None:
    """Deliver the pictures as what the attempt brought."""
    delivered = [
        Delivered(place, attempt, one) for place, one in zip(attempt.positions, stored, strict=False)
    ]
    generation = Generation.objects.get(pk=claim.generation_id)
    outputs.finish(claim, generation, delivered, short=short, now=timezone.now())


def picture(width: int = 64, height: int = 64, *, kind: str = "PNG", seed: int = 0) -> bytes:
    """A picture that is not blank; another seed makes another picture."""
    image = Picture.new("RGB", (width, height), (40 + seed * 37 % 200, 90, 160))
    draw = ImageDraw.Draw(image)
    for index in range(6):
        left = (seed * 53 + index * 31) % max(1, width - width // 3)
        top = (seed * 29 + index * 47) % max(1, height - height // 3)
        colour = (index * 40 % 256, (seed * 71 + index * 90) % 256, 255 - index * 30)
        draw.ellipse([left, top, left + width // 3, top + height // 3], fill=colour)
    file = io.BytesIO()
    image.save(file, kind)
    return file.getvalue()


def upload(user: User, data: bytes | None = None) -> Upload:
    """A reference picture of the person's, stored."""
    return ingest.store_upload(owner=user, data=data or picture(), file_name="reference.png")
