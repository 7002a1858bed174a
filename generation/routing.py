"""Which provider makes it: who is able, who is well, in which order; and why, in words for the receipt."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from generation import health
from generation.catalog import Catalog, Model, Offer, ProviderFacts
from generation.models import RoutingPolicy
from generation.providers.formats import FORMATS

Policy = RoutingPolicy.Policy
# A provider that has not been timed yet is tried before one known to be slow.
SECONDS_UNKNOWN = 10.0
COST_UNKNOWN = Decimal(1_000)


@dataclass(frozen=True)
class Wanted:
    """What a call has to be able to do. `references` counts the pictures that go with it."""

    aspect_ratio: str = "1:1"
    image_size: str = ""
    references: int = 0
    temperature: bool = False
    top_p: bool = False


@dataclass(frozen=True)
class Candidate:
    """An offer that can be asked now, and why it has its place in the order."""

    offer: Offer
    reason: str


@dataclass(frozen=True)
class PassedOver:
    """A provider that is not asked, and why, as a sentence."""

    provider: str
    reason: str


@dataclass(frozen=True)
class Ranking:
    """Who to ask, best first; who not; and when one of those could be asked again, None if never."""

    candidates: tuple[Candidate, ...]
    passed_over: tuple[PassedOver, ...]
    again_at: datetime | None


@dataclass(frozen=True)
class Lack:
    """What an offer can't do: the `field` that asks for it, "It …", "Nobody …", and what to do about it."""

    field: str
    it: str
    nobody: str
    advice: str


def lack(model: Model, offer: Offer, wanted: Wanted) -> Lack | None:
    """The first thing of what is wanted that the offer can't do; None when it can do all of it."""
    able = offer.abilities
    size = model.size(wanted.image_size)
    if size is None or wanted.aspect_ratio not in size.ratios:
        ratio = wanted.aspect_ratio
        return Lack("aspect_ratio", f"no longer draws {ratio}", f"draws {ratio}", "Choose another ratio.")
    ratios, advice = able.ratios, "Choose another ratio."
    if wanted.references and able.ratios_with_references is not None:
        ratios, advice = able.ratios_with_references, "Choose another ratio, or leave the references out."
    if wanted.references > able.references_max:
        most = f"at most {able.references_max}" if able.references_max else "no"
        number = f"{wanted.references} reference{'s' if wanted.references != 1 else ''}"
        return Lack("references", f"takes {most} references", f"takes {number}", "Use fewer.")
    if ratios is not None and wanted.aspect_ratio not in ratios:
        ratio = wanted.aspect_ratio
        return Lack("aspect_ratio", f"can't be told {ratio}", f"can be told {ratio}", advice)
    if wanted.image_size not in ("", model.sizes[0].name) and not able.image_size:
        name = wanted.image_size
        return Lack("image_size", f"can't be told {name}", f"can be told {name}", "Choose another size.")
    for field, asked, default in (
        ("temperature", wanted.temperature, model.temperature_default),
        ("top_p", wanted.top_p, model.top_p_default),
    ):
        if asked and not getattr(able, field):
            advice = f"Leave it out, or send the default {default:g}."
            return Lack(field, f"takes no {field}", f"takes a {field}", advice)
    return None


def names(model: Model) -> tuple[str, ...]:
    """The providers that are set up and have the model, in the admins' order."""
    return tuple(offer.provider.name for offer in model.live_offers())


def honours(model: Model, provider: str, field: Literal["temperature", "top_p"] | str) -> bool:
    """Whether the provider, or for the router any of them, takes that sampling parameter."""
    return any(getattr(offer.abilities, field) for offer in model.live_offers(provider))


def lacking(model: Model, wanted: Wanted, *, provider: str = "") -> Lack | None:
    """What no live offer can do, of the one provider when it is named; None when one can do all of it."""
    lacks = [lack(model, offer, wanted) for offer in model.live_offers(provider)]
    return None if not lacks or None in lacks else lacks[0]


def rank(
    catalog: Catalog,
    model: Model,
    wanted: Wanted,
    *,
    now: datetime,
    provider: str = "",
    holds_state: str = "",
    tried: Iterable[str] = (),
    image_size: str = "",
) -> Ranking:
    """Who to ask for it now.

    `provider` is the person's own choice, `holds_state` who has the conversation so far, `tried` who said no
    within this claim already.
    """
    able_ones: list[Offer] = []
    passed: list[PassedOver] = []
    again: list[datetime] = []
    for offer in model.offers.values():
        name = offer.provider.name
        standing = health.standing(offer.provider, now)
        if provider and name != provider:
            continue
        if not offer.enabled:
            passed.append(PassedOver(name, "It is switched off for this model."))
        elif standing.state == "off":
            passed.append(PassedOver(name, standing.detail))
        elif missing := lack(model, offer, wanted):
            passed.append(PassedOver(name, f"It {missing.it}."))
        elif name in tried:
            passed.append(PassedOver(name, "It didn't take the work just now."))
        elif standing.again_at is not None:
            passed.append(PassedOver(name, standing.detail))
            again.append(standing.again_at)
        else:
            able_ones.append(offer)
    ordered = _in_order(catalog, able_ones, image_size)
    if holds_state:
        ordered.sort(key=lambda candidate: candidate.offer.provider.name != holds_state)
    reasons = _reasons(ordered, provider=provider, holds_state=holds_state)
    if not catalog.fail_over:
        reasons = reasons[:1] if not list(tried) else []
    return Ranking(tuple(reasons), tuple(passed), min(again, default=None))


def _in_order(catalog: Catalog, offers: list[Offer], image_size: str) -> list[Candidate]:
    match catalog.policy:
        case Policy.CHEAPEST:
            offers = sorted(offers, key=lambda offer: (_cost(offer, image_size), offer.provider.position))
            return [Candidate(offer, _cost_words(offer, image_size)) for offer in offers]
        case Policy.FASTEST:
            offers = sorted(offers, key=lambda offer: (_seconds(offer), offer.provider.position))
            return [Candidate(offer, _seconds_words(offer)) for offer in offers]
        case Policy.WEIGHTED:
            return _drawn(offers)
        case _:
            return [Candidate(offer, "First in your admins' order.") for offer in offers]


def _drawn(offers: list[Offer]) -> list[Candidate]:
    """One after another by chance, each as likely as its weight among those that are left."""
    left, drawn = list(offers), []
    while left:
        weights = [max(0, offer.provider.weight) for offer in left]
        total = sum(weights)
        (chosen,) = random.choices(left, weights if total else None)  # noqa: S311 - spreads work, hides nothing
        drawn.append(Candidate(chosen, f"Drawn by weight: {chosen.provider.weight} of {total or len(left)}."))
        left.remove(chosen)
    return drawn


def _reasons(ordered: list[Candidate], *, provider: str, holds_state: str) -> list[Candidate]:
    """The reason of the policy, or the one that outweighs it."""
    found = []
    for place, candidate in enumerate(ordered):
        reason = candidate.reason if place == 0 or len(ordered) == 1 else "Next in line."
        if provider:
            reason = "You chose it."
        elif holds_state and candidate.offer.provider.name == holds_state:
            reason = "It holds this conversation."
        elif len(ordered) == 1:
            reason = "The only one that can make it now."
        found.append(Candidate(candidate.offer, reason))
    return found


def _cost(offer: Offer, image_size: str) -> Decimal:
    return offer.costs.get(image_size, min(offer.costs.values(), default=COST_UNKNOWN))


def _cost_words(offer: Offer, image_size: str) -> str:
    cost = _cost(offer, image_size)
    return "Its cost isn't known." if cost == COST_UNKNOWN else "The cheapest."


def _seconds(offer: Offer) -> float:
    mean = offer.provider.health.seconds_mean
    return SECONDS_UNKNOWN if mean is None else mean


def _seconds_words(offer: Offer) -> str:
    mean = offer.provider.health.seconds_mean
    return "Not timed yet." if mean is None else f"The fastest lately: about {mean:.0f} s."


def references_max(model: Model, provider: str = "") -> int:
    """The most references that somebody who is set up, or the chosen provider, takes for the model."""
    offers = model.live_offers(provider)
    return min(model.references_max, max((offer.abilities.references_max for offer in offers), default=0))


def trusted_origins(provider: ProviderFacts | None) -> frozenset[str]:
    """The provider's own origin, as the operator set it: its results may come from there even on loopback."""
    if provider is None:
        return frozenset()
    address = settings.EMULATOR_URL if provider.emulated else provider.base_url
    parts = urlsplit(address or FORMATS[provider.format].base_url)
    return frozenset({f"{parts.scheme}://{parts.netloc}"})
