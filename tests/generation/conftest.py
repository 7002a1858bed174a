"""Providers that answer as told, and a loop to serve with."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from generation import claims
from generation.catalog import ProviderFacts
from generation.claims import Claim
from generation.desk import Desk
from generation.providers.base import Abilities, Accepted, Adapter, Answer, ImageBytes, Spec
from generation.providers.errors import ProviderError
from generation.runner import Runner
from tests import factories


class FakeProvider:
    """Gives the pictures or the errors it is told to, in turn; the last one for ever."""

    name = "aimlapi"
    abilities = Abilities(temperature=False, top_p=False, count_max=4, references_max=3, resumable=False)

    def __init__(self, *answers: Answer | ProviderError | Callable[[Spec], Answer]) -> None:
        self._answers = list(answers) or [pictures]
        self.calls: list[Spec] = []

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        self.calls.append(spec)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, ProviderError):
            raise answer
        return answer(spec) if callable(answer) else answer

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        raise AssertionError("this provider has nothing to resume")

    async def cancel(self, vendor_id: str) -> bool:
        return False


class Only:
    """The given adapters, by their providers' names; nobody else is set up."""

    def __init__(self, *adapters: Adapter) -> None:
        self._adapters = {adapter.name: adapter for adapter in adapters}

    def of(self, provider: ProviderFacts) -> Adapter | None:
        return self._adapters.get(provider.name)


def pictures(spec: Spec) -> Answer:
    """As many pictures as asked, at the size of 1:1."""
    return Answer(
        images=tuple(ImageBytes(factories.picture(1024, 1024, seed=index)) for index in range(spec.count))
    )


@pytest.fixture
def fake() -> type[FakeProvider]:
    return FakeProvider


@pytest.fixture
def serve() -> Callable[..., None]:
    """Serve what waits with a provider, until nothing waits."""

    def served(provider: Any, **options: Any) -> None:
        async def run() -> None:
            desk = Desk()
            try:
                await Runner(adapters=Only(provider), places=8, desk=desk, **options).run()
            finally:
                desk.close()

        asyncio.run(run())

    return served


@pytest.fixture
def claim() -> Claim:
    """A generation that is ours."""
    factories.generation()
    (taken,) = claims.take(limit=1, now=timezone.now())
    return taken
