"""What the AIML API alone has: three shapes of an answer, costs in three places, its envelopes of errors."""

from dataclasses import replace

import pytest

from generation.emulator.context import SIZES
from generation.providers.base import ImageBytes, ImageLink
from generation.providers.errors import Code
from generation.wire import aiml
from tests.emulator_server import EmulatorServer
from tests.generation.providers.cases import Ending
from tests.generation.providers.cases.aiml import CASE
from tests.generation.providers.test_contract import failure, generate, opened


@pytest.mark.parametrize("result", ["url", "b64_json"])
@pytest.mark.parametrize("shape", [1, 2, 3])
@pytest.mark.parametrize("status", [200, 201])
def test_every_success_is_read(emulator: EmulatorServer, result: str, shape: int, status: int) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"shape={shape},result={result},status={status}")

    answer = generate(CASE, emulator.base_url)

    assert isinstance(answer.images[0], ImageLink if result == "url" else ImageBytes)
    assert opened(answer.images[0]).size == SIZES["1:1"]
    assert answer.vendor_id
    assert answer.cost.credits == aiml.CREDITS_PER_IMAGE


@pytest.mark.parametrize("cost", ["headers", "body", "body,usage=tokens_used"])
def test_the_cost_is_found_where_it_stands(emulator: EmulatorServer, cost: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"cost={cost}")

    assert generate(CASE, emulator.base_url).cost.credits == aiml.CREDITS_PER_IMAGE


def test_every_picture_is_paid_for(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)

    assert generate(CASE, emulator.base_url, replace(CASE.spec, count=4)).cost.credits == 336_000


def test_references_go_to_the_model_that_edits(emulator: EmulatorServer) -> None:
    first = generate(CASE, emulator.base_url)
    assert isinstance(first.images[0], ImageLink)

    generate(CASE, emulator.base_url, replace(CASE.spec, references=(ImageLink(first.images[0].url),)))

    assert emulator.log()[-1]["model"] == aiml.EDIT_MODEL


@pytest.mark.parametrize("envelope", ["string", "number", "title", "nested", "html", "empty"])
@pytest.mark.parametrize("ending", [end for end in CASE.endings if "retry_after" not in end.fault])
def test_each_envelope_is_read(emulator: EmulatorServer, ending: Ending, envelope: str) -> None:
    code = ending.code
    if envelope == "empty" and "message" in ending.fault:
        code = {"status=400": Code.INVALID, "status=403": Code.NO_MONEY}[ending.fault.split(",")[0]]
    emulator.fault(f"{ending.fault},envelope={envelope}")

    error = failure(CASE, emulator.base_url)

    assert (type(error), error.code) == (ending.kind, code)


@pytest.mark.parametrize("returned", [1, 3, 6])
def test_another_number_than_asked_is_handed_on(emulator: EmulatorServer, returned: int) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"count={returned}")

    assert len(generate(CASE, emulator.base_url, replace(CASE.spec, count=4)).images) == returned
