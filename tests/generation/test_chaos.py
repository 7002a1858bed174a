"""Workers and web are killed while people ask for pictures; the long form is `bench/bench_chaos.py`."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from bench import chaos, faulty, report
from bench.installation import Installation, address_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300, method="thread"),
]
GENERATIONS, KILLS = 60, 10
# The bound of a machine that is busy with other things; a quiet one needs half a minute.
SECONDS_MOST = 150.0
# What hangs takes as long as a generation may, which is too long for here.
FAULTS = [fault for fault in faulty.FAULTS if fault != "connection=hang"]

Installed = Callable[..., Installation]


@pytest.fixture
def emulator_process() -> Iterator[str]:
    """The emulator as a process of its own, as the workers and the web are."""
    with faulty.emulator(latency=0.5) as address:
        yield address


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Installed]:
    """Makes an installation on the test's database and files, with short patience; ends it after the test."""
    made: list[Installation] = []

    def install(redis_url: str = "") -> Installation:
        environment = {
            "DATABASE_URL": address_of(connection),
            "REDIS_URL": redis_url,
            "DATA_DIR": str(tmp_path),
            "SECRET_KEY": settings.SECRET_KEY,
            "LEASE_SECONDS": "3",
            "SWEEP_SECONDS": "1",
            "STALLED_SECONDS": "8",
            "GENERATION_DEADLINE_SECONDS": "45",
            "RUNNER_PLACES": "8",
        }
        made.append(Installation(environment, folder=tmp_path, clusters=1, webs=1))
        return made[-1]

    yield install
    for one in made:
        one.stop()


def check(installation: Installation, emulator: str, others: list[tuple[str, Callable[[], None]]]) -> None:
    """One course, with its seed and figures printed; nothing may be wrong in the end."""
    plan = chaos.Plan(
        seed=int(os.environ.get("CHAOS_SEED", time.time_ns() % 10**6)),
        generations=GENERATIONS,
        kills=KILLS,
        people=2,
        open_most=12,
        faults=FAULTS,
        share=0.1,
        seconds_most=SECONDS_MOST,
        others=others,
    )
    course = chaos.run(plan, installation, emulator)
    print(report.as_table(course.rows()))
    assert not course.wrong, "\n".join([*course.wrong, installation.told()])
    assert course.done["kills"] >= KILLS
    # A course in which everything was given back would prove little.
    assert course.outcome.ended["succeeded"] >= GENERATIONS // 3


def test_nothing_is_lost_or_doubled_under_ten_kills(installed: Installed, emulator_process: str) -> None:
    check(installed(), emulator_process, [])


@pytest.mark.needs_redis
@pytest.mark.needs_postgres
def test_nothing_is_lost_when_redis_forgets_the_queue(
    installed: Installed, emulator_process: str, redis_url: str
) -> None:
    import redis

    def flush() -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.flushdb()

    check(installed(redis_url), emulator_process, [("Redis emptied", flush)])
