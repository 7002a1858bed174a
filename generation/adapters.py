"""The adapters of the providers that are set up, made anew when a provider's row changes."""

from datetime import datetime
from typing import Protocol

import httpx
import structlog

from accounts import sealing
from generation.catalog import ProviderFacts
from generation.providers.base import Adapter
from generation.providers.formats import FORMATS

log = structlog.get_logger(__name__)


class AdapterSource(Protocol):
    """Who knows the adapter of a provider."""

    def of(self, provider: ProviderFacts) -> Adapter | None:
        """The provider's adapter; None when it can't be reached with what its row says."""
        ...


class Adapters:
    """Adapters over one HTTP client."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._made: dict[str, tuple[datetime | None, Adapter | None]] = {}

    def of(self, provider: ProviderFacts) -> Adapter | None:
        """The provider's adapter; None, and a line in the log, when its key can't be used."""
        version, adapter = self._made.get(provider.name, (None, None))
        if provider.name not in self._made or version != provider.version:
            adapter = self._make(provider)
            self._made[provider.name] = (provider.version, adapter)
        return adapter

    def _make(self, provider: ProviderFacts) -> Adapter | None:
        kind = FORMATS.get(provider.format)
        try:
            return kind.adapter(self._client, provider.connection()) if kind else None
        except (sealing.CannotUnseal, ValueError):
            # The error's text is left out: it may be about a key.
            log.warning("a provider can't be reached with what its row says", provider=provider.name)
            return None
