"""Which formats there are: the adapter of each, and where its vendor is when nothing else is said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from generation.providers import aiml, gmi, google, onemin, openai
from generation.providers.base import Abilities, Adapter, Connection


@dataclass(frozen=True)
class Format:
    """A way to speak to a provider. `emulated_at` is the emulator's path that stands in for its vendor.

    `options` are the names of its connection's options, each with a sentence for the operator. `able_with`
    gives its abilities under those options, where they make a difference.
    """

    title: str
    abilities: Abilities
    adapter: Callable[[httpx.AsyncClient, Connection], Adapter]
    base_url: str
    emulated_at: str
    options: Mapping[str, str]
    able_with: Callable[[Mapping[str, Any]], Abilities] | None = None

    def abilities_with(self, options: Mapping[str, Any]) -> Abilities:
        """What can be asked of a provider with these options.

        :raises ValueError: an option has a value that it can't have.
        """
        return self.able_with(options) if self.able_with else self.abilities


FORMATS: Mapping[str, Format] = {
    "aiml": Format(
        title="AI/ML API",
        abilities=aiml.AimlAdapter.abilities,
        adapter=aiml.AimlAdapter,
        base_url="https://api.aimlapi.com",
        emulated_at="/aiml",
        options={},
    ),
    "gmi": Format(
        title="GMI Cloud",
        abilities=gmi.GmiAdapter.abilities,
        adapter=gmi.GmiAdapter,
        base_url="https://console.gmicloud.ai",
        emulated_at="/gmi",
        options=gmi.OPTIONS,
    ),
    "google": Format(
        title="Google",
        abilities=google.GoogleAdapter.abilities,
        adapter=google.GoogleAdapter,
        base_url=google.BASE_URL,
        emulated_at="/google",
        options=google.OPTIONS,
    ),
    "onemin": Format(
        title="1min.ai",
        abilities=onemin.OneminAdapter.abilities,
        adapter=onemin.OneminAdapter,
        base_url="https://api.1min.ai",
        emulated_at="/onemin",
        options=onemin.OPTIONS,
        able_with=onemin.abilities_with,
    ),
    "openai": Format(
        title="OpenAI-compatible",
        abilities=openai.OpenAIAdapter.abilities,
        adapter=openai.OpenAIAdapter,
        base_url="https://api.openai.com",
        emulated_at="/openai",
        options=openai.OPTIONS,
        able_with=openai.abilities_with,
    ),
}
