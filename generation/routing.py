"""Which provider makes it."""

from collections.abc import Mapping
from typing import Literal
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from generation.catalog import Model
from generation.models import Generation
from generation.providers.aiml import AimlAdapter
from generation.providers.base import Adapter, Connection

_TITLES = {"aimlapi": "AI/ML API"}


def names(model: Model) -> tuple[str, ...]:
    """The providers that are set up and have the model."""
    return tuple(name for name in _TITLES if name in model.vendor_models)


def title(provider: str) -> str:
    """What people call the provider."""
    return _TITLES.get(provider, provider)


def honours(model: Model, provider: str, field: Literal["temperature", "top_p"] | str) -> bool:
    """Whether the provider, or for the router any of them, takes that sampling parameter."""
    asked = (provider,) if provider else names(model)
    return any(getattr(_KINDS[name].abilities, field) for name in asked)


def providers(client: httpx.AsyncClient) -> dict[str, Adapter]:
    """The adapters of what is set up, by name."""
    return {
        "aimlapi": AimlAdapter(
            client, Connection("aimlapi", settings.AIMLAPI_BASE_URL, settings.AIMLAPI_API_KEY)
        )
    }


def choose(generation: Generation, providers: Mapping[str, Adapter]) -> Adapter:
    """The provider the person named, else the first that is set up."""
    return providers[generation.provider or next(iter(providers))]


def trusted_origins() -> frozenset[str]:
    """Origins the operator set as a provider's own: results may come from there even on loopback."""
    parts = urlsplit(settings.AIMLAPI_BASE_URL)
    return frozenset({f"{parts.scheme}://{parts.netloc}"})


_KINDS: dict[str, type[AimlAdapter]] = {"aimlapi": AimlAdapter}
