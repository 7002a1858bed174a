"""The feed: a person's generations as rows to show, with their words, prices and tiles."""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from itertools import groupby

from django.db.models import Count

from accounts.models import User
from gallery import provenance
from gallery.models import Image
from generation import catalog, expectation, pricing, retrying, stopping
from generation.catalog import Catalog
from generation.expectation import Expectation, Outlook
from generation.models import Branch, Generation
from generation.providers.errors import Code
from generation.stopping import Terms

PAGE = 20
IN_TRASH, DELETED = "In the trash", "Deleted"
_ENDED_SHORT = (Generation.Status.FAILED, Generation.Status.PARTIAL, Generation.Status.CANCELED)


class State(StrEnum):
    """How a row looks; finer than a generation's status."""

    QUEUED = "queued"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Row:
    """One generation as the feed shows it.

    Amounts are credits. `price_again` is what one image would cost now, None when its model is no longer on
    offer; `turns` and `branches` count those of the conversation it belongs to, 0 where there is none;
    `terms` say what cancelling costs, `elsewhere` who else could make what is missing, as people call them;
    `key` makes a press of its button happen once.
    """

    generation: Generation
    state: State
    images: tuple[Image, ...]
    expected: Expectation
    left: str
    terms: Terms
    wake_seconds: int | None
    provider: str
    title: str
    reason: str
    price_again: int | None
    elsewhere: tuple[str, ...] = ()
    turns: int = 0
    branches: int = 0
    key: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def public_id(self) -> str:
        return str(self.generation.public_id)

    @property
    def picture(self) -> Image | None:
        """The picture whose page shows the conversation: its own first, else the one it goes on from."""
        before = self.generation.continues
        return self.images[0] if self.images else before if before and not before.trashed_at else None

    @property
    def unfinished(self) -> bool:
        return not self.generation.is_terminal

    @property
    def cancellable(self) -> bool:
        """Whether there is something left to cancel."""
        return self.unfinished and self.terms.possible

    @property
    def retryable(self) -> bool:
        """Whether it ended with something missing that could be made now."""
        return self.generation.status in _ENDED_SHORT and self.price_again is not None

    @property
    def stopping(self) -> bool:
        """Cancelled by the person, while an answer may still arrive."""
        return self.unfinished and self.generation.cancel_requested_at is not None

    @property
    def place(self) -> str:
        """Its place in line, in words."""
        return expectation.place_words(self.expected.place)

    @property
    def left_said(self) -> str:
        """How long it should take still, where it is being made."""
        return f"{self.left} left" if self.left.startswith("about") else self.left

    @property
    def elsewhere_label(self) -> str:
        """What the button says that asks somebody else; empty where nobody else can make it."""
        match self.elsewhere:
            case ():
                return ""
            case (only,):
                return f"Run again with {only}"
            case _:
                return "Run again elsewhere"

    @property
    def slots(self) -> range:
        """One for each picture asked for."""
        return range(self.generation.count)

    @property
    def missing(self) -> int:
        """How many pictures did not come."""
        return self.generation.count - len(self.generation.outputs.all())

    @property
    def gone(self) -> tuple[str, ...]:
        """Of each picture that came and isn't to be seen any more, where it is."""
        outputs = self.generation.outputs.all()
        return tuple(
            DELETED if output.image is None else IN_TRASH
            for output in outputs
            if output.image is None or output.image.trashed_at is not None
        )

    @property
    def given_back(self) -> int:
        """Credits of the hold that were not charged."""
        return self.generation.hold.released

    @property
    def refunded(self) -> int:
        """Credits given back after they were charged."""
        return self.generation.hold.refunded

    @property
    def credits_missing_again(self) -> int:
        """What the missing ones would cost now."""
        return self.missing * (self.price_again or 0)

    @property
    def credits_again(self) -> int:
        """What all of it would cost now."""
        return self.generation.count * (self.price_again or 0)


@dataclass(frozen=True)
class Day:
    """The rows of one day, newest first. `whole` says that none of them is on another page."""

    date: date
    name: str
    rows: tuple[Row, ...]
    whole: bool

    @property
    def images(self) -> int:
        return sum(len(row.images) for row in self.rows)

    @property
    def credits(self) -> int:
        return sum(row.generation.credits_captured for row in self.rows)


@dataclass(frozen=True)
class Page:
    """A stretch of the feed; `older` is where the next one starts, or None at the end."""

    days: tuple[Day, ...]
    older: str | None

    @property
    def rows(self) -> list[Row]:
        return [row for day in self.days for row in day.rows]

    @property
    def unfinished(self) -> int:
        return sum(row.unfinished for row in self.rows)


def page(user: User, *, now: datetime, before: Generation | None = None) -> Page:
    """The person's generations older than `before`, or the newest, in a constant number of queries."""
    rows = Generation.objects.filter(user=user).with_parts().order_by("-pk")
    # A cancelled one leaves the feed after its day.
    rows = rows.exclude(status=Generation.Status.CANCELED, created_at__lt=_midnight(now))
    if before is not None:
        rows = rows.filter(pk__lt=before.pk)
    found = list(rows[: PAGE + 1])
    shown = found[:PAGE]
    older = str(shown[-1].public_id) if len(found) > PAGE else None
    return Page(tuple(_days(present(shown, now=now), now=now, first=before is None, last=not older)), older)


def present(generations: Iterable[Generation], *, now: datetime) -> list[Row]:
    """Each as a row; they must have been read `with_parts`."""
    generations = list(generations)
    known = catalog.load()
    outlook = Outlook(now=now, known=known)
    sizes = _conversations(generations)
    return [_row(generation, outlook.of(generation), known, sizes, now) for generation in generations]


def _conversations(generations: list[Generation]) -> dict[int, tuple[int, int]]:
    """Turns and branches of the conversations that the generations belong to, by their ids."""
    ids = {row.branch.conversation_id for row in generations if row.branch is not None}
    if not ids:
        return {}
    counted = Branch.objects.filter(conversation__in=ids).values("conversation")
    counted = counted.annotate(turns=Count("generations"), branches=Count("pk", distinct=True))
    return {row["conversation"]: (row["turns"], row["branches"]) for row in counted}


def _row(
    generation: Generation,
    expected: Expectation,
    known: Catalog,
    sizes: dict[int, tuple[int, int]],
    now: datetime,
) -> Row:
    size = sizes.get(generation.branch.conversation_id, (0, 0)) if generation.branch else (0, 0)
    state = _state(generation, now)
    wake_at = generation.wake_at if state == State.WAITING else None
    title, reason = _words(generation, state)
    return Row(
        generation=generation,
        state=state,
        images=tuple(generation.images),
        expected=expected,
        left=expectation.left_words(expected.finish_at, now) if expected.finish_at else "",
        terms=stopping.terms(generation),
        wake_seconds=max(1, round((wake_at - now).total_seconds())) if wake_at else None,
        provider=_provider(generation, known),
        title=title,
        reason=reason,
        price_again=_price_now(generation, known),
        elsewhere=_elsewhere(generation, known),
        turns=size[0],
        branches=size[1],
    )


def _state(generation: Generation, now: datetime) -> State:
    match generation.status:
        case Generation.Status.QUEUED:
            return State.WAITING if generation.wake_at and generation.wake_at > now else State.QUEUED
        case Generation.Status.SUCCEEDED:
            return State.DONE
        case Generation.Status.FAILED if generation.error_code == Code.CONTENT:
            return State.REFUSED
        case _:
            return State(generation.status)


def _words(generation: Generation, state: State) -> tuple[str, str]:
    """What went wrong: a title, and the sentences below it without the title again."""
    if state == State.REFUSED:
        title = "The model declined this prompt"
    elif state == State.FAILED:
        title = "This didn’t work"
    elif state == State.PARTIAL:
        missing = generation.count - len(generation.outputs.all())
        title = "This one didn’t finish" if missing == 1 else f"{missing} didn’t finish"
    else:
        return "", ""
    reason = generation.error_detail
    for said in ("The model declined this prompt. ", "This one didn't finish. "):
        reason = reason.removeprefix(said)
    return title, reason


def _provider(generation: Generation, known: Catalog) -> str:
    """Who made it or makes it, as people call them; empty while nobody has been asked."""
    if made := [image.provider for image in generation.images]:
        return (
            known.providers[made[0]].title
            if made[0] in known.providers
            else provenance.provider_name(made[0])
        )
    attempts = list(generation.attempts.all())
    name = attempts[-1].provider if attempts else generation.provider
    return known.provider_title(name) if name else ""


def _elsewhere(generation: Generation, known: Catalog) -> tuple[str, ...]:
    if generation.status not in _ENDED_SHORT:
        return ()
    return tuple(offer.provider.title for offer in retrying.others(generation, known))


def _price_now(generation: Generation, known: Catalog) -> int | None:
    try:
        model = known.find(generation.model)
        return pricing.quote(model=model, count=1, image_size=generation.image_size).price
    except catalog.UnknownModel:
        return None


def _days(rows: list[Row], *, now: datetime, first: bool, last: bool) -> Iterator[Day]:
    groups = [
        (day, tuple(found)) for day, found in groupby(rows, lambda row: row.generation.created_at.date())
    ]
    for index, (day, found) in enumerate(groups):
        starts = first or index > 0
        ends = last or index < len(groups) - 1
        yield Day(date=day, name=_day_name(day, now.date()), rows=found, whole=starts and ends)


def _day_name(day: date, today: date) -> str:
    match (today - day).days:
        case 0:
            return "Today"
        case 1:
            return "Yesterday"
        case _:
            year = f" {day.year}" if day.year != today.year else ""
            return f"{day:%A}, {day.day} {day:%B}{year}"


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
