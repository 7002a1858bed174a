"""A worker's desk: what waits for the database's thread at the same time is done by one call for all."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError

from generation.desk import Desk

pytestmark = pytest.mark.django_db(transaction=True)
Work = Callable[..., Sequence[Any]]


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.close()


async def while_it_is_busy(desk: Desk, work: Work, items: Sequence[Any]) -> list[Any]:
    """The answers to items that all come while the thread does something else."""
    free = threading.Event()
    busy = asyncio.create_task(desk.rows_once(free.wait, 10))
    waiting = [asyncio.create_task(desk.together_once(work, item)) for item in items]
    await asyncio.sleep(0)
    free.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    await busy
    return answers


def test_all_that_wait_are_done_by_one_call(desk: Desk) -> None:
    calls: list[list[int]] = []

    def doubled(items: Sequence[int], *, now: datetime) -> list[int]:
        calls.append(list(items))
        return [2 * item for item in items]

    assert asyncio.run(while_it_is_busy(desk, doubled, [3, 1, 2])) == [6, 2, 4]
    assert calls == [[3, 1, 2]]


def test_who_is_refused_hears_it_alone(desk: Desk) -> None:
    def even(items: Sequence[int], *, now: datetime) -> list[int | Exception]:
        return [ValueError(item) if item % 2 else item for item in items]

    two, three = asyncio.run(while_it_is_busy(desk, even, [2, 3]))

    assert two == 2
    assert isinstance(three, ValueError)


def test_what_one_of_them_breaks_is_done_for_the_others(desk: Desk) -> None:
    def divided(items: Sequence[int], *, now: datetime) -> list[float]:
        return [12 / item for item in items]

    four, broken, six = asyncio.run(while_it_is_busy(desk, divided, [3, 0, 2]))

    assert (four, six) == (4, 6)
    assert isinstance(broken, ZeroDivisionError)


def test_a_database_that_is_away_is_tried_once_and_told_to_all(desk: Desk) -> None:
    calls: list[list[int]] = []

    def away(items: Sequence[int], *, now: datetime) -> list[int]:
        calls.append(list(items))
        raise OperationalError("nobody answers")

    answers = asyncio.run(while_it_is_busy(desk, away, [1, 2]))

    assert [type(answer) for answer in answers] == [OperationalError, OperationalError]
    assert calls == [[1, 2]]
    assert desk.reached_for() == 0


def test_nothing_is_done_for_who_does_not_wait_any_more(desk: Desk) -> None:
    calls: list[list[int]] = []

    def noted(items: Sequence[int], *, now: datetime) -> list[int]:
        calls.append(list(items))
        return list(items)

    async def one_leaves() -> None:
        free = threading.Event()
        busy = asyncio.create_task(desk.rows_once(free.wait, 10))
        leaves, stays = (asyncio.create_task(desk.together_once(noted, item)) for item in (1, 2))
        await asyncio.sleep(0)
        leaves.cancel()
        await asyncio.gather(leaves, return_exceptions=True)
        free.set()
        assert await stays == 2
        await busy

    asyncio.run(one_leaves())

    assert calls == [[2]]
