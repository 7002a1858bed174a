"""Whatever is asked for, the engine finds what going through all pictures one by one finds."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import Membership, Team, User
from gallery import browsing, likeness
from gallery.browsing import Walk
from gallery.models import Collection, CollectionItem, Favourite, Image, ImageTag, Tag
from gallery.search import colours, engine, index, postgres, syntax
from gallery.search.syntax import Term
from gallery.search.words import words
from tests import factories
from tests.gallery import rows

pytestmark = pytest.mark.django_db
WORDS = ("cat", "cats", "catalogue", "sea", "blue", "blueprint", "at", "dusk", "Café", "日本", "o'clock")
TAGS = ("sea", "golden hour", "blue sea", "dusk")
NAMES = ("Mara Blue", "Jonas Weber", "Ada Dusk")
SHAPES = ((1024, 1024), (1344, 768), (832, 1248))
PAINTS = ((49, 145, 140), (192, 57, 47), (245, 245, 244), (58, 70, 176))
DAYS = tuple(datetime(2026, 9, 1, 12, tzinfo=UTC) + timedelta(days=20 * n) for n in range(4))
# On PostgreSQL: all within the window; walking on from it, a little at a time, after asking the planner and
# without; by the index; by the index among the nearest first.
_FREE: dict[str, Any] = dict.fromkeys(("_READ", "_GATHERED", "_PASSED", "_SOUGHT", "_FOUND", "_NUMBER"), 0.0)
WAYS: dict[str, dict[str, Any]] = {
    "window": {},
    "walk": {"WINDOW": 4, "ASKING": 0, "_FOUND": 1e9, "entries_to_walk": lambda *_: 3.0},
    "walk unasked": {"WINDOW": 4, "entries_to_walk": lambda *_: 3.0},
    "index": {"WINDOW": 4, "ASKING": 0, **_FREE},
    "near": {"WINDOW": 4, "ASKING": 0, **_FREE, "_FOUND": 1e-6, "entries_to_walk": lambda *_: 3.0},
}


@dataclass
class World:
    people: list[User]
    images: list[Image]
    collection: Collection
    facts: "list[Facts]"


@pytest.fixture(params=WAYS)
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name, value in WAYS[request.param].items():
        monkeypatch.setattr(postgres, name, value)
    dice = random.Random(5)
    teams = [Team.objects.create(name=name) for name in ("North", "South")]
    people = [factories.person(name=name, credits=0) for name in NAMES]
    for user, team in zip(people, (teams[0], teams[0], teams[1]), strict=True):
        Membership.objects.create(user=user, team=team)
    tags = [Tag.objects.create(name=name, key=name) for name in TAGS]
    collection = Collection.objects.create(owner=people[0], name="Some")
    images = [_image(dice, people, tags, collection, place) for place in range(40)]
    index.write([image.pk for image in images])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {index.TABLE}")
    return World(people, images, collection, [Facts.of(image) for image in reversed(images)])


def _image(dice: random.Random, people: list[User], tags: list[Tag], some: Collection, place: int) -> Image:
    owner = dice.choice(people)
    width, height = dice.choice(SHAPES)
    left, right = dice.sample(PAINTS, 2)
    image = rows.image(
        owner,
        width=width,
        height=height,
        team_id=owner.membership.team_id,
        visibility=dice.choice(["private", "private", "team", "everyone"]),
        prompt=" ".join(dice.choices(WORDS, k=dice.randint(1, 6))),
        title=dice.choice(["", "Blue dusk", "cats at sea"]),
        notes=dice.choice(["", "", "sea, at dusk"]),
        provider=dice.choice(["google", "openai"]),
        credits=dice.choice([2, 4, 8]),
        created_at=DAYS[place // 10] + timedelta(minutes=place),
        signature=(bytes(left) * 8 + bytes(right) * 8) * 16,
    )
    for tag in dice.sample(tags, dice.choice([0, 1, 2])):
        ImageTag.objects.create(image=image, tag=tag)
    if dice.random() < 0.3:
        Favourite.objects.create(image=image, user=people[0])
    if dice.random() < 0.4:
        CollectionItem.objects.create(image=image, collection=some, position=place)
    return image


# The model


@dataclass(frozen=True)
class Facts:
    """What the model looks at, read from the rows."""

    image: Image
    texts: list[list[str]]
    tags: set[str]
    favourite_of: set[int]
    collections: set[int]

    @classmethod
    def of(cls, image: Image) -> "Facts":
        return cls(
            image,
            [words(text) for text in (image.title, image.prompt, image.notes)],
            set(image.image_tags.values_list("tag__key", flat=True)),
            set(image.favourites.values_list("user_id", flat=True)),
            set(image.collection_items.values_list("collection_id", flat=True)),
        )


def stands_in(text: list[str], asked: list[str]) -> bool:
    longer = len(asked) == 1 and len(asked[0]) >= 3
    return any(
        text[at : at + len(asked)] == asked or (longer and text[at].startswith(asked[0]))
        for at in range(len(text))
    )


def holds(term: Term, facts: Facts, me: User, closeness: str) -> bool:
    image, value = facts.image, term.value
    match term.kind:
        case "words":
            asked = value.split()
            texts = [*facts.texts, *(tag.split() for tag in facts.tags)]
            return any(stands_in(text, asked) for text in texts) or set(asked) <= set(words(image.owner.name))
        case "tag":
            return value in facts.tags
        case "by":
            return image.owner == me if value == "me" else set(value.split()) <= set(words(image.owner.name))
        case "ratio":
            return {"1:1": (1024, 1024), "16:9": (1344, 768), "2:3": (832, 1248)}.get(value) == (
                image.original.width,
                image.original.height,
            )
        case "color":
            return has_colour(image, value, closeness)
        case "provider":
            return image.provider == value
        case "cost" | "size":
            longer_side = max(image.original.width, image.original.height)
            return is_within(image.credits if term.kind == "cost" else longer_side, value)
        case "from":
            return image.created_at.date() >= date.fromisoformat(value)
        case "before":
            return image.created_at.date() < date.fromisoformat(value)
    raise AssertionError(term)


def is_within(value: int, asked: str) -> bool:
    sign, number = asked.rstrip("0123456789"), int(asked.lstrip("<>="))
    return {">": value > number, "<": value < number, "=": value == number}[sign]


def has_colour(image: Image, colour: str, closeness: str) -> bool:
    near = likeness.cells_near(likeness.lab(*likeness.rgb(colour)), colours.CLOSENESS[closeness])
    own = [likeness.cell_of(likeness.lab(*likeness.rgb(name))) for name, _ in image.original.palette]
    return bool(set(own) & set(near))


def is_seen(image: Image, me: User, scope: str) -> bool:
    mine = image.owner == me
    everyone = image.visibility == "everyone"
    team = image.visibility != "private" and image.team_id == me.membership.team_id
    return {"mine": mine, "team": team, "everyone": everyone, "all": mine or team or everyone}[scope]


def is_wanted(facts: Facts, me: User, walk: Walk) -> bool:
    image = facts.image
    tagged = [tag in facts.tags for tag in walk.tags]
    return all(
        [
            is_seen(image, me, walk.scope),
            all(
                holds(term, facts, me, walk.closeness) != term.excluded
                for term in syntax.parse(walk.text).terms
            ),
            not tagged or (any(tagged) if walk.any_tag else all(tagged)),
            not walk.people or image.owner_id in walk.people,
            not walk.colour or has_colour(image, colours.named(walk.colour), walk.closeness),
            not walk.since or image.created_at.date() >= walk.since,
            not walk.until or image.created_at.date() <= walk.until,
            not walk.favourites or me.pk in facts.favourite_of,
            walk.collection is None or bool(facts.collections),
        ]
    )


# What is asked

_terms = st.sampled_from(
    [
        *WORDS, "ca", "blu", "dus", '"at dusk"', '"blue sea"', '"sea blue"', "-cat", "-blue", '-"at dusk"',
        "tag:dusk", 'tag:"golden hour"', "-tag:sea", "by:me", "by:weber", "-by:mara", "ratio:16:9",
        "color:teal", "-color:red", "color:#3a46b0", "provider:google", "-provider:google", "cost:>2",
        "size:>1100", "size:<1344", "size:1024",
        "cost:<8", "-ratio:1:1", "cost:4", "from:2026-09-21", "before:2026-10-12", "from:2027", "mara",
        "nothing",
    ]
)  # fmt: skip
_days = st.none() | st.sampled_from([date(2026, 9, 1), date(2026, 9, 21), date(2026, 10, 31)])
_walks = st.builds(
    Walk,
    scope=st.sampled_from(engine.SCOPES),
    text=st.lists(_terms, max_size=3).map(" ".join),
    tags=st.lists(st.sampled_from(TAGS), max_size=2, unique=True).map(tuple),
    any_tag=st.booleans(),
    colour=st.sampled_from(["", "", "red", "blue"]),
    closeness=st.sampled_from(tuple(colours.CLOSENESS)),
    since=_days,
    until=_days,
    favourites=st.sampled_from([False, False, True]),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_engine_agrees_with_going_through_all(world: World, data: st.DataObject) -> None:
    me = data.draw(st.sampled_from(world.people))
    walk = data.draw(_walks)
    if me == world.people[0] and data.draw(st.booleans()):
        walk = replace(walk, collection=world.collection.public_id)
    if data.draw(st.booleans()):
        walk = replace(walk, people=(data.draw(st.sampled_from(world.people)).pk,))
    expected = [facts.image.pk for facts in world.facts if is_wanted(facts, me, walk)]
    asked = browsing.wanted(me, walk)

    assert engine.newest(asked, size=100) == expected
    size = data.draw(st.integers(1, 5))
    place = data.draw(st.sampled_from(world.images)).pk
    older = [pk for pk in expected if pk < place]
    newer = [pk for pk in expected if pk > place]
    assert engine.newest(asked, size=size) == expected[:size]
    assert engine.newest(asked, size=size, before=place) == older[:size]
    assert engine.newest(asked, size=size, after=place) == newer[-size:]
    assert engine.count(asked, most=size) == min(size, len(expected))
    assert engine.oldest(asked) == expected[-1:]
