"""What GMI Cloud alone has: records in every form, turns, uploads, cancelling, and finding what was lost."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from PIL import Image

from generation.emulator.context import SIZES
from generation.emulator.gmi import QUIRKS
from generation.providers.base import Connection, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown
from generation.providers.gmi import GmiAdapter
from generation.providers.http import new_client
from tests.emulator_server import EmulatorServer
from tests.generation.providers.cases.gmi import CASE
from tests.generation.providers.test_contract import failure, generate, opened, reference

SUCCEEDS = (
    "blocking",
    "dispatched",
    "unknown_status",
    "completed",
    "completed+blocking",
    "empty_payload_echo",
    "string_urls",
    "flat_url",
    "flat_image_url",
    "no_next_turn",
    "top_level_next_turn",
    "snake_case",
    "no_empty_turn",
    "snake_case+top_level_next_turn+string_urls+empty_payload_echo",
)


@pytest.fixture(autouse=True)
def sketches(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)


def using(emulator: EmulatorServer, call: Callable[[GmiAdapter], Any], **options: Any) -> Any:
    async def run() -> Any:
        async with new_client() as client:
            connection = Connection("gmi", f"{emulator.base_url}/gmi", "any-key", {**CASE.options, **options})
            return await call(GmiAdapter(client, connection))

    return asyncio.run(run())


@pytest.mark.parametrize("latency", ["0", "0.2"])
@pytest.mark.parametrize("quirk", SUCCEEDS)
def test_every_form_of_a_success_is_read(emulator: EmulatorServer, quirk: str, latency: str) -> None:
    emulator.fault(f"quirk={quirk},latency={latency}")

    answer = generate(CASE, emulator.base_url)

    assert isinstance(answer.images[0], ImageLink)
    assert opened(answer.images[0]).size == SIZES["1:1"]
    assert answer.vendor_id
    assert (answer.state is None) is (quirk == "no_next_turn")


@pytest.mark.parametrize(
    "quirk", ["top_level_next_turn", "snake_case", "no_empty_turn", "empty_payload_echo"]
)
def test_turns_go_on_in_every_form(emulator: EmulatorServer, quirk: str) -> None:
    emulator.fault(f"quirk={quirk}", times=None)
    state = None
    for prompt in ("a lake", "at night"):
        answer = generate(CASE, emulator.base_url, replace(CASE.spec, prompt=prompt, state=state))
        state = answer.state

    calls = [call for call in emulator.log() if call["prompt"]]
    assert [(call["prompt"], call["turns"]) for call in calls] == [("a lake", 0), ("at night", 1)]


@pytest.mark.parametrize("how", ["upload", "data_uri"])
def test_a_turn_takes_references_too(emulator: EmulatorServer, how: str) -> None:
    first = generate(CASE, emulator.base_url)
    change = replace(CASE.spec, prompt="with this", state=first.state, references=(reference("red"),))

    answer = generate(replace(CASE, options={**CASE.options, "references": how}), emulator.base_url, change)

    assert opened(answer.images[0]).size == SIZES["1:1"]
    call = [call for call in emulator.log() if call["prompt"]][-1]
    assert (call["references"], call["turns"]) == (1, 1)


def test_references_inside_need_no_upload(emulator: EmulatorServer) -> None:
    case = replace(CASE, options={**CASE.options, "references": "data_uri"})
    emulator.fault("picture=reference")

    answer = generate(case, emulator.base_url, replace(CASE.spec, references=(reference("red"),)))

    assert opened(answer.images[0]).size == (96, 64)
    assert not [call for call in emulator.log() if "upload" in call["path"]]


@pytest.mark.parametrize("kind", ["png", "jpeg"])
def test_an_uploaded_reference_arrives_whole_and_without_the_key(emulator: EmulatorServer, kind: str) -> None:
    emulator.fault("picture=reference")

    answer = generate(CASE, emulator.base_url, replace(CASE.spec, references=(reference("red", kind),)))

    picture = opened(answer.images[0])
    assert (picture.format, picture.size) == (kind.upper(), (96, 64))
    puts = [call for call in emulator.log() if call["method"] == "PUT"]
    assert [call["key_sent"] for call in puts] == [False]


def test_an_answer_can_be_the_next_reference(emulator: EmulatorServer) -> None:
    first = generate(CASE, emulator.base_url)

    second = generate(CASE, emulator.base_url, replace(CASE.spec, references=(first.images[0],)))

    assert isinstance(opened(second.images[0]), Image.Image)


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        ("gmi:upload-url", "status=500"),
        ("gmi:upload-url", "connection=reset"),
        ("gmi:upload-url", "body=html"),
        ("gmi:upload-url", "links=expired"),
        ("gmi:put", "status=403"),
        ("gmi:put", "connection=reset"),
    ],
)
def test_an_upload_that_fails_costs_nothing(emulator: EmulatorServer, where: str, fault: str) -> None:
    emulator.fault(fault, at=where)

    error = failure(CASE, emulator.base_url, replace(CASE.spec, references=(reference("red"),)))

    assert isinstance(error, NotAccepted)
    assert emulator.paid_calls() == {}


@pytest.mark.parametrize(
    "fault", ["status=502", "status=429,retry_after=0.05", "connection=reset", "body=html", "body=truncated"]
)
def test_polls_that_break_are_tried_again(emulator: EmulatorServer, fault: str) -> None:
    emulator.fault(fault, times=2, at="gmi:poll")

    assert generate(CASE, emulator.base_url).images
    assert emulator.paid_calls() == {"g-1.1": 1}


def test_a_dead_model_ends_at_the_deadline_with_its_id_known(emulator: EmulatorServer) -> None:
    emulator.fault("quirk=stuck")
    told: list[str] = []

    async def accepted(vendor_id: str) -> None:
        told.append(vendor_id)

    with pytest.raises(OutcomeUnknown) as raised:
        using(emulator, lambda adapter: adapter.generate(spec(deadline_seconds=0.4), accepted=accepted))
    assert (raised.value.code, len(told)) == (Code.TIMEOUT, 1)


def spec(**change: Any) -> Spec:
    return replace(CASE.spec, **change)


@pytest.mark.parametrize(
    "fault", ["connection=reset", "connection=reset_body", "body=html", "body=truncated"]
)
def test_what_was_lost_after_sending_is_found_and_fetched(emulator: EmulatorServer, fault: str) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    generate(CASE, emulator.base_url, spec(prompt="another"))
    emulator.fault(fault)
    assert isinstance(failure(CASE, emulator.base_url), OutcomeUnknown)

    async def recover(adapter: GmiAdapter) -> Any:
        vendor_id = await adapter.find(CASE.spec, since=since, taken=frozenset())
        assert vendor_id is not None
        assert await adapter.find(CASE.spec, since=since, taken=frozenset({vendor_id})) is None
        later = datetime.now(UTC) + timedelta(minutes=1)
        assert await adapter.find(CASE.spec, since=later, taken=frozenset()) is None
        return await adapter.resume(vendor_id, CASE.spec)

    assert opened(using(emulator, recover).images[0]).size == SIZES["1:1"]
    assert len([call for call in emulator.log() if call["prompt"] == CASE.spec.prompt]) == 1


def test_of_two_alike_none_is_adopted(emulator: EmulatorServer) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    ids = [generate(CASE, emulator.base_url).vendor_id for _ in range(2)]

    def find(*taken: str) -> Any:
        return using(emulator, lambda adapter: adapter.find(CASE.spec, since=since, taken=frozenset(taken)))

    assert find() is None
    assert find(ids[0]) == ids[1]


def test_an_empty_echo_is_never_adopted(emulator: EmulatorServer) -> None:
    emulator.fault("quirk=empty_payload_echo")
    generate(CASE, emulator.base_url)

    async def find(adapter: GmiAdapter) -> Any:
        since = datetime.now(UTC) - timedelta(minutes=1)
        return await adapter.find(CASE.spec, since=since, taken=frozenset())

    assert using(emulator, find) is None


def test_a_short_list_is_not_trusted(emulator: EmulatorServer) -> None:
    since = datetime.now(UTC) - timedelta(seconds=1)
    for prompt in (CASE.spec.prompt, "b", "c"):
        generate(CASE, emulator.base_url, spec(prompt=prompt))
    emulator.fault("quirk=short_list", at="gmi:list")

    def find(adapter: GmiAdapter) -> Any:
        return adapter.find(spec(prompt="c"), since=since, taken=frozenset())

    assert using(emulator, find) is None
    assert using(emulator, find) is not None


@pytest.mark.parametrize(("fault", "done"), [("latency=30", True), ("latency=30,quirk=no_cancel", False)])
def test_work_is_called_off_where_the_vendor_answers(
    emulator: EmulatorServer, fault: str, done: bool
) -> None:
    emulator.fault(fault)

    async def run(adapter: GmiAdapter) -> Any:
        known: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        async def accepted(vendor_id: str) -> None:
            known.set_result(vendor_id)

        drawing = asyncio.create_task(adapter.generate(spec(deadline_seconds=1.0), accepted=accepted))
        called_off = await adapter.cancel(await known)
        return called_off, (await asyncio.gather(drawing, return_exceptions=True))[0]

    called_off, error = using(emulator, run)
    assert called_off is done
    assert error.code == (Code.ERROR if done else Code.TIMEOUT)


def test_what_is_finished_cannot_be_called_off(emulator: EmulatorServer) -> None:
    vendor_id = generate(CASE, emulator.base_url).vendor_id

    assert using(emulator, lambda adapter: adapter.cancel(vendor_id)) is False
    assert using(emulator, lambda adapter: adapter.cancel("unheard-of")) is False


@pytest.mark.parametrize("envelope", ["string", "nested", "html", "empty"])
@pytest.mark.parametrize(
    ("status", "kind"), [(401, NotAccepted), (402, NotAccepted), (404, NotAccepted), (502, OutcomeUnknown)]
)
def test_each_envelope_is_read(emulator: EmulatorServer, envelope: str, status: int, kind: type) -> None:
    emulator.fault(f"status={status},envelope={envelope}")

    assert type(failure(CASE, emulator.base_url)) is kind


def test_the_organisation_is_named(emulator: EmulatorServer) -> None:
    using(emulator, lambda adapter: adapter.generate(CASE.spec, accepted=_nobody), organization="o-7")

    listing = httpx.get(
        f"{emulator.base_url}/gmi/api/v1/ie/requestqueue/apikey/requests",
        headers={"authorization": "Bearer any-key"},
        trust_env=False,
    ).json()
    assert listing["requests"][0]["org_id"] == "o-7"


async def _nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def test_every_quirk_is_shown_to_be_read() -> None:
    shown = {word for quirk in SUCCEEDS for word in quirk.split("+")}
    for ending in CASE.endings + CASE.broken:
        fields = dict(part.partition("=")[::2] for part in ending.fault.split(","))
        shown |= set(fields.get("quirk", "").split("+"))

    assert set(QUIRKS) <= shown | {"stuck", "no_cancel", "short_list"}
