"""What 1min.ai alone has: ids to come back with, uploads, records in several spellings."""

import asyncio
from dataclasses import replace

import pytest

from generation.emulator.context import SIZES
from generation.providers.base import Answer, Connection, ImageLink
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.providers.http import new_client
from generation.wire import onemin
from tests.emulator_server import EmulatorServer
from tests.generation.providers.cases import Case
from tests.generation.providers.cases.onemin import CASE
from tests.generation.providers.test_contract import failure, generate, opened, paid_call, reference

OFF = replace(CASE, options={**CASE.options, "async": "off"})
RATIOS = [ratio for ratio in SIZES if ratio != "1:1"]
EDIT = replace(CASE.spec, references=(reference("red"),))


@pytest.fixture(autouse=True)
def sketches(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)


@pytest.mark.parametrize("case", [CASE, OFF], ids=["async", "sync"])
@pytest.mark.parametrize(
    "fault",
    ["quirk=beside", "quirk=plain_key", "quirk=beside+plain_key", "quirk=url_as_result", "status=201"],
)
def test_every_success_is_read(emulator: EmulatorServer, case: Case, fault: str) -> None:
    emulator.fault(fault)

    answer = generate(case, emulator.base_url)

    assert isinstance(answer.images[0], ImageLink)
    assert opened(answer.images[0]).size == SIZES["1:1"]
    assert answer.vendor_id


@pytest.mark.parametrize(
    "fault",
    [
        "status=503,quirk=on_poll",
        "status=429,retry_after=0,quirk=on_poll",
        "status=401,quirk=on_poll",
        "status=522,quirk=on_poll",
        "quirk=on_poll+nested_400",
        "body=html,quirk=on_poll",
        "body=truncated,quirk=on_poll",
        "body=null,quirk=on_poll",
        "body=unknown,quirk=on_poll",
        "connection=reset,quirk=on_poll",
        "connection=reset_body,quirk=on_poll",
        "quirk=listed_late",
        "quirk=ignores_async",
    ],
)
def test_a_result_is_had_whatever_happens_to_one_question(emulator: EmulatorServer, fault: str) -> None:
    emulator.fault(fault)

    assert opened(generate(CASE, emulator.base_url).images[0]).size == SIZES["1:1"]
    assert emulator.paid_calls() == {"g-1.1": 1}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("status=503,quirk=on_each_poll", Code.TIMEOUT),
        ("body=html,quirk=on_each_poll", Code.TIMEOUT),
        ("connection=drip,quirk=on_each_poll", Code.TIMEOUT),
        ("quirk=forgotten", Code.TIMEOUT),
    ],
)
def test_a_result_that_never_comes_is_unknown(emulator: EmulatorServer, fault: str, code: Code) -> None:
    emulator.fault(fault)

    error = failure(CASE, emulator.base_url, replace(CASE.spec, deadline_seconds=0.6))

    assert (type(error), error.code) == (OutcomeUnknown, code)
    assert emulator.paid_calls() == {"g-1.1": 1}


def test_a_call_that_was_given_up_is_resumed_without_paying_again(emulator: EmulatorServer) -> None:
    emulator.settings(latency=0.4)
    told: list[str] = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    async def run() -> Answer:
        async with new_client() as client:
            adapter = CASE.adapter(
                client, Connection("onemin", emulator.base_url + CASE.mount, "k", dict(CASE.options))
            )
            with pytest.raises(OutcomeUnknown):
                await adapter.generate(replace(CASE.spec, deadline_seconds=0.2), accepted=accepted)
            answer: Answer = await adapter.resume(told[0], CASE.spec)
            return answer

    assert opened(asyncio.run(run()).images[0]).size == SIZES["1:1"]
    assert emulator.paid_calls() == {"g-1.1": 1}


def test_work_goes_on_when_the_answer_is_lost(emulator: EmulatorServer) -> None:
    """What a crash between send and answer leaves: paid for, and nobody has the id."""
    emulator.fault("connection=reset")

    assert isinstance(failure(CASE, emulator.base_url), OutcomeUnknown)
    assert emulator.paid_calls() == {"g-1.1": 1}


@pytest.mark.parametrize("item", RATIOS)
def test_a_ratio_has_its_size_where_the_vendor_heeds_it(emulator: EmulatorServer, item: str) -> None:
    answer = generate(CASE, emulator.base_url, replace(CASE.spec, aspect_ratio=item))

    assert opened(answer.images[0]).size == SIZES[item]


@pytest.mark.parametrize("item", ["1:1", "21:9"])
def test_an_edit_has_the_shape_that_was_asked_for(emulator: EmulatorServer, item: str) -> None:
    answer = generate(CASE, emulator.base_url, replace(EDIT, aspect_ratio=item))

    assert opened(answer.images[0]).size == SIZES[item]


def test_a_vendor_that_ignores_the_ratio_keeps_the_shape_of_the_reference(emulator: EmulatorServer) -> None:
    emulator.fault("quirk=ignores_ratio", times=2)

    square = generate(CASE, emulator.base_url, replace(CASE.spec, aspect_ratio="16:9"))
    edited = generate(CASE, emulator.base_url, replace(EDIT, aspect_ratio="1:1"))

    assert opened(square.images[0]).size == SIZES["1:1"]
    assert opened(edited.images[0]).size == (96, 64)


def test_an_edit_goes_to_the_model_that_edits(emulator: EmulatorServer) -> None:
    generate(CASE, emulator.base_url, replace(EDIT, references=(reference("red"), reference("blue"))))

    assert (paid_call(emulator)["model"], paid_call(emulator)["references"]) == (onemin.EDIT_MODEL, 2)
    assert sum(call["path"].endswith("/api/assets") for call in emulator.log()) == 2


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("status=400", Refused, Code.INVALID),
        ("status=401", NotAccepted, Code.BAD_KEY),
        ("status=406", NotAccepted, Code.NO_MONEY),
        ("status=429,retry_after=2", NotAccepted, Code.RATE_LIMITED),
        ("status=500", NotAccepted, Code.ERROR),
        ("status=522", NotAccepted, Code.TIMEOUT),
        ("body=html", NotAccepted, Code.UNREADABLE),
        ("body=truncated", NotAccepted, Code.UNREADABLE),
        ("body=huge", NotAccepted, Code.ERROR),
        ("connection=reset", NotAccepted, Code.ERROR),
        ("connection=hang", NotAccepted, Code.TIMEOUT),
    ],
)
def test_an_upload_that_fails_is_never_paid_for(
    emulator: EmulatorServer, fault: str, kind: type, code: Code
) -> None:
    emulator.fault(fault, at="upload")

    error = failure(CASE, emulator.base_url, replace(EDIT, deadline_seconds=1.0))

    assert (type(error), error.code) == (kind, code)
    assert emulator.paid_calls() == {}


def test_the_team_is_not_shown(emulator: EmulatorServer) -> None:
    emulator.fault("status=406")

    error = failure(CASE, emulator.base_url)

    assert error.vendor_text == "INSUFFICIENT_CREDITS (4,800 credits, 120 credits)"


@pytest.mark.parametrize("case", [CASE, OFF], ids=["async", "sync"])
def test_a_broken_reference_that_could_be_uploaded_is_refused(
    emulator: EmulatorServer,
    case: Case,
) -> None:
    broken = replace(reference("red"), data=b"\x89PNG\r\n\x1a\n and no more")

    error = failure(case, emulator.base_url, replace(case.spec, references=(broken,)))

    assert (type(error), error.code) == (Refused, Code.INVALID)
    assert "Unable to process input image" in error.vendor_text


def test_a_slow_picture_is_asked_for_ever_less_often(emulator: EmulatorServer) -> None:
    emulator.settings(latency=1.0)

    generate(replace(CASE, options={}), emulator.base_url)

    assert len([call for call in emulator.log() if call["method"] == "GET"]) <= 4


def test_the_documented_rate_holds_back_questions_and_runs_alike(emulator: EmulatorServer) -> None:
    emulator.settings(vendor_limits=True, per_minute=3, latency=9.0)

    error = failure(CASE, emulator.base_url, replace(CASE.spec, deadline_seconds=1.5))

    assert (type(error), error.code) == (OutcomeUnknown, Code.TIMEOUT)
    assert [call["status"] for call in emulator.log()] == [200, 200, 200, 429]
