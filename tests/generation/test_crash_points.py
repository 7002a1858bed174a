"""A worker that dies anywhere leaves one picture charged once, or a refund; never both, never neither."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from accounts import ledger
from gallery import ingest
from generation import calls, claims, delivery, execution, outputs, recovery
from generation.models import Generation
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)

# Ends after which another call can't be paid twice for the same pictures.
SAFE_TO_SEND_AGAIN = ("not_accepted", "broken_promise")


class Crash(BaseException):
    """The process is gone: nothing catches it, nothing cleans up."""


def before(step: Callable[..., Any]) -> Callable[..., Any]:
    def crash(*args: Any, **kwargs: Any) -> Any:
        raise Crash(step.__name__)

    return crash


def after(step: Callable[..., Any]) -> Callable[..., Any]:
    def crash(*args: Any, **kwargs: Any) -> Any:
        step(*args, **kwargs)
        raise Crash(step.__name__)

    return crash


# point → (where it crashes, how)
POINTS = {
    "before it is loaded": (execution, "load", before),
    "before the attempt is written": (calls, "begin", before),
    "after the attempt is written": (calls, "begin", after),
    "before the answer is kept": (calls, "answered", before),
    "after the answer is kept": (calls, "answered", after),
    "before the picture is stored": (ingest, "store", before),
    "after the picture is stored": (ingest, "store", after),
    "before it is finished": (outputs, "finish", before),
    "inside the finishing transaction": (ingest, "record", after),
    "after it is finished": (outputs, "finish", after),
    "before the attempt's end is written": (calls, "end_attempt", before),
    "after the attempt's end is written": (calls, "end_attempt", after),
    "before the failure is written": (execution, "fail", before),
    "before it is put back": (execution, "postpone", before),
}
PROVIDERS = {
    "delivers": [],
    "is unsure": [OutcomeUnknown(Code.TIMEOUT)],
    "refuses": [Refused(Code.CONTENT)],
    "is busy at first": [NotAccepted(Code.RATE_LIMITED, retry_after_seconds=0)],
    "sends junk": [b"junk"],
}


@pytest.fixture
def provider(request, fake):
    from generation.providers.base import Answer, ImageBytes
    from tests.generation.conftest import pictures

    first = [
        Answer(images=(ImageBytes(item),)) if isinstance(item, bytes) else item
        for item in PROVIDERS[request.param]
    ]
    return fake(*first, pictures)


@pytest.mark.parametrize("provider", PROVIDERS, indirect=True)
@pytest.mark.parametrize("point", POINTS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_every_crash_ends_in_one_charge_or_a_refund(serve, provider, point, monkeypatch):
    monkeypatch.setattr(delivery.random, "uniform", lambda low, high: 0)
    generation = factories.generation()
    module, name, crash = POINTS[point]

    with monkeypatch.context() as patch:
        patch.setattr(module, name, crash(getattr(module, name)))
        with contextlib.suppress(Crash):
            serve(provider)
    lease_ends(generation)
    serve(provider)
    lease_ends(generation)
    serve(provider)

    done = Generation.objects.select_related("hold").get(pk=generation.pk)
    assert done.is_terminal
    assert not done.hold.is_open
    outputs = done.outputs.count()
    assert done.credits_captured == done.price * outputs
    assert ledger.standing(done.user) == ledger.Standing(1_000 - done.price * outputs, 0)
    assert paid_calls(generation) <= 1 or no_call_was_unaccounted_for(generation)


def lease_ends(generation: Generation) -> None:
    Generation.objects.filter(pk=generation.pk, status="running").update(leased_until=timezone.now())
    recovery.sweep(now=timezone.now())


def paid_calls(generation: Generation) -> int:
    return generation.attempts.exclude(status="not_accepted").count()


def no_call_was_unaccounted_for(generation: Generation) -> bool:
    """A second call was sent only after a first one whose end was known."""
    *earlier, _ = generation.attempts.all()
    return all(attempt.status in SAFE_TO_SEND_AGAIN for attempt in earlier)


def test_the_points_are_the_steps_that_write():
    steps = {name for module, name, _ in POINTS.values() if module in (calls, execution, outputs)}

    assert steps >= {"begin", "answered", "finish", "end_attempt", "fail", "postpone"}
    assert claims.CLAIMS_LOST_MAX > 3
