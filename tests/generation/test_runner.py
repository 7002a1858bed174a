"""The worker's loop: hears of work, stops when told, and outlives a database that is away."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connections
from django.utils import timezone

from accounts import changes
from gallery import picture_process
from generation import (
    calls,
    claims,
    delivery,
    execution,
    health,
    heartbeats,
    outputs,
    queue,
    recovery,
    runner,
    specs,
)
from generation.desk import Desk
from generation.models import Attempt, Generation, WorkerProcess
from generation.providers.base import Accepted, Answer, Spec
from generation.references import GivenReference
from generation.runner import Runner
from generation.wire.messages import Cost
from tests import factories
from tests.generation.conftest import FakeProvider, Only, pictures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(240, method="thread")]


class SlowProvider(FakeProvider):
    """Answers when it is told to, and says when it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_at: list[float] = []
        self.go_on = threading.Event()

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        self.asked_at.append(time.monotonic())
        while not self.go_on.is_set():
            await asyncio.sleep(0.01)
        return pictures(spec)


@pytest.fixture
def standing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Callable[..., Any]:
    """A runner that stands by in a thread, with a drain file; the function gives both, and it is drained."""
    drain = tmp_path / "drain"
    monkeypatch.setenv(runner.DRAIN_FILE, str(drain))
    monkeypatch.setenv(heartbeats.CLUSTER, "cluster-of-the-test")
    threads: list[threading.Thread] = []

    def stand(provider: Any) -> tuple[threading.Thread, Path]:
        async def run() -> None:
            desk = Desk()
            try:
                await Runner(adapters=Only(provider), places=8, desk=desk, stands_by=True).run()
            finally:
                desk.close()

        thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        thread.start()
        threads.append(thread)
        wait_until(lambda: heartbeats.standing_by(now=timezone.now()) == 1)
        return thread, drain

    yield stand
    drain.touch()
    for thread in threads:
        thread.join(timeout=20)
        assert not thread.is_alive()


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def test_who_stands_by_hears_of_work_and_no_task_is_sent(standing, monkeypatch) -> None:
    sent: list[str] = []
    monkeypatch.setattr(queue, "async_task", lambda task, *_, **__: sent.append(task))
    provider = SlowProvider()
    provider.go_on.set()
    standing(provider)

    generation = factories.generation()

    wait_until(lambda: Generation.objects.get(pk=generation.pk).status == "succeeded")
    assert sent == []


@pytest.mark.parametrize(
    ("free", "piled", "looks_early"), [(3, 40, False), (4, 40, True), (16, 40, True), (1, 0, True)]
)
def test_where_pictures_pile_up_and_nearly_all_places_are_taken_it_looks_less_often(
    monkeypatch: pytest.MonkeyPatch, free: int, piled: int, looks_early: bool
) -> None:
    """A quarter of its 16 places is enough; with less it waits for more that come free."""
    monkeypatch.setattr(runner, "CALM_SECONDS", 0.05)
    monkeypatch.setattr(runner, "CROWDED_SECONDS", 0.6)

    async def pause() -> float:
        desk, decoded = Desk(), threading.Event()
        looks = Runner(adapters=Only(FakeProvider()), places=16, desk=desk)
        pile = [asyncio.create_task(desk.pictures(decoded.wait)) for _ in range(piled)]
        ends = [0.1] * free + [5.0] * (16 - free)
        looks._serving = {
            asyncio.create_task(asyncio.sleep(seconds)): claims.Claim(number, 1)
            for number, seconds in enumerate(ends)
        }
        await asyncio.sleep(0)
        began = time.monotonic()
        await looks._pause(began)
        took = time.monotonic() - began
        for task in looks._serving:
            task.cancel()
        decoded.set()
        await asyncio.gather(*pile)
        desk.close()
        return took

    took = asyncio.run(pause())

    assert took < 0.4 if looks_early else 0.55 < took < 2


def test_what_decodes_is_there_before_the_provider_has_answered(standing) -> None:
    picture_process.shared.close()
    provider = SlowProvider()
    standing(provider)

    generation = factories.generation()

    wait_until(lambda: picture_process.shared.pid is not None)
    expected = picture_process.shared.pid
    provider.go_on.set()
    wait_until(lambda: Generation.objects.get(pk=generation.pk).status == "succeeded")
    assert picture_process.shared.pid == expected


def test_told_to_leave_it_claims_nothing_more_and_ends_what_it_has(standing) -> None:
    provider = SlowProvider()
    thread, drain = standing(provider)
    first = factories.generation()
    wait_until(lambda: len(provider.asked_at) == 1)

    drain.touch()
    wait_until(lambda: heartbeats.standing_by(now=timezone.now()) == 0)
    second = factories.generation()
    provider.go_on.set()
    thread.join(timeout=20)

    assert not thread.is_alive()
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("succeeded", "queued")
    assert not WorkerProcess.objects.exists()


def test_what_outlasts_the_grace_time_is_handed_back(standing, settings) -> None:
    settings.WORKER_GRACE_SECONDS = 0.2
    provider = SlowProvider()
    thread, drain = standing(provider)
    generation = factories.generation()
    wait_until(lambda: len(provider.asked_at) == 1)

    drain.touch()
    thread.join(timeout=20)

    assert not thread.is_alive()
    generation.refresh_from_db()
    assert generation.status == "running"
    assert generation.leased_until <= timezone.now()
    assert claims.waiting(now=timezone.now())


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
@pytest.mark.parametrize(("module", "step"), [(calls, "answered"), (outputs, "finish")])
def test_a_database_that_is_away_is_waited_for_and_nothing_is_paid_again(
    serve, fake, monkeypatch, module: ModuleType, step: str, error: type[Exception]
) -> None:
    generation = factories.generation()
    real, failures = getattr(module, step), iter([error("gone"), error("gone")])

    def away_at_first(*args: Any, **kwargs: Any) -> Any:
        if (failure := next(failures, None)) is not None:
            raise failure
        return real(*args, **kwargs)

    monkeypatch.setattr(module, step, away_at_first)
    provider = fake()
    serve(provider)

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert len(provider.calls) == 1
    assert generation.attempts.count() == 1


def test_a_step_that_was_committed_unheard_is_not_done_twice(serve, fake, monkeypatch) -> None:
    generation = factories.generation()
    real, failures = outputs.finish, iter([OperationalError("the connection broke at the commit")])

    def committed_unheard(*args: Any, **kwargs: Any) -> Any:
        real(*args, **kwargs)
        if (failure := next(failures, None)) is not None:
            raise failure

    monkeypatch.setattr(outputs, "finish", committed_unheard)
    serve(fake())

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert generation.outputs.count() == 1
    assert generation.credits_captured == generation.price


def test_a_call_whose_beginning_was_committed_unheard_is_made_after_all(serve, fake, monkeypatch) -> None:
    generation = factories.generation()
    real, failures = calls.begin, iter([OperationalError("the connection broke at the commit")])

    def committed_unheard(*args: Any, **kwargs: Any) -> Any:
        attempt = real(*args, **kwargs)
        if (failure := next(failures, None)) is not None:
            raise failure
        return attempt

    monkeypatch.setattr(calls, "begin", committed_unheard)
    provider = fake()
    serve(provider)
    serve(provider)

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert len(provider.calls) == 1
    assert sorted(generation.attempts.values_list("status", flat=True)) == ["delivered", "not_accepted"]


def test_after_the_database_was_away_leases_that_just_ended_are_left_to_their_owners() -> None:
    generation = factories.generation()
    now = timezone.now()
    claims.take(limit=1, now=now)
    just_after = now + claims.lease() + claims.lease() / 2

    assert claims.take(limit=1, now=just_after, grace=claims.lease()) == []
    assert [claim.generation_id for claim in claims.take(limit=1, now=just_after)] == [generation.pk]


def test_a_working_provider_is_written_down_once_a_second(serve, fake, monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(health, "succeeded", lambda name, **_: told.append(name))
    for _ in range(5):
        factories.generation()
    serve(fake())

    assert Attempt.objects.filter(status="delivered").count() == 5
    assert 1 <= len(told) < 5


def test_only_so_many_tasks_wait(monkeypatch, settings) -> None:
    for _ in range(queue.TASKS_MAX + 5):
        factories.generation()

    from django_q.models import OrmQ

    assert OrmQ.objects.filter(key="generations").count() == queue.TASKS_MAX


def test_work_is_told_with_the_commit(monkeypatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(changes, "tell", lambda channel, payload="": told.append(channel))
    factories.generation()
    assert told == [queue.CHANNEL]


def test_an_answer_after_the_end_is_kept_for_the_receipt_and_charged_to_nobody(serve, fake) -> None:
    generation = factories.generation()

    def reap() -> None:
        execution.reap(generation.pk, recovery.TOO_LONG, seen_attempts=1, now=timezone.now())
        connections.close_all()

    def ended_meanwhile(spec: Spec) -> Answer:
        another = threading.Thread(target=reap)
        another.start()
        another.join()
        return replace(pictures(spec), cost=Cost(usd=Decimal("0.039")))

    serve(fake(ended_meanwhile))

    generation.refresh_from_db()
    (attempt,) = generation.attempts.all()
    assert generation.status == "failed"
    assert (generation.credits_captured, generation.hold.released) == (0, generation.credits_quoted)
    assert (attempt.late_images, attempt.vendor_cost_usd) == (1, Decimal("0.039"))
    assert attempt.answered_at is None
    assert generation.outputs.count() == 0


@pytest.mark.parametrize("error", [InterfaceError("closed"), RuntimeError("a bug")])
def test_a_look_for_work_that_fails_ends_no_call(standing, monkeypatch, error: Exception) -> None:
    provider = SlowProvider()
    standing(provider)
    first = factories.generation()
    wait_until(lambda: len(provider.asked_at) == 1)
    real, failures = claims.take, iter([error])

    def fails_once(**options: Any) -> list[claims.Claim]:
        if (failure := next(failures, None)) is not None:
            raise failure
        return real(**options)

    monkeypatch.setattr(claims, "take", fails_once)
    second = factories.generation()
    wait_until(lambda: len(provider.asked_at) == 2)
    provider.go_on.set()

    for generation in (first, second):
        wait_until(lambda: Generation.objects.get(pk=generation.pk).status == "succeeded")  # noqa: B023


def test_calls_outlive_a_database_that_is_away_longer_than_a_lease(standing, monkeypatch, settings) -> None:
    settings.LEASE_SECONDS = 1
    provider = SlowProvider()
    standing(provider)
    generation = factories.generation()
    wait_until(lambda: len(provider.asked_at) == 1)
    back_at = time.monotonic() + 2.5

    def away(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **kwargs: Any) -> Any:
            if time.monotonic() < back_at:
                raise OperationalError("the server is away")
            return step(*args, **kwargs)

        return stepped

    for module, name in (
        (claims, "take"),
        (claims, "renew"),
        (claims, "wakes_at"),
        (claims, "database_now"),
        (heartbeats, "stand_by"),
        (calls, "answered"),
    ):
        monkeypatch.setattr(module, name, away(getattr(module, name)))
    provider.go_on.set()

    wait_until(lambda: Generation.objects.get(pk=generation.pk).is_terminal)
    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert generation.attempts_made == 1
    assert [attempt.late_images for attempt in generation.attempts.all()] == [None]


def test_what_was_begun_and_not_sent_when_it_has_to_go_is_sent_by_another(
    standing, settings, monkeypatch, serve, fake
) -> None:
    settings.WORKER_GRACE_SECONDS = 0.0
    building, go_on = threading.Event(), threading.Event()
    real = specs.build

    def slow(*args: Any, **kwargs: Any) -> Spec:
        building.set()
        go_on.wait(20)
        return real(*args, **kwargs)

    monkeypatch.setattr(specs, "build", slow)
    provider = SlowProvider()
    thread, drain = standing(provider)
    user = factories.person()
    # Files of references are read off the loop.
    reference = GivenReference(factories.upload(user).original)
    generation = factories.generation(user, references=[reference])
    assert building.wait(20)

    drain.touch()
    wait_until(lambda: heartbeats.standing_by(now=timezone.now()) == 0)
    time.sleep(2 * runner.LOOK_SECONDS)
    go_on.set()
    thread.join(timeout=20)
    assert provider.asked_at == []
    monkeypatch.delenv(runner.DRAIN_FILE)
    serve(fake())

    generation.refresh_from_db()
    assert generation.status == "succeeded"
    assert sorted(generation.attempts.values_list("status", flat=True)) == ["delivered", "not_accepted"]


def test_many_are_handed_back_though_each_takes_its_time(standing, settings, monkeypatch) -> None:
    settings.WORKER_GRACE_SECONDS = 0.2
    real = claims.hand_back

    def slow(*args: Any, **kwargs: Any) -> None:
        time.sleep(0.1)
        real(*args, **kwargs)

    monkeypatch.setattr(claims, "hand_back", slow)
    provider = SlowProvider()
    thread, drain = standing(provider)
    for _ in range(8):
        factories.generation()
    wait_until(lambda: len(provider.asked_at) == 8)

    drain.touch()
    thread.join(timeout=20)

    assert Generation.objects.filter(status="running", leased_until__lte=timezone.now()).count() == 8


def test_what_comes_after_the_deadline_is_given_back(serve, fake, monkeypatch) -> None:
    generation = factories.generation()
    real = calls.answered

    def after_the_deadline(*args: Any, **kwargs: Any) -> Any:
        kept = real(*args, **kwargs)
        Generation.objects.update(deadline_at=timezone.now())
        return kept

    def passed(self: Any, now: Any, *, unmade: Any = None) -> Any:
        self.generation.deadline_at = timezone.now() - timedelta(seconds=1)
        return finish(self, now, unmade=unmade)

    finish = delivery._Serving._finish
    monkeypatch.setattr(calls, "answered", after_the_deadline)
    monkeypatch.setattr(delivery._Serving, "_finish", passed)
    serve(fake())

    generation.refresh_from_db()
    (attempt,) = generation.attempts.all()
    assert (generation.status, generation.error_code) == ("failed", "deadline_passed")
    assert generation.hold.released == generation.credits_quoted
    assert (attempt.status, attempt.code) == ("broken_promise", "deadline_passed")
