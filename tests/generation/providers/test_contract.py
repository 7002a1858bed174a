"""What holds for every adapter, over real sockets against the emulator."""

import asyncio
import io
import socket
from dataclasses import replace

import httpx
import pytest
from PIL import Image

from generation.emulator.aiml import SIZES
from generation.providers.aiml import AimlProvider
from generation.providers.base import Answer, ImageBytes, ImageLink, Spec
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.http import new_client
from generation.wire import aiml
from tests.emulator_server import EmulatorServer

SPEC = Spec(
    model=aiml.TEXT_MODEL,
    edit_model=aiml.EDIT_MODEL,
    prompt="a lake at dusk",
    aspect_ratio="1:1",
    request_id="g-1.1",
    deadline_seconds=20.0,
)


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def generate(base_url: str, spec: Spec = SPEC, key: str = "any-key") -> Answer:
    async def run() -> Answer:
        async with new_client() as client:
            return await AimlProvider(client, base_url=base_url, api_key=key).generate(spec, accepted=nobody)

    return asyncio.run(run())


def failure(base_url: str, spec: Spec = SPEC, key: str = "any-key") -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(base_url, spec, key)
    return raised.value


def opened(image: ImageLink | ImageBytes) -> Image.Image:
    """The picture itself, fetched as a stranger would: without a key."""
    data = image.data if isinstance(image, ImageBytes) else httpx.get(image.url, trust_env=False).content
    return Image.open(io.BytesIO(data))


def reference(colour: str, kind: str = "png") -> ImageBytes:
    file = io.BytesIO()
    Image.new("RGB", (96, 64), colour).save(file, kind)
    return ImageBytes(file.getvalue(), f"image/{kind}")


@pytest.mark.parametrize("ratio", SIZES)
def test_each_ratio_has_its_size(emulator: EmulatorServer, ratio: str) -> None:
    answer = generate(emulator.base_url, replace(SPEC, aspect_ratio=ratio))

    assert opened(answer.images[0]).size == SIZES[ratio]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_as_many_pictures_as_asked_each_another(emulator: EmulatorServer, count: int) -> None:
    emulator.settings(sketch=True)

    answer = generate(emulator.base_url, replace(SPEC, count=count))

    assert len({opened(image).tobytes() for image in answer.images}) == count
    assert answer.cost.credits == count * aiml.CREDITS_PER_IMAGE


@pytest.mark.parametrize("result", ["url", "b64_json"])
@pytest.mark.parametrize("shape", [1, 2, 3])
@pytest.mark.parametrize("status", [200, 201])
def test_every_success_is_read(emulator: EmulatorServer, result: str, shape: int, status: int) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"shape={shape},result={result},status={status}")

    answer = generate(emulator.base_url)

    assert isinstance(answer.images[0], ImageLink if result == "url" else ImageBytes)
    assert opened(answer.images[0]).size == SIZES["1:1"]
    assert answer.vendor_id
    assert answer.cost.credits == aiml.CREDITS_PER_IMAGE


@pytest.mark.parametrize("cost", ["headers", "body", "body,usage=tokens_used"])
def test_the_cost_is_found_where_it_stands(emulator: EmulatorServer, cost: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"cost={cost}")

    assert generate(emulator.base_url).cost.credits == aiml.CREDITS_PER_IMAGE


@pytest.mark.parametrize("count", [1, 2, 3])
def test_references_inside_the_request(emulator: EmulatorServer, count: int) -> None:
    references = tuple(reference(colour) for colour in ("red", "green", "blue")[:count])

    generate(emulator.base_url, replace(SPEC, references=references))

    assert (emulator.log()[0]["model"], emulator.log()[0]["references"]) == (aiml.EDIT_MODEL, count)


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_references_of_each_type(emulator: EmulatorServer, kind: str) -> None:
    assert generate(emulator.base_url, replace(SPEC, references=(reference("red", kind),))).images


def test_a_result_can_be_a_reference_by_its_address(emulator: EmulatorServer) -> None:
    first = generate(emulator.base_url)
    assert isinstance(first.images[0], ImageLink)

    second = generate(emulator.base_url, replace(SPEC, references=(ImageLink(first.images[0].url),)))

    assert opened(second.images[0]).size == SIZES["1:1"]


def test_result_hosts_never_see_the_key(emulator: EmulatorServer) -> None:
    opened(generate(emulator.base_url).images[0])

    seen = {call["path"].split("/")[1]: call["key_sent"] for call in emulator.log()}
    assert seen == {"v1": True, "results": False}


def test_the_request_id_reaches_the_provider(emulator: EmulatorServer) -> None:
    generate(emulator.base_url)

    assert emulator.paid_calls() == {"g-1.1": 1}


ERRORS = [
    ("status=400", Refused, Code.INVALID),
    ("status=400,message=Blocked by the safety filter", Refused, Code.CONTENT),
    ("status=401", NotAccepted, Code.BAD_KEY),
    ("status=403", NotAccepted, Code.NO_MONEY),
    ("status=403,message=Account verification needed", NotAccepted, Code.BAD_KEY),
    ("status=404", NotAccepted, Code.MODEL),
    ("status=429", NotAccepted, Code.RATE_LIMITED),
    ("status=500", OutcomeUnknown, Code.ERROR),
    ("status=502", OutcomeUnknown, Code.ERROR),
    ("status=503", OutcomeUnknown, Code.BUSY),
    ("status=504", OutcomeUnknown, Code.TIMEOUT),
]


@pytest.mark.parametrize("envelope", ["string", "number", "title", "nested", "html", "empty"])
@pytest.mark.parametrize(("fault", "kind", "code"), ERRORS)
def test_each_error_has_its_kind(
    emulator: EmulatorServer, fault: str, kind: type[ProviderError], code: Code, envelope: str
) -> None:
    if envelope == "empty" and "message" in fault:
        code = {"status=400": Code.INVALID, "status=403": Code.NO_MONEY}[fault.split(",")[0]]
    emulator.fault(f"{fault},envelope={envelope}")

    error = failure(emulator.base_url)

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("connection=reset", OutcomeUnknown, Code.ERROR),
        ("connection=reset_body", OutcomeUnknown, Code.ERROR),
        ("body=html", OutcomeUnknown, Code.UNREADABLE),
        ("body=truncated", OutcomeUnknown, Code.UNREADABLE),
        ("body=unknown", OutcomeUnknown, Code.UNREADABLE),
        ("body=huge", OutcomeUnknown, Code.UNREADABLE),
        ("body=empty", Refused, Code.NO_IMAGE),
        ("body=null", Refused, Code.NO_IMAGE),
        ("body=refusal,shape=1", Refused, Code.CONTENT),
        ("body=refusal,shape=3", Refused, Code.CONTENT),
    ],
)
def test_each_broken_success_has_its_kind(
    emulator: EmulatorServer, fault: str, kind: type[ProviderError], code: Code
) -> None:
    emulator.settings(sketch=True)
    emulator.fault(fault)

    error = failure(emulator.base_url)

    assert (type(error), error.code) == (kind, code)


@pytest.mark.parametrize("fault", ["connection=hang", "latency=30", "connection=drip,shape=1"])
def test_the_deadline_ends_every_wait(emulator: EmulatorServer, fault: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(fault)

    error = failure(emulator.base_url, replace(SPEC, deadline_seconds=0.5))

    assert (type(error), error.code) == (OutcomeUnknown, Code.TIMEOUT)
    assert "0.5 s" in error.detail


@pytest.mark.parametrize("connection", ["reset_body", "drip"])
def test_a_status_counts_even_if_its_body_never_ends(emulator: EmulatorServer, connection: str) -> None:
    emulator.fault(f"status=429,retry_after=3,connection={connection}")

    error = failure(emulator.base_url)

    assert isinstance(error, NotAccepted)
    assert (error.code, error.retry_after_seconds) == (Code.RATE_LIMITED, 3.0)


def test_a_closed_port_is_not_accepted() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        error = failure(f"http://127.0.0.1:{closed.getsockname()[1]}")

    assert (type(error), error.code) == (NotAccepted, Code.UNREACHABLE)


@pytest.mark.parametrize(("hint", "seconds"), [("3", 3.0), ("-1", 0.0), ("9999", 300.0), ("later", None)])
def test_a_wait_hint_is_handed_on(emulator: EmulatorServer, hint: str, seconds: float | None) -> None:
    emulator.fault(f"status=429,retry_after={hint}")

    error = failure(emulator.base_url)

    assert isinstance(error, NotAccepted)
    assert error.retry_after_seconds == seconds


def test_a_wrong_key_is_final_for_this_provider(emulator: EmulatorServer) -> None:
    emulator.settings(key="the-right-one")

    error = failure(emulator.base_url, key="the-wrong-one")

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider) == (Code.BAD_KEY, True)
    assert "the-wrong-one" not in f"{error!r} {error.vendor_text}"


def test_an_unknown_model_is_final_for_this_provider(emulator: EmulatorServer) -> None:
    error = failure(emulator.base_url, replace(SPEC, model="google/unheard-of"))

    assert isinstance(error, NotAccepted)
    assert (error.code, error.final_for_provider) == (Code.MODEL, True)


def test_a_reference_that_is_no_picture_is_refused(emulator: EmulatorServer) -> None:
    error = failure(emulator.base_url, replace(SPEC, references=(ImageBytes(b"not a picture", "image/png"),)))

    assert (type(error), error.code) == (Refused, Code.INVALID)


@pytest.mark.parametrize("returned", [1, 3, 6])
def test_another_number_than_asked_is_handed_on(emulator: EmulatorServer, returned: int) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"count={returned}")

    assert len(generate(emulator.base_url, replace(SPEC, count=4)).images) == returned


def test_a_call_is_sent_once_whatever_happens(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)
    for fault in ("status=500", "connection=reset", "connection=reset_body", "status=429", "body=html"):
        emulator.fault(fault)
        failure(emulator.base_url)

    assert len(emulator.log()) == 5


def test_many_calls_share_one_loop(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, latency=0.3)

    async def run() -> list[Answer]:
        async with new_client() as client:
            provider = AimlProvider(client, base_url=emulator.base_url, api_key="k")
            return await asyncio.gather(*(provider.generate(SPEC, accepted=nobody) for _ in range(40)))

    assert len(asyncio.run(run())) == 40
