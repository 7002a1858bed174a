"""What is on offer, as the database has it: models with their abilities, sizes, prices, and who makes them.

`load` reads all of it at once; whoever shows or decides several things loads once and hands the catalog on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

import structlog
from django.conf import settings

from accounts import sealing
from generation.models import ImageModel, Provider, ProviderHealth, RoutingPolicy
from generation.models import Offer as OfferRow
from generation.providers.base import Abilities, Connection
from generation.providers.formats import FORMATS

log = structlog.get_logger(__name__)

DEFAULT_RATIO = "1:1"
NO_HEALTH = ProviderHealth()
_SETS = ("ratios", "ratios_with_references", "reference_types")


class UnknownModel(Exception):
    """No model of that name is on offer."""


@dataclass(frozen=True)
class AspectRatio:
    """A shape on offer, with the pixels a picture of that shape has."""

    name: str
    width: int
    height: int


@dataclass(frozen=True)
class ImageSize:
    """A size on offer: credits for one image, and the pixels of each shape, tall to wide.

    An only size is called "".
    """

    name: str
    price: int
    ratios: Mapping[str, AspectRatio]

    def ratio(self, name: str) -> AspectRatio:
        """The shape of that name; one that is no longer on offer is a shape still, without known pixels."""
        width, _, height = name.partition(":")
        return self.ratios.get(name) or AspectRatio(name, int(width), int(height))


@dataclass(frozen=True)
class ProviderFacts:
    """A provider as workers and pages need it. `version` changes whenever its row does."""

    name: str
    title: str
    format: str
    base_url: str
    sealed_key: str = field(repr=False)
    options: Mapping[str, Any]
    enabled: bool
    emulated: bool
    position: int
    weight: int
    concurrency_max: int | None
    per_minute_max: int | None
    version: datetime | None
    health: ProviderHealth = field(repr=False)

    @property
    def live(self) -> bool:
        """Whether work may be given to it at all; its circuit is another question."""
        return self.enabled and not self.why_not

    @cached_property
    def why_not(self) -> str:
        """Why it cannot be asked, as a sentence for admins; empty when it can."""
        if not self.enabled:
            return "Switched off."
        if self.emulated:
            return "" if settings.EMULATOR_URL else "The built-in emulator is not running."
        if not self.sealed_key and not self.base_url:
            return "It has no key. Enter one."
        try:
            sealing.unseal(self.sealed_key)
        except sealing.CannotUnseal:
            return "Its key was sealed under another SECRET_KEY. Enter it again."
        return ""

    def connection(self) -> Connection:
        """How to reach it.

        :raises sealing.CannotUnseal: its key has to be entered again.
        :raises ValueError: its key could not travel in a header.
        """
        if self.emulated:
            base_url = settings.EMULATOR_URL + FORMATS[self.format].emulated_at
            return Connection(self.name, base_url, "emulator", self.options)
        base_url = self.base_url or FORMATS[self.format].base_url
        return Connection(self.name, base_url, sealing.unseal(self.sealed_key), self.options)


@dataclass(frozen=True)
class Offer:
    """A model at a provider: the vendor's names for it, what it can be asked, US dollars an image by size."""

    provider: ProviderFacts
    vendor_model: str
    edit_model: str
    abilities: Abilities
    costs: Mapping[str, Decimal]
    enabled: bool = True


@dataclass(frozen=True)
class Model:
    """A model people can choose, and its offers by provider's name, in the admins' order."""

    id: str
    name: str
    aliases: frozenset[str]
    sizes: tuple[ImageSize, ...]
    count_max: int
    references_max: int
    prompt_max: int
    temperature_max: float
    temperature_default: float
    top_p_default: float
    offers: Mapping[str, Offer] = field(default_factory=dict)

    @property
    def ratios(self) -> Mapping[str, AspectRatio]:
        """The shapes, with the pixels of the smallest size."""
        return self.sizes[0].ratios

    @property
    def price(self) -> int:
        """Credits for one image of the smallest size."""
        return self.sizes[0].price

    def size(self, name: str) -> ImageSize | None:
        """The size of that name; the empty name is the smallest."""
        if not name:
            return self.sizes[0]
        return next((size for size in self.sizes if size.name == name), None)

    def live_offers(self, provider: str = "") -> tuple[Offer, ...]:
        """Offers that work may be given to; of the one provider when it is named."""
        offers = (offer for offer in self.offers.values() if offer.enabled and offer.provider.live)
        return tuple(offer for offer in offers if provider in ("", offer.provider.name))


NOTHING = Model(
    id="",
    name="No model is on offer",
    aliases=frozenset(),
    sizes=(ImageSize("", 1, {DEFAULT_RATIO: AspectRatio(DEFAULT_RATIO, 1024, 1024)}),),
    count_max=1,
    references_max=0,
    prompt_max=8_000,
    temperature_max=2.0,
    temperature_default=1.0,
    top_p_default=0.95,
)


@dataclass(frozen=True)
class Catalog:
    """All that is on offer at one moment."""

    models: tuple[Model, ...]
    providers: Mapping[str, ProviderFacts]
    policy: str
    fail_over: bool

    @property
    def anything(self) -> Model:
        """The default model; where nothing is on offer, one that nobody makes, for pages to show."""
        return self.models[0] if self.models else NOTHING

    @property
    def default(self) -> Model:
        """The model that is meant when none is named.

        :raises UnknownModel: admins have switched all of them off.
        """
        if not self.models:
            raise UnknownModel("")
        return self.models[0]

    def find(self, name: str) -> Model:
        """The model of that id or alias; the default for no name.

        :raises UnknownModel:
        """
        if not name:
            return self.default
        for model in self.models:
            if name == model.id or name in model.aliases:
                return model
        raise UnknownModel(name)

    def model_title(self, name: str) -> str:
        """What people call the model; its id when it is no longer on offer."""
        try:
            return self.find(name).name if name else ""
        except UnknownModel:
            return name

    def provider_title(self, name: str) -> str:
        """What people call the provider; its name when it is gone."""
        known = self.providers.get(name)
        return known.title if known else name


def load(*, with_retired: bool = False) -> Catalog:
    """The catalog as it is now, in four queries.

    A model that nobody who is set up makes is not on offer, unless that goes for all of them. `with_retired`
    keeps those, and models and offers that were switched off: what runs was submitted while they were on.
    """
    providers = {row.pk: _provider(row) for row in Provider.objects.select_related("health")}
    offers: dict[int, list[OfferRow]] = {}
    for offer in OfferRow.objects.all() if with_retired else OfferRow.objects.filter(enabled=True):
        offers.setdefault(offer.model_id, []).append(offer)
    models = ImageModel.objects.all() if with_retired else ImageModel.objects.filter(enabled=True)
    policy = RoutingPolicy.objects.first() or RoutingPolicy()
    known = tuple(_model(row, offers.get(row.pk, []), providers) for row in models if row.sizes)
    if not with_retired:
        known = tuple(model for model in known if model.live_offers()) or known
    return Catalog(
        models=known,
        providers={facts.name: facts for facts in providers.values()},
        policy=policy.policy,
        fail_over=policy.fail_over,
    )


def _provider(row: Provider) -> ProviderFacts:
    return ProviderFacts(
        name=row.name,
        title=row.title,
        format=row.format,
        base_url=row.base_url,
        sealed_key=row.sealed_key,
        options=row.options,
        enabled=row.enabled and row.format in FORMATS,
        emulated=row.emulated,
        position=row.position,
        weight=row.weight,
        concurrency_max=row.concurrency_max,
        per_minute_max=row.per_minute_max,
        version=row.changed_at,
        health=getattr(row, "health", NO_HEALTH),
    )


def _model(row: ImageModel, offers: Iterable[OfferRow], providers: Mapping[int, ProviderFacts]) -> Model:
    known = [made for offer in offers if (made := _offer(offer, providers[offer.provider_id]))]
    known.sort(key=lambda offer: offer.provider.position)
    return Model(
        id=row.slug,
        name=row.name,
        aliases=frozenset(row.aliases),
        sizes=tuple(_size(size) for size in row.sizes),
        count_max=row.count_max,
        references_max=row.references_max,
        prompt_max=row.prompt_max,
        temperature_max=row.temperature_max,
        temperature_default=row.temperature_default,
        top_p_default=row.top_p_default,
        offers={offer.provider.name: offer for offer in known},
    )


def _size(size: Mapping[str, Any]) -> ImageSize:
    # From tall to wide: PostgreSQL keeps no order of an object's members.
    shapes = sorted(size["ratios"].items(), key=lambda shape: shape[1][0] / shape[1][1])
    ratios = {name: AspectRatio(name, width, height) for name, (width, height) in shapes}
    return ImageSize(name=size["name"], price=size["price"], ratios=ratios)


def _offer(row: OfferRow, provider: ProviderFacts) -> Offer | None:
    """The offer; None, and a line in the log, where a row was written past the admin's checks."""
    if provider.format not in FORMATS:
        return None
    try:
        able = abilities(provider.format, row.abilities, provider.options)
        costs = {size: Decimal(cost) for size, cost in row.costs.items()}
    except (TypeError, ValueError, ArithmeticError):
        log.exception("an offer can't be read", provider=provider.name, offer=row.pk)
        return None
    return Offer(provider, row.vendor_model, row.edit_model, able, costs, row.enabled)


def abilities(
    format: str,  # noqa: A002 - what it is called
    overrides: Mapping[str, Any],
    options: Mapping[str, Any],
) -> Abilities:
    """The format's abilities under a provider's options, with a row's own in their place.

    :raises TypeError: the row names one that there is not.
    :raises ValueError: an option has a value that it can't have.
    """
    read: dict[str, Any] = {
        name: frozenset(value) if name in _SETS and value is not None else value
        for name, value in overrides.items()
    }
    return replace(FORMATS[format].abilities_with(options), **read)
