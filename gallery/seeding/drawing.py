"""Pictures of a made-up installation, one after the other as if people made them. Writes nothing."""

import random
import uuid
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from accounts.models import User
from gallery.models import Image, Original
from gallery.search import marks
from gallery.seeding.vocabulary import Zipf, words

WORDS = 20_000
_MADE_BY = (
    ("google", "gemini-2.5-flash-image"),
    ("aimlapi", "flux-pro"),
    ("openai", "gpt-image-1"),
    ("gmi", "seedream-4"),
    ("onemin", "imagen-4"),
    ("google", "imagen-4-ultra"),
)
_VISIBLE = ("private", "team", "everyone")
# So many for everyone that who has most sees half of all: the 10,000th page of a million pictures is there.
_VISIBLE_WEIGHTS = (45, 15, 40)


@dataclass(frozen=True)
class Cast:
    """Who and what is there: people with their teams, tags, each person's collections, stored pictures."""

    people: Sequence[tuple[User, int | None]]
    tags: Sequence[int]
    collections: dict[int, Sequence[int]]
    originals: Sequence[Original]


@dataclass
class Drawn:
    """One image, not written yet, with what hangs on it, by ids."""

    image: Image
    tags: list[int] = field(default_factory=list)
    # The original and the image it was made from.
    sources: list[tuple[int, int]] = field(default_factory=list)
    favourite_of: list[int] = field(default_factory=list)
    collections: list[int] = field(default_factory=list)


@dataclass
class _Desk:
    """What a person did last."""

    prompts: deque[str] = field(default_factory=lambda: deque(maxlen=30))
    last: tuple[int, int] | None = None


def draw(
    cast: Cast, *, first_id: int, number: int, since: datetime, until: datetime, dice: random.Random
) -> Iterator[Drawn]:
    """So many pictures with ids from `first_id` on, evenly through the time, ids and times in one order."""
    hand = _Hand(cast, dice)
    step = (until - since) / max(1, number)
    for index in range(number):
        moment = since + step * index + step * dice.random()
        yield hand.picture(first_id + index, moment)


class _Hand:
    def __init__(self, cast: Cast, dice: random.Random) -> None:
        self._cast, self._dice = cast, dice
        self._people = Zipf(cast.people, 0.9)
        self._words = Zipf(words(WORDS))
        self._tags = Zipf(cast.tags)
        self._originals = Zipf(cast.originals, 0.6)
        self._made_by = Zipf(_MADE_BY, 0.8)
        self._desks: dict[int, _Desk] = {}

    def picture(self, pk: int, moment: datetime) -> Drawn:
        dice = self._dice
        user, team = self._people.one(dice)
        desk = self._desks.setdefault(user.pk, _Desk())
        original = self._originals.one(dice)
        provider, model = self._made_by.one(dice)
        visibility = dice.choices(_VISIBLE, _VISIBLE_WEIGHTS)[0]
        image = Image(
            pk=pk,
            public_id=uuid.UUID(int=dice.getrandbits(128), version=4),
            owner_id=user.pk,
            team_id=team,
            original=original,
            visibility=_VISIBLE[2] if team is None and visibility == _VISIBLE[1] else visibility,
            title=self._text(2, 5).capitalize() if dice.random() < 0.15 else "",
            notes=self._text(6, 30) if dice.random() < 0.08 else "",
            prompt=self._prompt(desk),
            model=model,
            provider=provider,
            aspect_ratio=marks.nearest_ratio(original.width, original.height),
            credits=dice.choice((2, 2, 2, 4, 4, 8)),
            size_bytes=original.size_bytes,
            created_at=moment,
        )
        drawn = Drawn(image)
        self._hang(drawn, desk)
        desk.last = (original.pk, pk)
        return drawn

    def _hang(self, drawn: Drawn, desk: _Desk) -> None:
        dice, user_id = self._dice, drawn.image.owner_id
        drawn.tags = list(dict.fromkeys(self._tags.draw(dice, dice.choice((0, 0, 1, 2, 3, 4, 6)))))
        if desk.last is not None and dice.random() < 0.15:
            drawn.sources = [desk.last]
        if dice.random() < 0.02:
            drawn.favourite_of = [user_id]
            if drawn.image.visibility == Image.Visibility.EVERYONE:
                drawn.favourite_of += [self._people.one(dice)[0].pk]
        own = self._cast.collections.get(user_id, ())
        if own and dice.random() < 0.05:
            drawn.collections = [dice.choice(own)]

    def _prompt(self, desk: _Desk) -> str:
        """A new one, the last one once more, or one of the latest with a word or two changed."""
        dice, chance = self._dice, self._dice.random()
        if desk.prompts and chance < 0.3:
            return desk.prompts[-1]
        if desk.prompts and chance < 0.45:
            known = dice.choice(desk.prompts).split()
            for _ in range(dice.randint(1, 2)):
                known[dice.randrange(len(known))] = self._words.one(dice)
            text = " ".join(known)
        else:
            text = self._text(5, 22)
        desk.prompts.append(text)
        return text

    def _text(self, least: int, most: int) -> str:
        return " ".join(self._words.draw(self._dice, self._dice.randint(least, most)))


def span(now: datetime, newest: datetime | None) -> tuple[datetime, datetime]:
    """From when to when: three years, or what is left since the newest picture that is there."""
    since = now - timedelta(days=3 * 365)
    return (max(since, newest) if newest else since), now
