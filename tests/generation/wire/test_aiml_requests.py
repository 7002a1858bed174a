"""Requests of the AIML API, written and read."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import aiml
from generation.wire.errors import InvalidRequest, Unsupported, WireError
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from tests.generation.wire import strategies


@given(st.sampled_from([aiml.TEXT_MODEL, aiml.EDIT_MODEL, "google/other"]).flatmap(strategies.requests))
def test_a_request_reads_back_as_it_was_written(request_sent: ImageRequest) -> None:
    assert aiml.decode_request(aiml.encode_request(request_sent)) == request_sent


def test_the_documented_edit_request_is_written() -> None:
    sent = ImageRequest(
        model=aiml.EDIT_MODEL,
        prompt="Combine the images",
        aspect_ratio="16:9",
        count=2,
        references=(ImageLink("https://img.example.test/a.png"), ImageBytes(b"mug", "image/jpeg")),
    )

    assert json.loads(aiml.encode_request(sent)) == {
        "model": "google/gemini-2.5-flash-image-edit",
        "prompt": "Combine the images",
        "num_images": 2,
        "aspect_ratio": "16:9",
        "image_urls": ["https://img.example.test/a.png", "data:image/jpeg;base64,bXVn"],
    }


@pytest.mark.parametrize("sampling", [{"temperature": 0.4}, {"top_p": 0.9}])
def test_sampling_is_an_error_and_not_dropped(sampling: dict[str, float]) -> None:
    with pytest.raises(Unsupported):
        aiml.encode_request(ImageRequest(model=aiml.TEXT_MODEL, prompt="a lake", **sampling))


def test_references_on_the_text_model_are_an_error_and_not_dropped() -> None:
    with pytest.raises(Unsupported):
        aiml.encode_request(
            ImageRequest(aiml.TEXT_MODEL, "a lake", references=(ImageLink("https://x.example.test/a.png"),))
        )


def body(**fields: Any) -> bytes:
    asked = {"model": aiml.TEXT_MODEL, "prompt": "a lake", **fields}
    return json.dumps({name: value for name, value in asked.items() if value is not ...}).encode()


EDIT = {"model": aiml.EDIT_MODEL}
LINK = "https://img.example.test/a.png"


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"prompt": ...}, "prompt", "Required"),
        ({"prompt": " "}, "prompt", "at least 1"),
        ({"prompt": 7}, "prompt", "Expected string, received number"),
        ({"model": ...}, "model", "Required"),
        ({"num_images": 0}, "num_images", "greater than or equal to 1"),
        ({"num_images": 5}, "num_images", "less than or equal to 4"),
        ({"num_images": 1.5}, "num_images", "Expected integer"),
        ({"num_images": "two"}, "num_images", "received string"),
        ({"num_images": True}, "num_images", "received boolean"),
        ({"aspect_ratio": "7:5"}, "aspect_ratio", "received '7:5'"),
        ({"provider": "other"}, "provider", "Invalid enum value"),
        (EDIT, "image_urls", "Required"),
        ({**EDIT, "image_urls": []}, "image_urls", "at least 1"),
        ({**EDIT, "image_urls": LINK}, "image_urls", "Expected array"),
        ({**EDIT, "image_urls": [LINK] * 4}, "image_urls", "at most 3"),
        ({**EDIT, "image_urls": [LINK, "nothing"]}, "image_urls[1]", "Invalid url"),
        ({**EDIT, "image_urls": [3]}, "image_urls[0]", "Expected string, received number"),
        ({"image_urls": [LINK]}, "image_urls", "Unrecognized key"),
    ],
)
def test_a_request_against_the_schema_names_the_field(fields: dict[str, Any], at: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        aiml.decode_request(body(**fields))

    assert [issue.field for issue in refusal.value.issues] == [at]
    assert said in refusal.value.issues[0].message


def test_fields_of_other_formats_are_ignored() -> None:
    assert aiml.decode_request(body(n=3, size="1024x1024", user="u-1")) == ImageRequest(
        aiml.TEXT_MODEL, "a lake"
    )


def test_a_number_with_a_point_counts_pictures_too() -> None:
    assert aiml.decode_request(b'{"model":"m","prompt":"p","num_images":2.0}').count == 2


def test_the_provider_route_is_read_in_any_case() -> None:
    assert aiml.decode_request(body(provider="Google")).provider_route == "google"


def test_a_long_prompt_arrives_whole() -> None:
    assert aiml.decode_request(body(prompt="a" * 100_000)).prompt == "a" * 100_000


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


FIELDS = ("model", "prompt", "num_images", "aspect_ratio", "image_urls", "provider")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, json_values)))
def test_any_object_is_a_request_or_a_wire_error(fields: dict[str, Any]) -> None:
    try:
        read = aiml.decode_request(json.dumps(fields).encode())
    except WireError:
        return
    assert 1 <= read.count <= aiml.COUNT_MAX


@pytest.mark.parametrize("count", ["1e400000000", "-1e400000000", "9" * 4000, "1e-400000000"])
def test_absurd_numbers_cost_no_time(count: str) -> None:
    with pytest.raises(WireError):
        aiml.decode_request(f'{{"model":"m","prompt":"p","num_images":{count}}}'.encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_wire_error(data: bytes) -> None:
    try:
        read = aiml.decode_request(data)
    except WireError:
        return
    assert read.prompt


def test_base64_is_read_with_and_without_padding_and_in_the_url_alphabet() -> None:
    data = b"\xfb\xff\xfe?"
    for text in (base64.b64encode(data), base64.b64encode(data).rstrip(b"="), base64.urlsafe_b64encode(data)):
        read = aiml.decode_request(body(**EDIT, image_urls=["data:image/png;base64," + text.decode()]))
        assert read.references == (ImageBytes(data, "image/png"),)
