"""Answers that come when nobody waits for them any more: not charged, but kept, so that it is known.

A worker that is fenced off hands over what the provider answered (`came_late`). Where it did not come at all
and the vendor can be asked by its id, it is asked later, twice at most (`ask`).
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import Count, F, Q, Sum

from accounts import events
from generation import catalog
from generation.adapters import Adapters, AdapterSource
from generation.catalog import Catalog
from generation.models import Attempt, Generation
from generation.providers.base import Adapter, Spec
from generation.providers.errors import OutcomeUnknown, ProviderError
from generation.providers.http import new_client

log = structlog.get_logger(__name__)

# How long after its end a call is asked about, first and once more.
ASKED_AFTER = (timedelta(minutes=2), timedelta(minutes=30))
ASKED_UNTIL = timedelta(hours=24)
ASKED_AT_ONCE = 20
ANSWER_SECONDS = 10.0
# All of them together; the short queue's task ends at 120 seconds.
ALL_SECONDS = 60.0


@dataclass(frozen=True)
class Late:
    """Late answers as counts, and what the vendors stated for them, in US dollars."""

    answers: int
    images: int
    cost_usd: Decimal


@dataclass(frozen=True)
class Heard:
    """What a vendor says became of a call; `images` is 0 where it made nothing."""

    images: int
    cost_usd: Decimal | None
    vendor_credits: int | None


@transaction.atomic
def came_late(
    attempt: Attempt,
    *,
    images: int,
    cost_usd: Decimal | None,
    vendor_credits: int | None,
    vendor_id: str,
    now: datetime,
) -> bool:
    """Keep what a provider answered when it was too late; whether that is written.

    It is not where the claim still holds, since then it is an answer like any other, nor where the attempt
    has an answer of its own. Nothing is charged.
    """
    generation = Generation.objects.select_for_update(of=("self",)).filter(pk=attempt.generation_id).first()
    if generation is None or not (generation.is_terminal or generation.attempts_made != attempt.number):
        return False
    changes = {
        "late_at": now,
        "late_images": images,
        "vendor_cost_usd": cost_usd,
        "vendor_credits": vendor_credits,
    }
    known = {name: value for name, value in changes.items() if value is not None}
    mine = Attempt.objects.filter(pk=attempt.pk, answered_at__isnull=True, late_at__isnull=True)
    written = bool(mine.update(**known))
    if written and vendor_id:
        keep_id(attempt, vendor_id)
    if written:
        subject = str(generation.public_id)
        events.record(user_id=generation.user_id, kind=events.Kind.GENERATION, subject=subject)
        log.info("an answer came late", provider=attempt.provider, images=images, generation=subject)
    return written


def keep_id(attempt: Attempt, vendor_id: str) -> None:
    """Keep by what the vendor can be asked, though the claim is not ours any more."""
    Attempt.objects.filter(pk=attempt.pk, vendor_id="").update(vendor_id=vendor_id[:200])


def counted(*, since: datetime) -> Late:
    """The late answers since that moment."""
    rows = Attempt.objects.filter(late_at__gte=since, answered_at__isnull=True)
    sums = rows.aggregate(answers=Count("pk"), images=Sum("late_images"), cost=Sum("vendor_cost_usd"))
    return Late(sums["answers"], sums["images"] or 0, sums["cost"] or Decimal())


def ask(*, now: datetime, adapters: AdapterSource | None = None) -> int:
    """Ask vendors what became of calls that ended without an answer; answers of how many it is known now.

    At most so many at once, each twice in all: the count is written before the vendor is asked.
    """
    offered = catalog.load(with_retired=True)
    attempts = [attempt for attempt in _unheard(now) if _mark_asked(attempt)]
    if not attempts:
        return 0
    heard = asyncio.run(_ask_all(attempts, offered, adapters))
    return sum(_keep(attempt, offered, told, now) for attempt, told in zip(attempts, heard, strict=True))


def _unheard(now: datetime) -> Iterable[Attempt]:
    due = Q()
    for asked, after in enumerate(ASKED_AFTER):
        due |= Q(late_asked=asked, ended_at__lte=now - after)
    rows = Attempt.objects.filter(
        due,
        status=Attempt.Status.OUTCOME_UNKNOWN,
        late_at__isnull=True,
        answered_at__isnull=True,
        ended_at__gt=now - ASKED_UNTIL,
        generation__status__in=Generation.TERMINAL,
    )
    return rows.exclude(vendor_id="").select_related("generation").order_by("ended_at")[:ASKED_AT_ONCE]


def _mark_asked(attempt: Attempt) -> bool:
    mine = Attempt.objects.filter(pk=attempt.pk, late_asked=attempt.late_asked)
    return bool(mine.update(late_asked=F("late_asked") + 1))


async def _ask_all(
    attempts: list[Attempt], offered: Catalog, adapters: AdapterSource | None
) -> list[Heard | None]:
    """All side by side; touches no database."""
    if adapters is not None:
        return list(await asyncio.gather(*(_ask(attempt, offered, adapters) for attempt in attempts)))
    async with new_client(connections_max=ASKED_AT_ONCE) as client:
        own = Adapters(client)
        try:
            return await _ask_all(attempts, offered, own)
        finally:
            await own.aclose()


async def _ask(attempt: Attempt, offered: Catalog, adapters: AdapterSource) -> Heard | None:
    """What the vendor says of a call; None when it can't be asked, or doesn't say."""
    facts = offered.providers.get(attempt.provider)
    adapter = adapters.of(facts) if facts is not None else None
    if adapter is None or not adapter.abilities.resumable:
        return None
    try:
        async with asyncio.timeout(ALL_SECONDS):
            return await _resumed(adapter, attempt)
    except TimeoutError:
        return None
    except Exception:  # a bug with one vendor's answer must not keep the others from being asked
        log.exception("a vendor could not be asked", provider=attempt.provider, attempt=attempt.pk)
        return None


async def _resumed(adapter: Adapter, attempt: Attempt) -> Heard | None:
    generation = attempt.generation
    spec = Spec(
        model=attempt.vendor_model,
        prompt=generation.prompt,
        aspect_ratio=generation.aspect_ratio,
        count=max(1, len(attempt.positions)),
        deadline_seconds=ANSWER_SECONDS,
        request_id=f"{generation.public_id}.{attempt.number}.{attempt.sequence}",
    )
    try:
        answer = await adapter.resume(attempt.vendor_id, spec)
    except OutcomeUnknown:
        return None
    except ProviderError as error:
        return Heard(0, error.cost.usd, error.cost.credits)
    return Heard(len(answer.images), answer.cost.usd, answer.cost.credits)


def _keep(attempt: Attempt, offered: Catalog, heard: Heard | None, now: datetime) -> bool:
    if heard is None:
        return False
    cost = heard.cost_usd
    if cost is None and heard.images:
        cost = _listed(attempt, offered, heard.images)
    return came_late(
        attempt,
        images=heard.images,
        cost_usd=cost,
        vendor_credits=heard.vendor_credits,
        vendor_id="",
        now=now,
    )


def _listed(attempt: Attempt, offered: Catalog, images: int) -> Decimal | None:
    """What so many images cost by the admins' list, for vendors that state nothing."""
    try:
        offer = offered.find(attempt.generation.model).offers.get(attempt.provider)
    except catalog.UnknownModel:
        return None
    cost = offer.costs.get(attempt.generation.image_size) if offer else None
    return None if cost is None else cost * images
