"""What Google alone has: Vertex AI's addresses, larger sizes, signatures, drafts, and free errors."""

from dataclasses import replace

import pytest

from generation.providers.base import ImageBytes
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, Refused
from generation.wire.google_models import MODELS
from tests.emulator_server import EmulatorServer
from tests.generation.providers.cases import Case
from tests.generation.providers.cases.google import CASE
from tests.generation.providers.test_contract import failure, generate, opened, reference

PRO = replace(CASE, spec=replace(CASE.spec, model="gemini-3-pro-image"))
VERTEX = replace(CASE, options={"vertex": True, "project": "p-1", "location": "europe-west4"})
EXPRESS = replace(CASE, options={"vertex": True})
NAMED = b'"thoughtSignature":"'


@pytest.mark.parametrize("case", [VERTEX, EXPRESS], ids=["project", "express"])
def test_vertex_answers_as_the_gemini_api_does(emulator: EmulatorServer, case: Case) -> None:
    emulator.settings(sketch=True, key="the-right-one")

    answer = generate(case, emulator.base_url, key="the-right-one")

    assert opened(answer.images[0]).size == (1024, 1024)
    assert "/publishers/google/models/" in emulator.log()[-1]["path"]


def test_a_wrong_token_of_vertex_is_final_for_this_provider(emulator: EmulatorServer) -> None:
    emulator.settings(key="the-right-one")

    error = failure(VERTEX, emulator.base_url, key="the-wrong-one")

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider, emulator.log()[-1]["status"]) == (Code.BAD_KEY, True, 401)


@pytest.mark.parametrize("ratio", ["1:1", "16:9", "3:4"])
@pytest.mark.parametrize("size", ["1K", "2K"])
def test_the_newer_model_draws_in_googles_sizes(emulator: EmulatorServer, size: str, ratio: str) -> None:
    emulator.settings(sketch=True, format="jpeg")

    answer = generate(PRO, emulator.base_url, replace(PRO.spec, image_size=size, aspect_ratio=ratio))

    assert opened(answer.images[0]).size == MODELS[PRO.spec.model].sizes[size][ratio]
    assert emulator.log()[-1]["image_size"] == size


def test_4k_is_the_largest(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg")

    answer = generate(PRO, emulator.base_url, replace(PRO.spec, image_size="4K", aspect_ratio="21:9"))

    assert opened(answer.images[0]).size == (6336, 2688)


def test_a_size_that_a_model_does_not_have_is_refused(emulator: EmulatorServer) -> None:
    error = failure(CASE, emulator.base_url, replace(CASE.spec, image_size="4K"))

    assert (type(error), error.code) == (Refused, Code.INVALID)


def test_the_newer_model_takes_fourteen_references(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg")
    given = tuple(reference("red") for _ in range(14))

    assert generate(PRO, emulator.base_url, replace(PRO.spec, references=given)).images
    error = failure(PRO, emulator.base_url, replace(PRO.spec, references=(*given, given[0])))
    assert (type(error), error.code) == (Refused, Code.INVALID)


def test_signatures_come_back_with_the_conversation(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg")
    emulator.fault("quirk=drafts")
    first = generate(PRO, emulator.base_url)
    assert first.state is not None

    second = generate(PRO, emulator.base_url, replace(PRO.spec, prompt="at night", state=first.state))

    assert second.images
    assert emulator.log()[-1]["turns"] == 1


def test_without_its_signatures_the_vendor_would_refuse_it(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg")
    first = generate(PRO, emulator.base_url)
    assert first.state is not None
    change = replace(PRO.spec, prompt="at night")

    assert first.state.count(NAMED) == 1
    for lost in (b'"forgotten":"', NAMED + b"AAAA"):
        error = failure(PRO, emulator.base_url, replace(change, state=first.state.replace(NAMED, lost)))
        assert (type(error), error.code) == (Refused, Code.INVALID)
        assert "signature" in error.vendor_text


@pytest.mark.parametrize(
    "quirk",
    [
        "snake",
        "pictures_first",
        "per_candidate",
        "drafts",
        "signed",
        "silent",
        "no_facts",
        "snake+drafts+signed",
    ],
)
def test_every_way_to_say_it_is_read(emulator: EmulatorServer, quirk: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"quirk={quirk}")

    first = generate(CASE, emulator.base_url)

    assert opened(first.images[0]).size == (1024, 1024)
    assert generate(CASE, emulator.base_url, replace(CASE.spec, state=first.state)).images


@pytest.mark.parametrize("returned", [2, 4])
@pytest.mark.parametrize("quirk", ["silent", "per_candidate"])
def test_another_number_than_asked_is_handed_on(emulator: EmulatorServer, returned: int, quirk: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"count={returned},quirk={quirk}")

    answer = generate(CASE, emulator.base_url)

    assert len({image.data for image in answer.images if isinstance(image, ImageBytes)}) == returned


@pytest.mark.parametrize(
    ("fault", "paid"),
    [
        ("status=500", 0),
        ("status=503", 0),
        ("status=504", 1),
        ("status=500,envelope=html", 1),
        ("status=500,paid=yes", 1),
        ("status=429", 0),
        ("body=refusal", 1),
    ],
)
def test_the_emulator_charges_as_google_says(emulator: EmulatorServer, fault: str, paid: int) -> None:
    emulator.settings(sketch=True)
    emulator.fault(fault)

    failure(CASE, emulator.base_url)

    assert emulator.paid_calls().get("g-1.1", 0) == paid


def test_an_edit_goes_on_from_the_newest_picture(emulator: EmulatorServer) -> None:
    emulator.settings(format="jpeg")
    first = generate(CASE, emulator.base_url)
    emulator.fault("picture=reference")

    second = generate(CASE, emulator.base_url, replace(CASE.spec, state=first.state))

    assert isinstance(second.images[0], ImageBytes)
    assert isinstance(first.images[0], ImageBytes)
    assert second.images[0].data == first.images[0].data


def test_a_vertex_gateway_that_fails_is_unknown(emulator: EmulatorServer) -> None:
    emulator.fault("status=502,envelope=html")

    error = failure(VERTEX, emulator.base_url)

    assert (type(error), error.code) == (OutcomeUnknown, Code.ERROR)
