"""What a broker outside the database may do to a submit: nothing."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from generation import queue, recovery
from generation.models import Generation
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def sent(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that came to a broker of its own, which stands for Redis."""
    settings.Q_CLUSTER = {"redis": "redis://127.0.0.1:1/0"}
    tasks: list[str] = []
    monkeypatch.setattr(queue, "async_task", lambda task, *_, **__: tasks.append(task))
    monkeypatch.setattr(queue, "get_broker", lambda name: SimpleNamespace(queue_size=lambda: len(tasks)))
    return tasks


def test_a_task_leaves_when_its_rows_are_committed(sent: list[str]) -> None:
    with transaction.atomic():
        factories.generation()
        before = list(sent)

    assert before == []
    assert sent == ["generation.tasks.run"]


def test_rows_that_are_rolled_back_wake_nobody(sent: list[str]) -> None:
    with transaction.atomic():
        factories.generation()
        transaction.set_rollback(True)

    assert sent == []


def test_a_broker_that_is_away_takes_no_submit_back(sent: list[str], monkeypatch, caplog) -> None:
    def away(*_: object, **__: object) -> None:
        raise ConnectionError("the broker is away")

    monkeypatch.setattr(queue, "async_task", away)
    generation = factories.generation()

    assert Generation.objects.get(pk=generation.pk).hold.is_open
    assert "the broker is away" in caplog.text

    monkeypatch.setattr(queue, "async_task", lambda task, *_, **__: sent.append(task))
    recovery.sweep(now=timezone.now())
    assert sent == ["generation.tasks.run"]
