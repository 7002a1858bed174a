"""The test button: one small real call to a provider, paid by nobody here, and what came of it.

`begin` writes that a test is to be made, `run` makes it, in a worker or in the command. At most one of a
provider runs at a time; one that has no end after `STUCK` counts as failed.
"""

import asyncio
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts import acts
from accounts.acts import HERE, Origin
from accounts.administration import check_permission
from accounts.models import User
from gallery import addresses, ingest
from generation import catalog, health, results, routing
from generation.adapters import Adapters, AdapterSource
from generation.administration import SET_PROVIDERS
from generation.catalog import Catalog, Model, Offer, ProviderFacts
from generation.models import Provider, ProviderTest
from generation.providers.base import Answer, ImageBytes, Spec
from generation.providers.errors import ProviderError
from generation.providers.http import new_client

log = structlog.get_logger(__name__)

PROMPT = "A plain blue circle on white"
CALL_SECONDS = 60.0
# The picture has to be fetched and looked at, and the worker's task ends at 120 seconds.
ALL_SECONDS = 100.0
STUCK = timedelta(minutes=2)
STUCK_DETAIL = "It didn't end in time. A worker may have stopped; try it once more."


class AlreadyRunning(Exception):
    """A test of this provider is under way."""


@dataclass(frozen=True)
class Outcome:
    """How a test ended; `code` is empty when a picture came."""

    code: str
    detail: str
    vendor_text: str = ""
    cost_usd: Decimal | None = None
    error: ProviderError | None = None

    @property
    def ok(self) -> bool:
        return not self.code


@transaction.atomic
def begin(*, by: User | None, provider: Provider, now: datetime, origin: Origin = HERE) -> ProviderTest:
    """Write that a test is to be made.

    :raises NotAllowed: :raises AlreadyRunning:
    """
    check_permission(by, SET_PROVIDERS)
    # The provider's row is the lock: of two who press the button at once, one is told that it runs.
    Provider.objects.select_for_update().get(pk=provider.pk)
    end_stuck(now=now)
    if provider.tests.filter(ended_at__isnull=True).exists():
        raise AlreadyRunning(provider.name)
    test = ProviderTest.objects.create(provider=provider, by=by, started_at=now)
    acts.record(by=by, verb="test_provider", subject=provider, before={}, after={}, reason="", origin=origin)
    return test


def end_stuck(*, now: datetime) -> int:
    """End tests that nobody works on any more; answers how many."""
    stuck = ProviderTest.objects.filter(ended_at__isnull=True, started_at__lte=now - STUCK)
    return stuck.update(ended_at=F("started_at") + STUCK, ok=False, code="stuck", detail=STUCK_DETAIL)


def run(public_id: uuid.UUID | str, *, adapters: AdapterSource | None = None) -> ProviderTest | None:
    """Make the call of a test that waits, once; None when somebody else has it, or it has ended."""
    waiting = ProviderTest.objects.filter(public_id=public_id, ended_at__isnull=True, taken_at__isnull=True)
    if not waiting.update(taken_at=timezone.now()):
        return None
    test = ProviderTest.objects.select_related("provider").get(public_id=public_id)
    offered = catalog.load(with_retired=True)
    facts = replace(offered.providers[test.provider.name], enabled=True)
    began = timezone.now()
    outcome = _made(facts, offered, str(test.public_id), adapters)
    now = timezone.now()
    _tell_health(facts.name, outcome, seconds=(now - began).total_seconds(), now=now)
    changes = {
        "ended_at": now,
        "ok": outcome.ok,
        "code": outcome.code,
        "detail": outcome.detail[:500],
        "vendor_text": outcome.vendor_text[:1000],
        "cost_usd": outcome.cost_usd,
    }
    # One that was given up as stuck meanwhile keeps that end.
    ProviderTest.objects.filter(pk=test.pk, ended_at__isnull=True).update(**changes)
    test.refresh_from_db()
    log.info("provider tested", provider=facts.name, ok=test.ok, code=test.code)
    return test


def _made(facts: ProviderFacts, offered: Catalog, number: str, adapters: AdapterSource | None) -> Outcome:
    """The call, or why it can't be made."""
    if why := facts.why_not:
        return Outcome("not_set_up", why)
    found = _first_offer(offered, facts.name)
    if found is None:
        return Outcome("no_offer", "It offers no model. Add one to it first.")
    model, offer = found
    trusted = routing.trusted_origins(facts)

    async def made() -> Outcome:
        async with asyncio.timeout(ALL_SECONDS):
            if adapters is not None:
                return await _call(adapters, facts, model, offer, number, trusted)
            async with new_client(connections_max=2) as client:
                return await _call(Adapters(client), facts, model, offer, number, trusted)

    try:
        return asyncio.run(made())
    except TimeoutError:
        return Outcome("provider_timeout", f"It took longer than {ALL_SECONDS:g} s.")


def _first_offer(offered: Catalog, provider: str) -> tuple[Model, Offer] | None:
    for model in offered.models:
        if provider in model.offers:
            return model, model.offers[provider]
    return None


async def _call(
    adapters: AdapterSource,
    facts: ProviderFacts,
    model: Model,
    offer: Offer,
    number: str,
    trusted: frozenset[str],
) -> Outcome:
    adapter = adapters.of(facts)
    if adapter is None:
        return Outcome("not_set_up", "It can't be reached as it is set up. Look at its key and address.")
    ratio = _ratio(model, offer)
    size = model.sizes[0].name
    spec = Spec(
        model=offer.vendor_model,
        edit_model=offer.edit_model,
        prompt=PROMPT,
        aspect_ratio=ratio,
        image_size=(size or None) if offer.abilities.image_size else None,
        deadline_seconds=CALL_SECONDS,
        request_id=f"test-{number}",
    )
    try:
        answer = await adapter.generate(spec, accepted=_unheard)
    except ProviderError as error:
        return Outcome(error.code, error.detail, error.vendor_text, error.cost.usd, error)
    listed = offer.costs.get(size)
    cost = answer.cost.usd if answer.cost.usd is not None else listed
    return replace(await _look_at(answer, trusted), cost_usd=cost)


def _ratio(model: Model, offer: Offer) -> str:
    """1:1 where it can be had, else any that the offer can be told."""
    known = [
        name for name in model.ratios if offer.abilities.ratios is None or name in offer.abilities.ratios
    ]
    return catalog.DEFAULT_RATIO if catalog.DEFAULT_RATIO in known or not known else known[0]


async def _unheard(vendor_id: str) -> None:
    """A test that breaks is made anew, so nobody comes back for the vendor's id."""


async def _look_at(answer: Answer, trusted: frozenset[str]) -> Outcome:
    """Whether a picture came that can be read whole; it is stored nowhere."""
    image = answer.images[0]
    try:
        if isinstance(image, ImageBytes):
            data = image.data
        else:
            data = await results.fetch(
                {"url": image.url}, trusted_origins=trusted, off_loop=asyncio.to_thread
            )
        seen = await asyncio.to_thread(ingest.inspect, data, keep_bytes=True, max_bytes=results.MAX_BYTES)
    except (addresses.AddressRefused, addresses.FetchFailed) as error:
        return Outcome(
            "result_unreachable", f"It answered, and its picture could not be fetched. {error.detail}"
        )
    except ingest.PictureRefused as refused:
        return Outcome(
            "result_unreadable", f"It answered with something that is no picture. {refused.detail}"
        )
    return Outcome("", f"A picture of {seen.width} × {seen.height} came.")


def _tell_health(provider: str, outcome: Outcome, *, seconds: float, now: datetime) -> None:
    """A success is good news for everybody; a failure is told only when key or account are at fault."""
    if outcome.ok:
        health.succeeded(provider, seconds=seconds, now=now)
    elif outcome.error is not None and outcome.error.code in health.LOCKED_OUT:
        health.failed(provider, outcome.error, now=now)
