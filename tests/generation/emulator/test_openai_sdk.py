"""The vendor's own client library against the emulator, over a real socket: what nobody here wrote."""

import base64
import io
from collections.abc import Iterator
from typing import Any

import httpx
import openai
import pytest
from openai.types import Image as Datum
from PIL import Image

from generation.emulator.openai import MODELS
from tests.emulator_server import EmulatorServer

ASKED: dict[str, Any] = {"model": "gpt-image-1", "prompt": "a lake"}


@pytest.fixture
def client(emulator: EmulatorServer) -> Iterator[openai.OpenAI]:
    emulator.settings(sketch=True)
    with (
        httpx.Client(trust_env=False) as transport,
        openai.OpenAI(
            base_url=f"{emulator.base_url}/openai/v1", api_key="any-key", max_retries=0, http_client=transport
        ) as opened,
    ):
        yield opened


def shown(datum: Datum) -> Image.Image:
    assert datum.b64_json is not None
    return Image.open(io.BytesIO(base64.b64decode(datum.b64_json)))


def file(colour: str = "red") -> tuple[str, bytes, str]:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(data, "png")
    return (f"{colour}.png", data.getvalue(), "image/png")


def asked(emulator: EmulatorServer) -> dict[str, Any]:
    """The newest call that asked for a picture."""
    return [call for call in emulator.log() if call["prompt"]][-1]


def test_a_prompt_becomes_a_picture(client: openai.OpenAI) -> None:
    answer = client.images.generate(**ASKED)

    assert answer.data is not None
    assert shown(answer.data[0]).size == (1024, 1024)
    assert answer.created > 1_700_000_000
    assert (answer.output_format, answer.size) == ("png", "1024x1024")
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens
    assert answer._request_id.startswith("req_")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("size", "pixels"),
    [
        ("1536x1024", (1248, 832)),
        ("1024x1792", (768, 1344)),
        ("auto", (1024, 1024)),
        ("2100x900", (1536, 672)),
    ],
)
def test_a_size_becomes_the_nearest_shape(client: openai.OpenAI, size: Any, pixels: tuple[int, int]) -> None:
    answer = client.images.generate(**ASKED, size=size)

    assert answer.data is not None
    assert shown(answer.data[0]).size == pixels


def test_a_ratio_travels_as_an_extra_field(client: openai.OpenAI) -> None:
    answer = client.images.generate(**ASKED, extra_body={"aspect_ratio": "16:9", "unheard_of": [1]})

    assert answer.data is not None
    assert shown(answer.data[0]).size == (1344, 768)


def test_as_many_pictures_as_asked(client: openai.OpenAI) -> None:
    answer = client.images.generate(**ASKED, n=3)

    assert answer.data is not None
    assert len({datum.b64_json for datum in answer.data}) == 3


def test_an_address_for_those_who_ask_for_one(client: openai.OpenAI) -> None:
    answer = client.images.generate(**ASKED, response_format="url")

    assert answer.data is not None
    assert answer.data[0].url is not None
    assert httpx.get(answer.data[0].url, trust_env=False).headers["content-type"] == "image/png"


def test_every_documented_field_is_taken(client: openai.OpenAI) -> None:
    answer = client.images.generate(
        **ASKED,
        quality="low",
        background="transparent",
        moderation="low",
        output_format="webp",
        output_compression=60,
        style="vivid",
        user="u-1",
    )

    assert answer.data is not None
    assert shown(answer.data[0]).format == "WEBP"
    assert (answer.quality, answer.output_format) == ("low", "webp")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_an_edit_sends_files(client: openai.OpenAI, emulator: EmulatorServer, count: int) -> None:
    files = [file(colour) for colour in ("red", "green", "blue")[:count]]

    answer = client.images.edit(**ASKED, image=files[0] if count == 1 else files, n=2, size="1536x1024")

    assert answer.data is not None
    assert [shown(datum).size for datum in answer.data] == [(1248, 832)] * 2
    assert (asked(emulator)["references"], asked(emulator)["prompt"]) == (count, "a lake")


def test_a_file_object_without_a_name_is_taken(client: openai.OpenAI, emulator: EmulatorServer) -> None:
    client.images.edit(**ASKED, image=io.BytesIO(file()[1]))

    assert asked(emulator)["references"] == 1


def test_a_mask_and_extra_parts_do_no_harm(client: openai.OpenAI, emulator: EmulatorServer) -> None:
    answer = client.images.edit(
        **ASKED,
        image=file(),
        mask=file("white"),
        input_fidelity="high",
        extra_body={"aspect_ratio": "9:16", "unheard_of": "x"},
    )

    assert answer.data is not None
    assert shown(answer.data[0]).size == (768, 1344)
    assert asked(emulator)["references"] == 1


def test_a_stream_of_a_generation(client: openai.OpenAI) -> None:
    with client.images.generate(**ASKED, stream=True, partial_images=2) as stream:
        events = list(stream)

    assert [event.type for event in events] == [
        "image_generation.partial_image",
        "image_generation.partial_image",
        "image_generation.completed",
    ]
    assert [event.partial_image_index for event in events[:2]] == [0, 1]  # type: ignore[union-attr]
    last = events[-1]
    assert last.type == "image_generation.completed"
    assert last.usage.output_tokens == 1290
    assert Image.open(io.BytesIO(base64.b64decode(last.b64_json))).size == (1024, 1024)


def test_a_stream_of_an_edit(client: openai.OpenAI) -> None:
    with client.images.edit(**ASKED, image=[file(), file("blue")], stream=True, partial_images=1) as stream:
        assert [event.type for event in stream] == ["image_edit.partial_image", "image_edit.completed"]


def test_a_stream_can_end_in_an_error(client: openai.OpenAI, emulator: EmulatorServer) -> None:
    emulator.fault("quirk=stream_error")

    with (
        client.images.generate(**ASKED, stream=True, partial_images=1) as stream,
        pytest.raises(openai.APIError, match="had an error"),
    ):
        list(stream)


def test_an_error_before_a_stream_has_its_status(client: openai.OpenAI, emulator: EmulatorServer) -> None:
    emulator.fault("status=400,code=moderation_blocked")

    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(**ASKED, stream=True)
    assert refusal.value.code == "moderation_blocked"


@pytest.mark.parametrize(
    ("fault", "kind", "code", "type_"),
    [
        ("status=400", openai.BadRequestError, None, "invalid_request_error"),
        (
            "status=400,code=moderation_blocked",
            openai.BadRequestError,
            "moderation_blocked",
            "image_generation_user_error",
        ),
        ("status=401", openai.AuthenticationError, "invalid_api_key", "invalid_request_error"),
        ("status=403", openai.PermissionDeniedError, None, "invalid_request_error"),
        ("status=404", openai.NotFoundError, "model_not_found", "invalid_request_error"),
        ("status=409", openai.ConflictError, None, "invalid_request_error"),
        ("status=422", openai.UnprocessableEntityError, None, "invalid_request_error"),
        ("status=429", openai.RateLimitError, "rate_limit_exceeded", "requests"),
        (
            "status=429,code=insufficient_quota",
            openai.RateLimitError,
            "insufficient_quota",
            "insufficient_quota",
        ),
        ("status=500", openai.InternalServerError, None, "server_error"),
        ("status=503", openai.InternalServerError, None, "server_error"),
    ],
)
def test_each_error_has_its_class(
    client: openai.OpenAI,
    emulator: EmulatorServer,
    fault: str,
    kind: type[openai.APIStatusError],
    code: str | None,
    type_: str,
) -> None:
    emulator.fault(fault)

    with pytest.raises(kind) as failure:
        client.images.generate(**ASKED)

    assert (failure.value.code, failure.value.type) == (code, type_)
    assert failure.value.request_id is not None
    assert failure.value.request_id.startswith("req_")


def test_a_refusal_says_where_and_for_what(client: openai.OpenAI, emulator: EmulatorServer) -> None:
    emulator.fault("status=400,code=moderation_blocked")

    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(**ASKED)
    assert isinstance(refusal.value.body, dict)
    details = {"moderation_stage": "input", "categories": ["violence"]}
    assert refusal.value.body["moderation_details"] == details


@pytest.mark.parametrize(
    ("said", "param", "code"),
    [
        ({"prompt": " "}, "prompt", "missing_required_parameter"),
        ({"n": 11}, "n", "invalid_value"),
        ({"size": "large"}, "size", "invalid_value"),
        ({"partial_images": 4}, "partial_images", "invalid_value"),
    ],
)
def test_a_wrong_field_is_named(client: openai.OpenAI, said: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(**{**ASKED, **said})
    assert (refusal.value.param, refusal.value.code) == (param, code)


def test_a_wrong_key_and_an_unknown_model_have_their_class(
    client: openai.OpenAI, emulator: EmulatorServer
) -> None:
    with pytest.raises(openai.NotFoundError):
        client.images.generate(model="unheard-of", prompt="a lake")
    emulator.settings(key="the-right-one")
    with pytest.raises(openai.AuthenticationError):
        client.images.generate(**ASKED)


@pytest.mark.parametrize(
    ("fault", "calls"),
    [
        # A repeat would pay again, so the answer says not to.
        ("status=500", 1),
        ("status=503", 1),
        ("status=409", 1),
        ("status=408", 1),
        # What the vendor's own server does not say.
        ("status=500,quirk=retried", 3),
        # Nothing was made: the client may come again.
        ("status=429,retry_after=0", 3),
        ("status=400", 1),
    ],
)
def test_the_client_repeats_only_what_cannot_be_paid_twice(
    client: openai.OpenAI, emulator: EmulatorServer, fault: str, calls: int
) -> None:
    emulator.fault(fault, times=None)

    with pytest.raises(openai.APIStatusError):
        client.with_options(max_retries=2).images.generate(**ASKED)

    assert len(emulator.log()) == calls


def test_the_client_waits_the_milliseconds_that_it_is_told(
    client: openai.OpenAI, emulator: EmulatorServer
) -> None:
    emulator.fault("status=429,retry_after=0.05,quirk=retry_ms")

    answer = client.with_options(max_retries=1).images.generate(**ASKED)

    assert answer.data is not None
    assert [call["status"] for call in emulator.log()] == [429, 200]


def test_models_are_listed_and_named(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == list(MODELS)
    assert client.models.retrieve(MODELS[0]).object == "model"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("unheard-of")
