"""People, pictures and links as the tests of share links need them."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import teams
from accounts.models import Membership, Team, User
from gallery import ingest, keeping, links
from gallery.models import Collection, Image, ShareLink
from tests import factories

PROMPT = "a secret lighthouse at dusk"


def image(owner: User, *, seed: int = 0, width: int = 96, height: int = 64, **fields: Any) -> Image:
    """An image with its files, and with all that a link must not tell."""
    data = factories.picture(width, height, seed=seed)
    original = ingest.record(ingest.store(data, keep_bytes=True, max_bytes=10**7))
    fields.setdefault("prompt", PROMPT)
    fields.setdefault("model", "gemini-2.5-flash-image")
    fields.setdefault("provider", "secret-provider")
    made = Image(owner=owner, original=original, credits=4242, notes="secret notes", **fields)
    keeping.keep(made)
    return made


def link(owner: User, *images: Image, **terms: Any) -> ShareLink:
    shown = images or (image(owner),)
    return links.create(owner, images=[one.pk for one in shown], now=timezone.now(), **terms)


def token(link: ShareLink) -> str:
    return links.address_of(link).rpartition("/")[2]


def path(link: ShareLink, name: str = "page", *rest: Any) -> str:
    return reverse(f"shared:{name}", args=[token(link), *rest])


def paths(link: ShareLink, image: Image) -> dict[str, str]:
    """Every address that is derived from a link."""
    return {
        "page": path(link),
        "one": path(link, "one", image.public_id),
        "320": path(link, "file", image.public_id, 320),
        "640": path(link, "file", image.public_id, 640),
        "1280": path(link, "file", image.public_id, 1280),
        "download": path(link, "download", image.public_id),
    }


def unlock(client: Client, link: ShareLink, password: str = "", **extra: Any) -> Any:
    return client.post(path(link, "open"), {"password": password}, **extra)


def join(team: Team, *people: User) -> None:
    for person in people:
        teams.put(person, team, role=Membership.Role.MEMBER, now=timezone.now())


def collection(owner: User, *images: Image, **fields: Any) -> Collection:
    from gallery import collections

    made = Collection.objects.create(owner=owner, **{"name": "Harbour", **fields})
    collections.file(made.pk, images, by_id=owner.pk)
    return made


def in_days(days: float) -> Any:
    return timezone.now() + timedelta(days=days)
