"""Generations over every provider at once while the emulator misbehaves, and what must hold in the end."""

import asyncio
import contextlib
import json
import random
import re
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
WAVE = 100
PEOPLE = 10
# What goes wrong, each as often as the others; one more provider, whose port is closed, cannot even be asked.
FAULTS = (
    "status=429,retry_after=1",
    "status=500",
    "status=503",
    "connection=reset",
    "connection=reset_body",
    "connection=hang",
    "body=html",
    "body=truncated",
    "body=empty",
    "links=expired",
    "picture=junk",
    "picture=blank",
    "picture=truncated",
    "count=1",
    "count=0",
    "size=640x640",
    "size=300x900",
)
CLOSED = "http://127.0.0.1:9"


@dataclass
class Outcome:
    """What came of a run: how many ended how, and everything that should not be."""

    ended: Counter[str] = field(default_factory=Counter)
    attempts: Counter[str] = field(default_factory=Counter)
    providers: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    calls: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextlib.contextmanager
def emulator(*, latency: float = 0.2, pictures: Sequence[str] = ("--sketch",)) -> Iterator[str]:
    """The emulator as a process of its own; its address."""
    command = [
        sys.executable,
        "-m",
        "generation.emulator",
        "--port",
        "0",
        "--latency",
        str(latency),
        *pictures,
    ]
    process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(r"http://[\d.:]+", line):
                break
        else:
            raise RuntimeError("the emulator did not start")
        # It logs every call; nobody else reads that.
        drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            yield found[0]
        finally:
            drain.terminate()
            drain.wait()
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def call(address: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(address, data), timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)
        return found


def plan_faults(address: str, *, share: float, seed: int, faults: Sequence[str] = FAULTS) -> None:
    """Have that share of all calls go wrong, each fault alike; the emulator asks them in order."""
    each = share / len(faults)
    for place, fault in enumerate(faults):
        probability = each / (1 - place * each)
        body = {"fault": fault, "times": None, "probability": probability}
        call(f"{address}/_emulator/faults", body | ({"seed": seed} if place == 0 else {}))


def set_up(address: str, *, poll_seconds: float = 0.2) -> None:
    """Every format is a provider at the emulator, and one provider's port is closed; work is spread alike."""
    from accounts import sealing
    from generation.models import ImageModel, Offer, Provider, RoutingPolicy
    from generation.providers.formats import FORMATS
    from generation.seeding import SEEDS

    Provider.objects.all().delete()
    model = ImageModel.objects.order_by("position").first()
    assert model is not None
    seeds = [seed for seed in SEEDS if seed.format in FORMATS]
    for seed in (*seeds, seeds[0]):
        closed = Provider.objects.filter(name=seed.name).exists()
        provider = Provider.objects.create(
            name="closed" if closed else seed.name,
            title="Closed" if closed else seed.title,
            format=seed.format,
            base_url=CLOSED if closed else f"{address}{FORMATS[seed.format].emulated_at}",
            sealed_key=sealing.seal("key-of-the-bench"),
            options={"poll_seconds": poll_seconds} if "poll_seconds" in FORMATS[seed.format].options else {},
        )
        Offer.objects.create(provider=provider, model=model, **dict(seed.offers[model.slug]))
    RoutingPolicy.objects.filter(pk=1).update(policy=RoutingPolicy.Policy.WEIGHTED)


def run(number: int, address: str, *, share: float, seed: int, places: int = 64) -> Outcome:
    """So many generations in waves, each served to its end; then everything is checked."""
    from django.conf import settings

    from tests import factories

    settings.GENERATION_DEADLINE_SECONDS = 45
    settings.RUNNER_CLAIM_SECONDS = 20
    settings.ALLOW_PRIVATE_ADDRESSES = False
    began = time.monotonic()
    set_up(address)
    plan_faults(address, share=share, seed=seed)
    people = [factories.person(credits=number * 10) for _ in range(PEOPLE)]
    chance = random.Random(seed)
    for first in range(0, number, WAVE):
        for index in range(first, min(first + WAVE, number)):
            count = chance.choice((1, 1, 1, 2, 4))
            factories.generation(people[index % PEOPLE], prompt=f"a lighthouse, number {index}", count=count)
        _serve(places)
    outcome = checked(call(f"{address}/_emulator/log"))
    outcome.seconds = time.monotonic() - began
    return outcome


def _serve(places: int) -> None:
    from django.utils import timezone

    from generation import recovery
    from generation.adapters import Adapters
    from generation.desk import Desk
    from generation.models import Generation
    from generation.providers.http import new_client
    from generation.runner import Runner

    async def once() -> None:
        desk = Desk()
        try:
            async with new_client(connections_max=places * 4) as client:
                await Runner(adapters=Adapters(client), places=places, desk=desk).run()
        finally:
            desk.close()

    ends = time.monotonic() + 120
    while Generation.objects.filter(status__in=("queued", "running")).exists():
        asyncio.run(once())
        recovery.sweep(now=timezone.now())
        assert time.monotonic() < ends, "something is stuck"
        time.sleep(0.2)


def checked(log: dict[str, Any], *, late: timedelta = timedelta(0)) -> Outcome:
    """All that must hold, of the rows and of the emulator's own count.

    `late` is how long after its deadline a generation may end, where the sweep has to end it.
    """
    from django.utils import timezone

    from generation import audit
    from generation.models import Generation

    outcome = Outcome(calls=len(log["calls"]), faults=sum(bool(one["fault"]) for one in log["calls"]))
    paid = Counter(log["paid_calls"])
    for generation in Generation.objects.select_related("hold", "user").prefetch_related(
        "attempts", "outputs"
    ):
        outcome.ended[generation.status] += 1
        outcome.wrong += _wrong(generation, paid, late)
        for attempt in generation.attempts.all():
            outcome.attempts[attempt.status] += 1
            outcome.providers[attempt.provider] += 1
    _, findings = audit.whole(timezone.now())
    outcome.wrong += [f"audit: {finding}" for finding in findings]
    return outcome


def _wrong(generation: Any, paid: Counter[str], late: timedelta) -> Iterator[str]:
    name = f"generation {generation.public_id}"
    if not generation.is_terminal:
        yield f"{name} has no end"
        return
    if generation.finished_at > generation.deadline_at + late:
        yield f"{name} ended {generation.finished_at - generation.deadline_at} after its deadline"
    if generation.credits_captured != generation.price * generation.outputs.count():
        yield f"{name} was charged {generation.credits_captured} for {generation.outputs.count()} pictures"
    yield from _paid_too_often(generation, paid)


def _paid_too_often(generation: Any, paid: Counter[str]) -> Iterator[str]:
    """Calls that the rule forbids: a picture is asked for again only after a known end that brought none."""
    name = f"generation {generation.public_id}"
    ends: dict[int, list[str]] = {}
    for attempt in generation.attempts.all():
        times = paid[f"{generation.public_id}.{attempt.number}.{attempt.sequence}"]
        if times > 1:
            yield f"{name}: attempt {attempt.number}.{attempt.sequence} was paid {times} times"
        for place in attempt.positions:
            ends.setdefault(place, []).append(attempt.status)
    for place, statuses in ends.items():
        asked = [status for status in statuses if status != "not_accepted"]
        # Of a delivered call one picture may have broken its promise, and is asked for once more.
        if set(asked[:-1]) - {"broken_promise", "delivered"} or len(asked) > 2:
            yield f"{name}: picture {place} was asked for again after {asked[:-1]}"
