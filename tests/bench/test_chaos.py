"""What the chaos bench looks for is found when it is there."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from django.utils import timezone

from bench import chaos, clients, faulty, servers
from gallery import ingest
from generation import claims
from generation.models import Generation, Output
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
OWNER = "esl_of-nobody"


def crowd(*generations: Generation) -> clients.Crowd:
    """People who were promised these, in order."""
    people = [clients.Person(generations[0].user_id, OWNER)]
    found = clients.Crowd([], people, number=len(generations), seed=1, open_most=1)
    found.taken = {number: str(one.public_id) for number, one in enumerate(generations)}
    return found


def made(*, count: int = 1) -> Generation:
    """A generation that was delivered as asked for."""
    generation = factories.generation(prompt="chaos 0", count=count)
    (claim,) = claims.take(limit=1, now=timezone.now())
    attempt = factories.begin(claim)
    pictures = [factories.picture(seed=number) for number in range(count)]
    stored = [ingest.store(picture, keep_bytes=True, max_bytes=10**6) for picture in pictures]
    factories.finish(claim, attempt, stored)
    return generation


def log(generation: Generation, *, count: int = 1, times: int = 1) -> dict[str, Any]:
    """The emulator's, after it was paid for the generation's first attempt."""
    request_id = f"{generation.public_id}.1.1"
    call = {"client_request_id": request_id, "paid": True, "count": count, "fault": ""}
    return {"calls": [call] * times, "paid_calls": {request_id: times}}


def test_a_course_without_fault_has_nothing_wrong() -> None:
    generation = made(count=2)
    everybody = crowd(generation)
    listener = clients.Listener(everybody.people[0], everybody, "1")
    listener.picture = {str(generation.public_id): ("succeeded", 2)}
    everybody.listeners.append(listener)

    assert list(chaos.lost(everybody)) == []
    assert list(chaos.doubled(log(generation, count=2))) == []
    assert list(chaos.held()) == []
    assert list(chaos.unlike(everybody)) == []
    assert faulty.checked(log(generation, count=2)).wrong == []


def test_a_generation_without_an_end_holds_its_credits() -> None:
    generation = factories.generation()

    assert list(chaos.held()) == ["1 holds are open"]
    (wrong,) = faulty.checked({"calls": [], "paid_calls": {}}).wrong
    assert wrong == f"generation {generation.public_id} has no end"


def test_what_was_promised_and_is_not_there_is_lost() -> None:
    generation = made()
    everybody = crowd(generation)
    everybody.taken = {0: "another"}
    everybody.number = 2

    assert list(chaos.lost(everybody)) == [
        "1 generations were never taken",
        "number 0 was promised as generation another, which is another or none",
        f"generation {generation.public_id} (chaos 0) was promised to nobody",
    ]


def test_a_second_row_for_one_submission_was_promised_to_nobody() -> None:
    first = made()
    second = factories.generation(first.user, prompt="chaos 0")

    (wrong,) = chaos.lost(crowd(first))

    assert wrong == f"generation {second.public_id} (chaos 0) was promised to nobody"


def test_a_call_that_was_paid_twice_is_found() -> None:
    generation = made()

    (wrong,) = faulty.checked(log(generation, times=2)).wrong

    assert "was paid 2 times" in wrong


def test_a_picture_that_nobody_paid_for_is_found() -> None:
    generation = made(count=2)

    (wrong,) = chaos.doubled(log(generation, count=1))

    assert wrong.endswith("brought 2 pictures of 1 that were paid")


def test_a_picture_delivered_at_two_places_is_found() -> None:
    generation = made(count=2)
    first, second = Output.objects.filter(generation=generation)
    second.image.original = first.image.original
    second.image.save()

    (wrong,) = chaos.doubled(log(generation, count=2))

    assert wrong == f"picture 2 of generation {generation.public_id} is there twice"


def test_a_listener_who_missed_the_end_is_found() -> None:
    generation = made()
    everybody = crowd(generation)
    listener = clients.Listener(everybody.people[0], everybody, "1")
    listener.picture = {str(generation.public_id): ("running", 0)}
    everybody.listeners.append(listener)

    (wrong,) = chaos.unlike(everybody)

    assert wrong == (
        f"listener 0 has ('running', 0) for generation {generation.public_id}, which is ('succeeded', 1)"
    )


def test_events_are_read_as_the_standard_has_them() -> None:
    async def lines() -> AsyncIterator[str]:
        for line in (
            *("retry: 1000", ""),
            *(": still here", ""),
            *("id: 7", "event: generation", 'data: {"type": "generation", "id": "a",'),
            *('data: "url": "https://easel.test/api/v1/generations/a"}', ""),
            *("id: 8", ""),
            *("event: reset", "data:", ""),
            "id: 9",  # its end never came
        ):
            yield line

    async def read() -> list[clients.Message]:
        return [message async for message in clients.messages(lines())]

    first, place, second = asyncio.run(read())

    assert (first.id, first.event, first.path) == ("7", "generation", "/api/v1/generations/a")
    assert (place.id, place.event) == ("8", "")
    assert (second.id, second.event, second.path) == ("8", "reset", "")


def test_a_server_that_does_not_start_says_why(tmp_path) -> None:
    def never() -> None:
        raise OSError("refused")

    server = servers.Server(["sh", "-c", "echo no such file; exit 1"], log=tmp_path / "log", answers=never)

    with pytest.raises(RuntimeError, match="no such file"):
        server.start()
