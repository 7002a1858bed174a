"""Attempts of the past, written as rows: what boards and limits count."""

from datetime import datetime, timedelta
from typing import Any

from generation.models import Attempt, Generation
from tests import factories


def attempt(
    generation: Generation | None = None,
    *,
    at: datetime,
    seconds: float | None = 2.0,
    status: str = Attempt.Status.DELIVERED,
    provider: str = "aimlapi",
    **fields: Any,
) -> Attempt:
    """A call that began at that moment and was answered so many seconds later."""
    generation = generation or factories.generation()
    answered = at + timedelta(seconds=seconds) if seconds is not None else None
    return Attempt.objects.create(
        generation=generation,
        number=1 + Attempt.objects.filter(generation=generation).count(),
        positions=[1],
        provider=provider,
        status=status,
        started_at=at,
        answered_at=answered,
        ended_at=answered,
        **fields,
    )
