"""The receipt of a generation: what was quoted, set aside, tried, charged, given back and delivered.

It reads the rows that the others wrote and decides nothing, so that pages, API and support tell one story.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import Prefetch

from accounts.models import Hold, LedgerEntry, User
from generation import catalog
from generation.catalog import Catalog
from generation.models import Attempt, Generation, Output
from generation.receipt_words import (
    plural,
    said_of_answer,
    said_of_choice,
    said_of_end,
    said_of_hold,
    said_of_late,
    said_of_quote,
    said_of_refund,
    said_of_retry,
    said_of_sending,
)

SEE_CREDITS = "accounts.see_credits"
Kind = LedgerEntry.Kind


@dataclass(frozen=True)
class Step:
    """One sentence of the timeline. `credits` is how the balance changed then; None where it didn't.

    `kind` is `retried`, `quoted`, `held`, `chosen`, `sent`, `answered`, `ended`, `cancelled`, `charged`,
    `released`, `refunded`, `stored` or `late`; `entry` is the number of the ledger entry it tells of.
    """

    at: datetime
    kind: str
    text: str
    credits: int | None = None
    entry: int | None = None


@dataclass(frozen=True)
class AttemptFacts:
    """One call to a provider. `cost_usd` is what the vendor stated, in US dollars; for admins alone.

    `late_at` is when it answered after all, too late to be charged for, with `late_images` pictures.
    """

    number: int
    provider: str
    provider_name: str
    status: str
    vendor_id: str
    started_at: datetime
    ended_at: datetime | None
    seconds: float | None
    code: str
    detail: str
    cost_usd: Decimal | None
    vendor_credits: int | None
    vendor_text: str
    late_at: datetime | None
    late_images: int | None


@dataclass(frozen=True)
class RenditionFacts:
    """A smaller copy; sizes in pixels and bytes."""

    width: int
    height: int
    size_bytes: int


@dataclass(frozen=True)
class FileFacts:
    """A delivered picture as it is stored: `sha256` of its bytes, sizes in pixels and bytes.

    `state` is `kept`, `in_trash` or `deleted`: for good, which leaves the digest alone. `image` is the one
    whose page can be opened.
    """

    position: int
    state: str
    sha256: str
    image: Any = None
    original: Any = None
    content_type: str | None = None
    size_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    renditions: tuple[RenditionFacts, ...] = ()


@dataclass(frozen=True)
class Receipt:
    """All of it. Amounts are whole credits: `quoted` = `captured` + `released` once it has ended."""

    generation: Generation
    quoted: int
    held: int
    captured: int
    released: int
    refunded: int
    vendor_cost_usd: Decimal | None
    timeline: tuple[Step, ...]
    attempts: tuple[AttemptFacts, ...]
    files: tuple[FileFacts, ...]

    @property
    def charged(self) -> int:
        """What it cost in the end."""
        return self.captured - self.refunded


def visible_to(viewer: User) -> Any:
    """The generations whose receipt a person may see: their own, and everybody's with `see_credits`."""
    rows = Generation.objects.all()
    return rows if viewer.has_perm(SEE_CREDITS) else rows.filter(user=viewer)


def with_facts(rows: Any) -> Any:
    """Reads all that a receipt shows in a constant number of queries."""
    return rows.select_related("hold__api_key", "user", "retry_of").prefetch_related(
        Prefetch("hold__entries", LedgerEntry.objects.select_related("by").order_by("pk")),
        "attempts",
        "retry_of__attempts",
        "references",
        Prefetch("outputs", Output.objects.select_related("image__original", "image__owner")),
        "outputs__image__original__renditions",
    )


def receipt(generation: Generation, *, with_costs: bool) -> Receipt:
    """The receipt of a generation read `with_facts`; vendors' costs and words only `with_costs`."""
    hold, known = generation.hold, catalog.load(with_retired=True)
    attempts = tuple(_attempt(row, known, with_costs) for row in generation.attempts.all())
    stated = [facts.cost_usd for facts in attempts if facts.cost_usd is not None]
    return Receipt(
        generation=generation,
        quoted=generation.credits_quoted,
        held=hold.amount if hold.is_open else 0,
        captured=hold.captured,
        released=hold.released,
        refunded=hold.refunded,
        vendor_cost_usd=sum(stated, Decimal()) if stated else None,
        timeline=tuple(_timeline(generation, known, with_costs)),
        attempts=attempts,
        files=tuple(_file(output) for output in generation.outputs.all()),
    )


def _timeline(generation: Generation, known: Catalog, with_costs: bool) -> list[Step]:
    """In the order of cause, not of clocks: the machines that wrote the moments may differ by a little."""
    hold = generation.hold
    steps = [
        Step(generation.created_at, "quoted", said_of_quote(generation)),
        Step(hold.created_at, "held", said_of_hold(hold)),
    ]
    if generation.retry_of is not None:
        text = said_of_retry(generation, generation.retry_of, known.provider_title)
        steps.insert(0, Step(generation.created_at, "retried", text))
    for place, attempt in enumerate(generation.attempts.all()):
        steps += _of_attempt(attempt, known, again=place > 0)
    if asked_at := generation.cancel_requested_at:
        place = next((n for n, step in enumerate(steps) if n > 1 and step.at > asked_at), len(steps))
        steps.insert(place, Step(asked_at, "cancelled", "It was cancelled."))
    steps += _of_end(generation)
    steps += _of_late_answers(generation, known, with_costs)
    return steps


def _of_attempt(attempt: Attempt, known: Catalog, *, again: bool) -> Iterator[Step]:
    name = known.provider_title(attempt.provider)
    if attempt.choice:
        titles = {facts.name: facts.title for facts in known.providers.values()}
        yield Step(attempt.started_at, "chosen", said_of_choice(attempt, name, titles))
    yield Step(attempt.started_at, "sent", said_of_sending(attempt, name, again=again))
    if attempt.answered_at is not None:
        yield Step(attempt.answered_at, "answered", said_of_answer(attempt, name))
    if attempt.ended_at is not None:
        yield Step(attempt.ended_at, "ended", said_of_end(attempt, name))


def _of_late_answers(generation: Generation, known: Catalog, with_costs: bool) -> Iterator[Step]:
    for attempt in generation.attempts.all():
        if attempt.late_at is not None and _came_late(attempt):
            cost = attempt.vendor_cost_usd if with_costs else None
            text = said_of_late(attempt, known.provider_title(attempt.provider), cost_usd=cost)
            yield Step(attempt.late_at, "late", text)


def _came_late(attempt: Attempt) -> bool:
    """Whether it has no answer but a late one: a later claim may have fetched the same one in time."""
    return attempt.late_at is not None and attempt.answered_at is None


def _of_end(generation: Generation) -> Iterator[Step]:
    """What became of the hold, the files, and what was given back later."""
    hold = generation.hold
    outputs = list(generation.outputs.all())
    if outputs:
        text = f"{plural(len(outputs), 'picture')} stored."
        yield Step(generation.finished_at or generation.created_at, "stored", text)
    for entry in hold.entries.all():
        if entry.kind == Kind.CAPTURE:
            yield from _charged(entry, hold, len(outputs))
        elif entry.kind == Kind.REFUND:
            yield Step(entry.created_at, "refunded", said_of_refund(entry), entry.amount, entry.pk)
    if hold.settled_at is not None and not hold.captured:
        text = f"{plural(hold.released, 'credit')} given back. Nothing was charged."
        yield Step(hold.settled_at, "released", text)


def _charged(entry: LedgerEntry, hold: Hold, images: int) -> Iterator[Step]:
    text = f"{plural(entry.amount, 'credit')} charged for {plural(images, 'image')}."
    yield Step(entry.created_at, "charged", text, -entry.amount, entry.pk)
    if hold.released:
        text = f"{plural(hold.released, 'credit')} on hold given back for what wasn't made."
        yield Step(entry.created_at, "released", text)


def _attempt(attempt: Attempt, known: Catalog, with_costs: bool) -> AttemptFacts:
    ended = attempt.ended_at or attempt.answered_at
    return AttemptFacts(
        number=attempt.number,
        provider=attempt.provider,
        provider_name=known.provider_title(attempt.provider),
        status=attempt.status,
        vendor_id=attempt.vendor_id,
        started_at=attempt.started_at,
        ended_at=ended,
        seconds=round((ended - attempt.started_at).total_seconds(), 1) if ended else None,
        code=attempt.code,
        detail=attempt.detail,
        cost_usd=attempt.vendor_cost_usd if with_costs else None,
        vendor_credits=attempt.vendor_credits if with_costs else None,
        vendor_text=attempt.vendor_text if with_costs else "",
        late_at=attempt.late_at if _came_late(attempt) else None,
        late_images=attempt.late_images if _came_late(attempt) else None,
    )


def _file(output: Output) -> FileFacts:
    if output.image is None:
        return FileFacts(position=output.position, state="deleted", sha256=output.sha256)
    original, in_trash = output.image.original, output.image.trashed_at is not None
    copies = sorted(original.renditions.all(), key=lambda copy: copy.size)
    return FileFacts(
        position=output.position,
        state="in_trash" if in_trash else "kept",
        sha256=original.sha256,
        image=None if in_trash else output.image,
        original=original,
        content_type=original.content_type,
        size_bytes=original.size_bytes,
        width=original.width,
        height=original.height,
        renditions=tuple(RenditionFacts(copy.width, copy.height, copy.size_bytes) for copy in copies),
    )
