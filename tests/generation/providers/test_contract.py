"""What holds for every adapter, over real sockets against the emulator; the run ends with a table of it."""

import asyncio
import importlib
import io
import pkgutil
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from PIL import Image

from generation.emulator.context import SIZES
from generation.providers.base import Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError
from generation.providers.http import new_client
from tests.emulator_server import EmulatorServer
from tests.generation.providers import cases
from tests.generation.providers.cases import Case, Ending

CASES = [
    importlib.import_module(f"{cases.__name__}.{module.name}").CASE
    for module in pkgutil.iter_modules(cases.__path__)
]
Shows = Callable[[str, str], None]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def each(what: Callable[[Case], Any]) -> pytest.MarkDecorator:
    """Every case with each of the things it lists."""
    pairs = [(case, item) for case in CASES for item in what(case)]
    names = [f"{case.name}-{item.fault if isinstance(item, Ending) else item}" for case, item in pairs]
    return pytest.mark.parametrize(("case", "item"), pairs, ids=names)


@pytest.fixture
def shows(record_property: Callable[[str, object], None]) -> Shows:
    """Note which cell of the conformance table this test fills."""
    return lambda provider, column: record_property("conformance", f"{provider}|{column}")


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def generate(case: Case, base_url: str, spec: Spec | None = None, key: str = "any-key") -> Answer:
    async def run() -> Answer:
        async with new_client() as client:
            adapter = case.adapter(
                client, Connection(case.name, base_url + case.mount, key, dict(case.options))
            )
            answer: Answer = await adapter.generate(spec or case.spec, accepted=nobody)
            return answer

    return asyncio.run(run())


def failure(case: Case, base_url: str, spec: Spec | None = None, key: str = "any-key") -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(case, base_url, spec, key)
    return raised.value


def opened(image: ImageLink | ImageBytes) -> Image.Image:
    """The picture itself, fetched as a stranger would: without a key."""
    data = image.data if isinstance(image, ImageBytes) else httpx.get(image.url, trust_env=False).content
    return Image.open(io.BytesIO(data))


def reference(colour: str, kind: str = "png") -> ImageBytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(file, kind)
    return ImageBytes(file.getvalue(), f"image/{kind}")


def paid_call(emulator: EmulatorServer) -> dict[str, Any]:
    """The newest call that asked for a picture."""
    return [call for call in emulator.log() if call["prompt"]][-1]


@every_case
def test_a_prompt_becomes_a_picture(emulator: EmulatorServer, case: Case, shows: Shows) -> None:
    shows(case.name, "text")

    answer = generate(case, emulator.base_url)

    assert opened(answer.images[0]).size == SIZES["1:1"]


@each(lambda case: case.ratios)
def test_each_ratio_has_its_size(emulator: EmulatorServer, case: Case, item: str, shows: Shows) -> None:
    shows(case.name, "ratios")
    emulator.settings(sketch=True)

    answer = generate(case, emulator.base_url, replace(case.spec, aspect_ratio=item))

    assert opened(answer.images[0]).size == SIZES[item]
    assert paid_call(emulator)["aspect_ratio"] in (item, "" if item == "1:1" else item)


@each(lambda case: range(1, case.adapter.abilities.count_max + 1))
def test_as_many_pictures_as_asked(emulator: EmulatorServer, case: Case, item: int, shows: Shows) -> None:
    shows(case.name, "count")
    emulator.settings(sketch=True)

    answer = generate(case, emulator.base_url, replace(case.spec, count=item))

    assert len({opened(image).tobytes() for image in answer.images}) == item


@each(lambda case: range(1, min(3, case.adapter.abilities.references_max) + 1))
def test_references(emulator: EmulatorServer, case: Case, item: int, shows: Shows) -> None:
    shows(case.name, "references")
    emulator.settings(sketch=True)
    given = tuple(reference(colour) for colour in ("red", "green", "blue")[:item])

    answer = generate(case, emulator.base_url, replace(case.spec, references=given))

    assert opened(answer.images[0]).size
    assert paid_call(emulator)["references"] == item


@each(lambda case: sorted(case.adapter.abilities.reference_types))
def test_references_of_each_type(emulator: EmulatorServer, case: Case, item: str, shows: Shows) -> None:
    shows(case.name, "references")
    emulator.settings(sketch=True)
    given = (reference("red", item.removeprefix("image/")),)

    assert generate(case, emulator.base_url, replace(case.spec, references=given)).images


@every_case
def test_a_second_turn(emulator: EmulatorServer, case: Case, shows: Shows) -> None:
    """By the vendor's own state where it has one, else from the picture."""
    shows(case.name, "multi-turn")
    emulator.settings(sketch=True)
    first = generate(case, emulator.base_url)
    change = replace(case.spec, prompt="make it night", request_id="g-1.2")
    if case.adapter.abilities.multi_turn:
        assert first.state
        second = generate(case, emulator.base_url, replace(change, state=first.state))
        third = generate(case, emulator.base_url, replace(change, prompt="and rain", state=second.state))
        assert [call["turns"] for call in emulator.log() if call["prompt"]] == [0, 1, 2]
        assert paid_call(emulator)["prompt"] == "and rain"
        assert opened(third.images[0]).size
    else:
        assert first.state is None
        image = first.images[0]
        data = image.data if isinstance(image, ImageBytes) else httpx.get(image.url, trust_env=False).content
        second = generate(
            case, emulator.base_url, replace(change, references=(ImageBytes(data, "image/png"),))
        )
        assert paid_call(emulator)["references"] == 1
        assert opened(second.images[0]).size


@each(lambda case: case.results)
def test_results_by_address_and_inside(emulator: EmulatorServer, case: Case, item: str, shows: Shows) -> None:
    shows(case.name, item)
    emulator.settings(sketch=True)
    emulator.fault(case.results[item])

    image = generate(case, emulator.base_url).images[0]

    assert isinstance(image, ImageLink if item == "url" else ImageBytes)
    assert opened(image).size == SIZES["1:1"]


@each(lambda case: case.endings)
def test_each_error_has_its_kind(emulator: EmulatorServer, case: Case, item: Ending, shows: Shows) -> None:
    shows(case.name, "errors")
    emulator.settings(sketch=True)
    emulator.fault(item.fault)

    error = failure(case, emulator.base_url)

    assert (type(error), error.code) == (item.kind, item.code)
    if isinstance(error, NotAccepted):
        assert (error.final_for_provider, error.retry_after_seconds) == (item.final, item.hint)


@each(lambda case: case.broken)
def test_each_broken_success_has_its_kind(
    emulator: EmulatorServer, case: Case, item: Ending, shows: Shows
) -> None:
    shows(case.name, "errors")
    emulator.settings(sketch=True)
    emulator.fault(item.fault)

    error = failure(case, emulator.base_url)

    assert (type(error), error.code) == (item.kind, item.code)


@each(lambda case: ["connection=reset", "connection=reset_body", "connection=drip"])
def test_an_answer_that_breaks_off_is_never_sent_again(
    emulator: EmulatorServer, case: Case, item: str, shows: Shows
) -> None:
    shows(case.name, "errors")
    emulator.settings(sketch=True)
    emulator.fault(item)

    error = failure(case, emulator.base_url, replace(case.spec, deadline_seconds=2.0 + case.pace_seconds))

    assert isinstance(error, OutcomeUnknown)
    assert sum(emulator.paid_calls().values()) == 1


@each(lambda case: ["connection=hang", "latency=30"])
def test_the_deadline_ends_every_wait(emulator: EmulatorServer, case: Case, item: str, shows: Shows) -> None:
    shows(case.name, "errors")
    emulator.settings(sketch=True)
    emulator.fault(item)

    error = failure(case, emulator.base_url, replace(case.spec, deadline_seconds=0.5))

    assert (type(error), error.code) == (OutcomeUnknown, Code.TIMEOUT)
    assert "0.5 s" in error.detail


@each(lambda case: ["reset_body", "drip"])
def test_a_status_counts_even_if_its_body_never_ends(emulator: EmulatorServer, case: Case, item: str) -> None:
    emulator.fault(f"status=429,connection={item}")

    error = failure(case, emulator.base_url)

    assert (type(error), error.code) == (NotAccepted, Code.RATE_LIMITED)


@every_case
def test_a_closed_port_is_not_accepted(case: Case, shows: Shows) -> None:
    shows(case.name, "errors")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        error = failure(case, f"http://127.0.0.1:{closed.getsockname()[1]}")

    assert (type(error), error.code) == (NotAccepted, Code.UNREACHABLE)


@every_case
def test_a_wrong_key_is_final_for_this_provider(emulator: EmulatorServer, case: Case, shows: Shows) -> None:
    shows(case.name, "errors")
    emulator.settings(key="the-right-one")

    error = failure(case, emulator.base_url, key="the-wrong-one")

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider) == (Code.BAD_KEY, True)
    assert "the-wrong-one" not in f"{error!r} {error.detail} {error.vendor_text}"


@every_case
def test_an_unknown_model_is_final_for_this_provider(
    emulator: EmulatorServer, case: Case, shows: Shows
) -> None:
    shows(case.name, "errors")

    error = failure(case, emulator.base_url, replace(case.spec, model="unheard-of", edit_model="unheard-of"))

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider) == (Code.MODEL, True)


@every_case
def test_a_reference_that_is_no_picture_is_refused(emulator: EmulatorServer, case: Case) -> None:
    given = (ImageBytes(b"not a picture", "image/png"),)

    error = failure(case, emulator.base_url, replace(case.spec, references=given))

    assert error.code == Code.INVALID


@every_case
def test_result_hosts_never_see_the_key(emulator: EmulatorServer, case: Case) -> None:
    opened(generate(case, emulator.base_url).images[0])

    seen = [call["key_sent"] for call in emulator.log() if call["path"].startswith("/results/")]
    assert not any(seen)


@every_case
def test_the_request_id_reaches_the_provider(emulator: EmulatorServer, case: Case) -> None:
    generate(case, emulator.base_url)

    assert emulator.paid_calls() == {"g-1.1": 1}


@every_case
def test_a_call_is_sent_once_whatever_happens(emulator: EmulatorServer, case: Case) -> None:
    emulator.settings(sketch=True)
    for fault in ("status=500", "connection=reset", "connection=reset_body", "status=429", "body=html"):
        emulator.fault(fault)
        failure(case, emulator.base_url, replace(case.spec, deadline_seconds=2.0 + case.pace_seconds))

    assert len([call for call in emulator.log() if call["prompt"]]) == 5


@every_case
def test_a_vendors_limit_is_not_accepted(emulator: EmulatorServer, case: Case) -> None:
    emulator.settings(sketch=True, per_minute=1)
    generate(case, emulator.base_url)

    error = failure(case, emulator.base_url)

    assert (type(error), error.code) == (NotAccepted, Code.RATE_LIMITED)


@every_case
def test_many_calls_share_one_loop(emulator: EmulatorServer, case: Case) -> None:
    emulator.settings(sketch=True, latency=0.3)

    async def run() -> list[Answer]:
        async with new_client() as client:
            connection = Connection(case.name, emulator.base_url + case.mount, "k", dict(case.options))
            adapter = case.adapter(client, connection)
            return await asyncio.gather(*(adapter.generate(case.spec, accepted=nobody) for _ in range(40)))

    assert len(asyncio.run(run())) == 40
