"""Fills an installation with made-up pictures, to see how it does with many: `manage.py seed_gallery`."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import make_password
from django.db import transaction

from accounts.models import Membership, Team, User
from gallery.collections import POSITION_GAP
from gallery.models import Collection, CollectionItem, Favourite, Image, ImageSource, ImageTag, Original, Tag
from gallery.search import index
from gallery.search.words import normalised
from gallery.seeding import drawing, vocabulary, writing
from gallery.seeding.drawing import Cast, Drawn

DOMAIN = "made-up.easel.test"
"""Of the e-mail addresses of made-up people, by which they are known again."""
TEAMS = 12
COLLECTIONS_EACH = 5
BATCH = 10_000
_COLOURS = [colour for colour in Tag.Colour.values if colour]


@dataclass(frozen=True)
class Plan:
    """How much is made. The same numbers and seed make the same pictures of the same originals."""

    images: int
    people: int
    tags: int
    seed: int = 1


def has_real_pictures() -> bool:
    """Whether there are pictures of people that weren't made up here."""
    return bool(Image.objects.exclude(owner__email__endswith=f"@{DOMAIN}").exists())


def fill(
    plan: Plan,
    originals: Sequence[Original],
    *,
    now: datetime,
    told: Callable[[int], None] = lambda written: None,
) -> None:
    """Make people, tags, collections and images of these originals; `told` hears how many are written."""
    dice = random.Random(plan.seed)  # noqa: S311 - made-up pictures, not a secret
    cast = _cast(plan, originals, dice)
    newest = Image.objects.order_by("-pk").values_list("created_at", flat=True).first()
    since, until = drawing.span(now, newest)
    first_id = writing.take_ids(Image, plan.images)
    pictures = drawing.draw(cast, first_id=first_id, number=plan.images, since=since, until=until, dice=dice)
    with writing.in_bulk(index_anew=newest is None):
        written = 0
        for batch in _batches(pictures):
            with transaction.atomic():
                _write(batch, now)
            written += len(batch)
            told(written)


def _batches(pictures: Iterator[Drawn]) -> Iterator[list[Drawn]]:
    batch: list[Drawn] = []
    for drawn in pictures:
        batch.append(drawn)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


_IMAGE = [
    "id", "public_id", "owner_id", "team_id", "original_id", "origin", "visibility", "title", "notes",
    "prompt", "model", "provider", "aspect_ratio", "credits", "size_bytes", "created_at",
]  # fmt: skip


def _write(batch: Sequence[Drawn], now: datetime) -> None:
    images = writing.Table(Image, *_IMAGE)
    tags = writing.Table(ImageTag, "image_id", "tag_id", "added_by_id", "added_at")
    sources = writing.Table(ImageSource, "image_id", "position", "original_id", "source_id")
    favourites = writing.Table(Favourite, "user_id", "image_id", "added_at")
    items = writing.Table(CollectionItem, "collection_id", "image_id", "position", "added_by_id", "added_at")
    for one in batch:
        image, pk, owner = one.image, one.image.pk, one.image.owner_id
        images.add(*(getattr(image, name) for name in _IMAGE))
        for tag in one.tags:
            tags.add(pk, tag, owner, image.created_at)
        for position, (original_id, source_id) in enumerate(one.sources, start=1):
            sources.add(pk, position, original_id, source_id)
        for user_id in dict.fromkeys(one.favourite_of):
            favourites.add(user_id, pk, image.created_at)
        for collection_id in one.collections:
            items.add(collection_id, pk, pk * POSITION_GAP, owner, image.created_at)
    for table in (images, tags, sources, favourites, items):
        table.flush()
    writing.write_entries(
        [
            index.entry_of(one.image, tags=one.tags, sources=[original_id for original_id, _ in one.sources])
            for one in batch
        ]
    )


def _cast(plan: Plan, originals: Sequence[Original], dice: random.Random) -> Cast:
    people = _people(plan.people, dice)
    return Cast(
        people=people,
        tags=_tags(plan.tags),
        collections={user.pk: _collections(user, team) for user, team in people},
        originals=originals,
    )


def _people(number: int, dice: random.Random) -> list[tuple[User, int | None]]:
    """The made-up people with their teams; one in eight has none. Nobody can sign in as them."""
    nobody = make_password(None)
    User.objects.bulk_create(
        (
            User(email=f"person{n}@{DOMAIN}", name=name, password=nobody)
            for n, name in enumerate(vocabulary.people(number), start=1)
        ),
        ignore_conflicts=True,
    )
    teams = [Team.objects.get_or_create(name=f"Made-up team {n}")[0] for n in range(1, TEAMS + 1)]
    emails = [f"person{n}@{DOMAIN}" for n in range(1, number + 1)]
    people = sorted(User.objects.in_bulk(emails, field_name="email").values(), key=lambda user: user.pk)
    Membership.objects.bulk_create(
        (
            Membership(user=user, team=dice.choice(teams))
            for place, user in enumerate(people)
            if place % 8 != 7
        ),
        ignore_conflicts=True,
    )
    known = dict(Membership.objects.filter(user__in=people).values_list("user_id", "team_id"))
    return [(user, known.get(user.pk)) for user in people]


def _tags(number: int) -> list[int]:
    names = {normalised(name): name for name in vocabulary.tag_names(number)}
    Tag.objects.bulk_create(
        (
            Tag(name=name, key=key, colour=_COLOURS[n % len(_COLOURS)] if n % 10 == 0 else "")
            for n, (key, name) in enumerate(names.items())
        ),
        ignore_conflicts=True,
        batch_size=500,
    )
    known = dict(Tag.objects.values_list("key", "pk"))
    return [known[key] for key in names]


def _collections(user: User, team: int | None) -> list[int]:
    made = []
    for n in range(1, COLLECTIONS_EACH + 1):
        is_for_team = team is not None and n == 1
        collection, _ = Collection.objects.get_or_create(
            owner=user,
            name=f"Collection {n} of {user.get_full_name()}",
            defaults={
                "team_id": team if is_for_team else None,
                "visibility": Collection.Visibility.TEAM if is_for_team else Collection.Visibility.PRIVATE,
            },
        )
        made.append(collection.pk)
    return made
