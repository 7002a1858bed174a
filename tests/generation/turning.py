"""Conversations for tests, made the way pages and API make them."""

from typing import Any

from django.utils import timezone

from accounts.models import User
from gallery.models import Image
from generation import conversations, wishes
from generation.models import Generation
from tests import factories
from tests.api import rows


def refine(user: User, image: Image, prompt: str = "Make it golden hour", **options: Any) -> Generation:
    """A turn from the picture that was submitted and waits."""
    fork = options.pop("fork", False)
    wish = wishes.check(prompt=prompt, continues=True, **options)
    made = conversations.continue_from(
        user=user, image=image, wish=wish, references=[], now=timezone.now(), fork=fork
    )
    return made.generation


def refined(user: User, image: Image, prompt: str = "Make it golden hour", **options: Any) -> Generation:
    """A turn from the picture that has delivered."""
    seed = options.pop("seed", 50)
    return done(refine(user, image, prompt, **options), seed=seed)


def done(generation: Generation, *, seed: int = 50) -> Generation:
    rows.finish(generation, seed=seed)
    generation.refresh_from_db()
    return generation


def picture(generation: Generation, place: int = 1) -> Image:
    """The picture it delivered at that place."""
    image: Image = generation.outputs.select_related("image__original").get(position=place).image
    return image


def first(user: User, prompt: str = "a quiet courtyard at noon", **wish: Any) -> Generation:
    """A generation of the Studio that has delivered and belongs to no conversation."""
    return rows.finished(user, prompt=prompt, **wish)


def cancel(generation: Generation) -> None:
    from generation import submission

    submission.cancel(generation=generation, now=timezone.now())


def person(**fields: Any) -> User:
    return factories.person(**fields)
