"""Real worker processes, killed while they work: all generations end, and credits agree with pictures."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection

from bench import installation
from config import processes
from generation.models import Generation, Provider, WorkerProcess
from tests import factories
from tests.emulator_server import EmulatorServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(240, method="thread"),
]
ENDED = ("succeeded", "partial", "failed", "canceled")


@pytest.fixture
def worker(emulator: EmulatorServer, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py runworker` on the test's database and files, with short patience."""
    Provider.objects.filter(name="aimlapi").update(base_url=f"{emulator.base_url}/aiml")
    environment = {
        "DATABASE_URL": installation.address_of(connection),
        "DATA_DIR": str(tmp_path),
        "SECRET_KEY": settings.SECRET_KEY,
        "LEASE_SECONDS": "3",
        "SWEEP_SECONDS": "1",
        "STALLED_SECONDS": "8",
        "GENERATION_DEADLINE_SECONDS": "75",
        "LOG_LEVEL": "WARNING",
    }
    process = subprocess.Popen(
        [sys.executable, "manage.py", "runworker"],
        cwd=installation.ROOT,
        env=installation.environment_of(environment),
        start_new_session=True,
    )
    yield process
    below = processes.descendants(process.pid)
    process.terminate()
    try:
        process.wait(timeout=20)
    finally:
        for pid in [*below, process.pid]:
            installation.kill(pid)
        process.wait()


def wait_until(condition, seconds: float, why: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, why
        time.sleep(0.1)


def unfinished() -> int:
    return Generation.objects.exclude(status__in=ENDED).count()


def check_books(emulator: EmulatorServer) -> None:
    """Charged for what is there, nothing on hold, no call of unknown end sent again, audit clean."""
    for generation in Generation.objects.select_related("hold"):
        assert generation.credits_captured == generation.price * generation.outputs.count()
        assert not generation.hold.is_open
        calls = [call for call in emulator.log() if str(generation.public_id) in str(call)]
        unknown = generation.attempts.filter(status__in=["outcome_unknown"]).count()
        assert unknown <= 1
        assert len(calls) == 0 or generation.attempts.exists()
    paid: dict[str, int] = {}
    for request_id, count in emulator.paid_calls().items():
        generation_id = request_id.rpartition(".")[0]
        paid[generation_id] = paid.get(generation_id, 0) + count
    assert max(paid.values()) == 1, "a generation was paid twice"
    call_command("audit_ledger")


def test_kill_9_in_the_middle_of_a_call_ends_in_one_charge_or_a_refund(worker, emulator) -> None:
    emulator.settings(latency=4.0)
    generation = factories.generation()
    wait_until(lambda: emulator.log(), 40, "the worker never called the provider")

    for pid in processes.descendants(worker.pid):
        installation.kill(pid)

    wait_until(lambda: not unfinished(), 60, "the generation never ended")
    generation.refresh_from_db()
    assert generation.status in ("succeeded", "failed")
    check_books(emulator)


def test_on_sigterm_calls_in_flight_end_and_then_the_worker_does(worker, emulator) -> None:
    emulator.settings(latency=4.0)
    generation = factories.generation()
    wait_until(lambda: emulator.log(), 40, "the worker never called the provider")

    worker.terminate()

    assert worker.wait(timeout=4 + 10) == 0
    generation.refresh_from_db()
    assert generation.status == "succeeded"
    check_books(emulator)


def test_after_kill_9_of_the_supervisor_calls_in_flight_end_and_then_nothing_of_it_is_left(
    worker, emulator
) -> None:
    emulator.settings(latency=4.0)
    generation = factories.generation()
    wait_until(lambda: emulator.log(), 40, "the worker never called the provider")
    below = set(processes.descendants(worker.pid))
    assert len(below) > 6, "two clusters were to run"

    worker.kill()
    worker.wait()

    try:
        wait_until(lambda: not below & processes.living(), 20, "something of it was left")
    finally:
        for pid in below & processes.living():
            installation.kill(pid)
    generation.refresh_from_db()
    assert generation.status == "succeeded"
    check_books(emulator)


def test_a_supervisor_killed_while_its_clusters_stand_by_takes_them_along(worker) -> None:
    wait_until(WorkerProcess.objects.exists, 40, "no worker stood by")
    below = set(processes.descendants(worker.pid))

    worker.kill()
    worker.wait()

    try:
        wait_until(lambda: not below & processes.living(), 20, "something of it was left")
    finally:
        for pid in below & processes.living():
            installation.kill(pid)
