"""`Prefer: wait=N`: the answer comes when the work is done, or when the time is over."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections

from generation.api import waiting
from generation.models import Generation
from tests.api import rows
from tests.api.conftest import Caller, caller

URL = "/api/v1/generations"


@contextmanager
def worker(end: Any) -> Iterator[None]:
    """A thread that ends the first generation it finds."""
    over = threading.Event()

    def work() -> None:
        try:
            while not over.is_set():
                if generation := Generation.objects.filter(status="queued").first():
                    end(generation)
                    return
                over.wait(0.05)
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def post(owner: Caller, prefer: str, **headers: str) -> Any:
    return owner.client.post(URL, {"prompt": "A pier"}, headers={"Prefer": prefer, **headers})


@pytest.mark.django_db(transaction=True)
def test_waiting_answers_201_with_the_pictures() -> None:
    with worker(rows.finish):
        answer = post(caller(), "wait=30")

    body = answer.json()
    assert (answer.status_code, body["status"]) == (201, "succeeded")
    assert len(body["images"]) == 1
    assert answer["Preference-Applied"] == "wait=30"
    assert answer["Location"].endswith(body["id"])


@pytest.mark.django_db(transaction=True)
def test_waiting_tells_a_failure_too() -> None:
    with worker(rows.fail):
        answer = post(caller(), "wait=30")

    body = answer.json()
    assert (answer.status_code, body["status"], body["credits"]["captured"]) == (201, "failed", 0)
    assert body["error"]["code"] == "content_refused"


@pytest.mark.django_db
def test_waiting_ends_when_its_time_is_over(owner: Caller) -> None:
    began = time.monotonic()

    answer = post(owner, "wait=1")

    assert 1 <= time.monotonic() - began < 10
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer["Preference-Applied"] == "wait=1"


@pytest.mark.django_db
def test_a_replay_waits_for_the_same_generation(owner: Caller) -> None:
    first = post(owner, "wait=0", **{"Idempotency-Key": "once"}).json()
    rows.finish(Generation.objects.get())

    again = post(owner, "wait=5", **{"Idempotency-Key": "once"})

    assert (again.status_code, again.json()["id"]) == (201, first["id"])
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.django_db
def test_without_the_header_nothing_waits(owner: Caller) -> None:
    answer = owner.client.post(URL, {"prompt": "A pier"})

    assert answer.status_code == 202
    assert "Preference-Applied" not in answer


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("wait=5", 5),
        ("respond-async, wait=10", 10),
        ("Wait=10", 10),
        ("wait=60", 60),
        ("wait=3600", 60),
        ("wait=0", 0),
        ("", None),
        ("wait", None),
        ("wait=-1", None),
        ("wait=1.5", None),
        ("wait=٣", None),
        ("return=minimal", None),
    ],
)
def test_what_is_read_from_the_header(header: str, seconds: int | None) -> None:
    assert waiting.preferred_seconds(header) == seconds
