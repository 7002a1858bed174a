"""What a new installation starts with: models, providers, and the keys that the environment names.

Runs after every migrate and changes nothing that is there, with one exception: a key of the environment goes
to its provider as long as that has none, so that a key set later works at the next start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from accounts import sealing
from generation import provider_rules
from generation.models import ImageModel, Offer, Provider, RoutingPolicy
from generation.providers.formats import FORMATS
from generation.wire import google_models

log = structlog.get_logger(__name__)

# The five that AIML API's newest schema of the renamed edit model takes (2026-08).
_FIVE_RATIOS = ["9:16", "3:4", "1:1", "4:3", "16:9"]


@dataclass(frozen=True)
class Seed:
    """A provider as it starts; `offers` are the vendor's names and costs by our model's name."""

    name: str
    title: str
    format: str
    offers: Mapping[str, Mapping[str, Any]]
    options: Mapping[str, Any] = field(default_factory=dict)
    per_minute_max: int | None = None


_PRO_SIZES = google_models.MODELS["gemini-3-pro-image"].sizes
_FLASH, _NANO, _PRO = "gemini-2.5-flash-image", "nano-banana", "gemini-3-pro-image"
SEEDS = (
    Seed(
        "aimlapi",
        "AI/ML API",
        "aiml",
        {
            _FLASH: {
                "vendor_model": "google/gemini-2.5-flash-image",
                "edit_model": "google/gemini-2.5-flash-image-edit",
                "costs": {"": "0.042"},
            },
            _NANO: {
                "vendor_model": "google/nano-banana",
                "edit_model": "google/nano-banana-edit",
                "abilities": {"ratios_with_references": _FIVE_RATIOS},
                "costs": {"": "0.042"},
            },
        },
    ),
    Seed(
        "google",
        "Google",
        "google",
        {
            _FLASH: {"vendor_model": "gemini-2.5-flash-image", "costs": {"": "0.039"}},
            _PRO: {
                "vendor_model": "gemini-3-pro-image-preview",
                "abilities": {"references_max": 14},
                "costs": {"1K": "0.134", "2K": "0.134", "4K": "0.24"},
            },
        },
    ),
    Seed(
        "gmi",
        "GMI Cloud",
        "gmi",
        {_FLASH: {"vendor_model": "gemini-2.5-flash-image", "costs": {"": "0.039"}}},
    ),
    Seed(
        "onemin",
        "1min.ai",
        "onemin",
        {
            _FLASH: {
                "vendor_model": "gemini-2.5-flash-image",
                "edit_model": "gemini-2.5-flash-image-preview",
            }
        },
        per_minute_max=180,
    ),
    Seed(
        "openai",
        "OpenAI-compatible",
        "openai",
        {_FLASH: {"vendor_model": "gemini-2.5-flash-image"}},
    ),
)


def models() -> list[ImageModel]:
    """The models that are offered at first; the first is the default."""
    price = settings.CREDITS_PER_IMAGE
    return [
        ImageModel(
            slug=_FLASH,
            name="Gemini 2.5 Flash Image",
            aliases=[
                "google/gemini-2.5-flash-image",
                "google/gemini-2.5-flash-image-edit",
                "gemini-2.5-flash-image-preview",
                "models/gemini-2.5-flash-image",
            ],
            sizes=[{"name": "", "price": price, "ratios": _ratios(google_models.FLASH)}],
            position=10,
        ),
        ImageModel(
            slug=_NANO,
            name="Nano Banana",
            aliases=["google/nano-banana", "google/nano-banana-edit"],
            sizes=[{"name": "", "price": price, "ratios": _ratios(google_models.FLASH)}],
            position=20,
        ),
        ImageModel(
            slug=_PRO,
            name="Gemini 3 Pro Image",
            aliases=["gemini-3-pro-image-preview", "models/gemini-3-pro-image-preview", "nano-banana-pro"],
            sizes=[
                {"name": name, "price": price * times, "ratios": _ratios(_PRO_SIZES[name])}
                for name, times in (("1K", 4), ("2K", 4), ("4K", 7))
            ],
            references_max=14,
            position=30,
        ),
    ]


def _ratios(pixels: google_models.Pixels) -> dict[str, list[int]]:
    return {name: list(sides) for name, sides in pixels.items()}


@transaction.atomic
def seed() -> None:
    """Make what is not there yet, and hand out the environment's keys."""
    RoutingPolicy.objects.get_or_create(pk=1)
    if not ImageModel.objects.exists():
        for model in models():
            model.save()
    if not Provider.objects.exists():
        _make_providers()
    _hand_out_keys()


def warn_if_nobody() -> None:
    """Say in the log that nothing can be made, for the operator who starts Easel without a key."""
    if not Provider.objects.filter(enabled=True).exists():
        log.warning(
            "no provider is set up: nothing can be made until one has a key and is switched on",
            where=f"{settings.SITE_URL}/providers/",
        )


def _make_providers() -> None:
    # On a developer's own machine and without any key, the emulator stands in for all of them.
    emulated = settings.LOCAL_MODE and not any(settings.PROVIDER_KEYS.values())
    known = {model.slug: model for model in ImageModel.objects.all()}
    for position, given in enumerate((one for one in SEEDS if one.format in FORMATS), start=1):
        provider = Provider.objects.create(
            name=given.name,
            title=given.title,
            format=given.format,
            base_url="" if emulated else settings.PROVIDER_ADDRESSES.get(given.name, ""),
            options=dict(given.options),
            enabled=emulated,
            emulated=emulated,
            position=position * 10,
            per_minute_max=given.per_minute_max,
        )
        Offer.objects.bulk_create(
            Offer(provider=provider, model=known[name], **offer)
            for name, offer in given.offers.items()
            if name in known
        )


def _hand_out_keys() -> None:
    given = {name: key for name, key in settings.PROVIDER_KEYS.items() if key}
    for provider in Provider.objects.filter(name__in=given, sealed_key=""):
        key = given[provider.name]
        provider.sealed_key, provider.key_hint = sealing.seal(key), provider_rules.hint_of(key)
        provider.base_url = settings.PROVIDER_ADDRESSES.get(provider.name, "")
        provider.enabled, provider.emulated = True, False
        provider.save()
    if given:
        # With a real provider there is nothing left to stand in for.
        Provider.objects.filter(emulated=True, enabled=True).update(enabled=False)
