"""Servers of OpenAI's format as the emulator plays them, and as the adapter reads them."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from generation.emulator.openai import QUIRKS
from generation.providers.base import ImageBytes, ImageLink
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError
from tests.emulator_server import EmulatorServer
from tests.generation.providers.cases.openai import CASE
from tests.generation.providers.test_contract import failure, generate, opened, reference

ASKED = {"model": "gpt-image-1", "prompt": "a lake"}


def post(
    emulator: EmulatorServer, path: str, headers: dict[str, str] | None = None, **sent: Any
) -> httpx.Response:
    headers = {"authorization": "Bearer any-key", **(headers or {})}
    return httpx.post(emulator.base_url + path, headers=headers, trust_env=False, **sent)


@pytest.mark.parametrize("quirk", ["no_created", "images", "bare", "images+bare", "no_created+bare"])
@pytest.mark.parametrize("result", ["url", "b64_json"])
def test_every_servers_success_is_read(emulator: EmulatorServer, quirk: str, result: str) -> None:
    emulator.settings(sketch=True)
    emulator.fault(f"quirk={quirk},result={result}")

    answer = generate(CASE, emulator.base_url, replace(CASE.spec, count=2))

    assert [type(image) for image in answer.images] == [ImageLink if result == "url" else ImageBytes] * 2
    assert opened(answer.images[0]).size == (1024, 1024)


@pytest.mark.parametrize("quirk", ["flat", "litellm", "detail", "detail_list", "bare", "text"])
@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ("status=401", NotAccepted, Code.BAD_KEY),
        ("status=404", NotAccepted, Code.MODEL),
        ("status=429", NotAccepted, Code.RATE_LIMITED),
        ("status=500", OutcomeUnknown, Code.ERROR),
    ],
)
def test_every_servers_error_is_read(
    emulator: EmulatorServer, quirk: str, fault: str, kind: type[ProviderError], code: Code
) -> None:
    emulator.fault(f"{fault},quirk={quirk},message=its own words")

    error = failure(CASE, emulator.base_url)

    assert (type(error), error.code) == (kind, code)
    assert error.vendor_text.startswith("its own words")


@pytest.mark.parametrize("envelope", ["html", "empty"])
def test_an_error_without_an_envelope_is_read_by_its_status(emulator: EmulatorServer, envelope: str) -> None:
    emulator.fault(f"status=429,envelope={envelope},retry_after=2")

    error = failure(CASE, emulator.base_url)

    assert isinstance(error, NotAccepted)
    assert (error.code, error.retry_after_seconds) == (Code.RATE_LIMITED, 2.0)


@pytest.mark.parametrize(
    ("options", "ratio", "size"),
    [
        ({"size": "pixels"}, "21:9", (1536, 672)),
        ({"size": "auto"}, "1:1", (1024, 1024)),
        ({"count": "one", "response_format": "url"}, "4:5", (896, 1152)),
        ({"always_brackets": True}, "9:16", (768, 1344)),
    ],
)
@pytest.mark.parametrize("references", [0, 1, 3])
def test_every_dialect_gets_its_picture(
    emulator: EmulatorServer, options: dict[str, Any], ratio: str, size: tuple[int, int], references: int
) -> None:
    emulator.settings(sketch=True)
    spec = replace(CASE.spec, aspect_ratio=ratio, references=(reference("red"),) * references)

    answer = generate(replace(CASE, options=options), emulator.base_url, spec)

    assert opened(answer.images[0]).size == size
    assert emulator.log()[0]["references"] == references


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
def test_the_base_url_may_end_with_v1(emulator: EmulatorServer, suffix: str) -> None:
    emulator.settings(sketch=True)

    assert generate(replace(CASE, mount=f"/openai{suffix}"), emulator.base_url).images


def test_edits_answer_at_the_vendors_own_address(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)

    answer = post(
        emulator,
        "/v1/images/edits",
        data=ASKED,
        files={"image": ("a.png", reference("red").data, "image/png")},
    )

    assert answer.status_code == 200
    assert emulator.log()[0]["vendor"] == "openai"


def test_the_results_of_an_unset_format_are_inside(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)

    said = post(emulator, "/openai/v1/images/generations", json=ASKED).json()

    assert list(said["data"][0]) == ["b64_json"]
    assert set(said) == {"created", "data", "usage", "size", "quality", "background", "output_format"}


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/openai/v1/images/generations", {"content": b"{"}),
        ("/openai/v1/images/generations", {"content": b"[]"}),
        ("/openai/v1/images/edits", {"json": ASKED}),
        ("/openai/v1/images/edits", {"data": ASKED}),
    ],
)
def test_what_cannot_be_parsed_is_400_in_the_envelope(
    emulator: EmulatorServer, path: str, sent: dict[str, Any]
) -> None:
    answer = post(emulator, path, **sent)

    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert emulator.paid_calls() == {}


def test_a_stream_can_break_off(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True)
    emulator.fault("body=truncated")

    answer = post(emulator, "/openai/v1/images/generations", json={**ASKED, "stream": True})

    assert answer.headers["content-type"] == "text/event-stream"
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(answer.text.partition("data: ")[2])


def test_an_unheard_of_quirk_is_told_and_not_ignored(emulator: EmulatorServer) -> None:
    answer = post(emulator, "/openai/v1/images/generations", {"x-emulate": "quirk=storm"}, json=ASKED)

    assert answer.status_code == 400
    assert "no quirk storm" in answer.json()["message"]


def test_every_quirk_has_its_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in QUIRKS.values())


def test_models_need_a_key(emulator: EmulatorServer) -> None:
    answer = httpx.get(f"{emulator.base_url}/openai/v1/models", trust_env=False)

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
