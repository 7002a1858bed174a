"""Which formats there are: the adapter of each, and where its vendor is when nothing else is said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from generation.providers.aiml import AimlAdapter
from generation.providers.base import Abilities, Adapter, Connection
from generation.providers.google import BASE_URL, OPTIONS, GoogleAdapter


@dataclass(frozen=True)
class Format:
    """A way to speak to a provider. `emulated_at` is the emulator's path that stands in for its vendor.

    `options` are the names of its connection's options, each with a sentence for the operator.
    """

    title: str
    abilities: Abilities
    adapter: Callable[[httpx.AsyncClient, Connection], Adapter]
    base_url: str
    emulated_at: str
    options: Mapping[str, str]


FORMATS: Mapping[str, Format] = {
    "aiml": Format(
        title="AI/ML API",
        abilities=AimlAdapter.abilities,
        adapter=AimlAdapter,
        base_url="https://api.aimlapi.com",
        emulated_at="/aiml",
        options={},
    ),
    "google": Format(
        title="Google",
        abilities=GoogleAdapter.abilities,
        adapter=GoogleAdapter,
        base_url=BASE_URL,
        emulated_at="/google",
        options=OPTIONS,
    ),
}
