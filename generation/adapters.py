"""The adapters of the providers that are set up, made anew when a provider's row changes."""

from dataclasses import replace
from datetime import datetime
from typing import Protocol

import httpx
import structlog

from accounts import sealing
from gallery import address_rules, outside
from generation.catalog import ProviderFacts
from generation.providers.base import Adapter, Connection
from generation.providers.formats import FORMATS, Format

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
        self._outside: dict[str, httpx.AsyncClient] = {}
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
            return self._adapter(kind, provider.connection()) if kind else None
        except (sealing.CannotUnseal, ValueError, httpx.InvalidURL):
            # The error's text is left out: it may be about a key.
            log.warning("a provider can't be reached with what its row says", provider=provider.name)
            return None

    def _adapter(self, kind: Format, connection: Connection) -> Adapter:
        own = address_rules.origin(httpx.URL(connection.base_url))
        guarded = self._outside.setdefault(own, outside.client(trusted_origins=frozenset({own})))
        return kind.adapter(self._client, replace(connection, outside=guarded))

    async def aclose(self) -> None:
        """Let go of the connections that were made for addresses outside."""
        for client in self._outside.values():
            await client.aclose()
