"""Requests of Google's format, written and read in either spelling."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import google
from generation.wire.errors import InvalidRequest, WireError
from generation.wire.google import Address
from generation.wire.google_models import MODELS, RATIOS
from generation.wire.google_parts import decode_history, joined, snake
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from tests.generation.wire import strategies_google as strategies
from tests.generation.wire.fuzzing import EXAMPLES

MODEL = "gemini-2.5-flash-image"
LINK = "https://img.example.test/b.jpg"


@settings(max_examples=EXAMPLES)
@given(strategies.requests)
def test_a_request_reads_back_as_it_was_written(sent: ImageRequest) -> None:
    assert google.decode_request(google.encode_request(sent), model=sent.model) == sent


@settings(max_examples=EXAMPLES)
@given(strategies.addresses)
def test_an_address_reads_back_as_it_was_written(address: Address) -> None:
    assert google.decode_address(google.encode_address(address)) == address


def test_the_documented_request_is_written() -> None:
    sent = ImageRequest(
        model=MODEL,
        prompt="put the mug on the shelf",
        aspect_ratio="16:9",
        references=(ImageBytes(b"mug", "image/png"), ImageLink(LINK, "image/jpeg")),
        temperature=1.0,
        top_p=0.5,
        image_size="2K",
    )

    assert json.loads(google.encode_request(sent)) == {
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "put the mug on the shelf"},
                    {"inlineData": {"mimeType": "image/png", "data": "bXVn"}},
                    {"fileData": {"mimeType": "image/jpeg", "fileUri": LINK}},
                ],
            }
        ],
        "generationConfig": {
            "responseModalities": ["TEXT", "IMAGE"],
            "imageConfig": {"aspectRatio": "16:9", "imageSize": "2K"},
            "temperature": 1.0,
            "topP": 0.5,
        },
    }


def body(**fields: Any) -> bytes:
    return json.dumps({"contents": [{"parts": [{"text": "a lake"}]}], **fields}).encode()


def read(**fields: Any) -> ImageRequest:
    return google.decode_request(body(**fields), model=MODEL)


PART = {"inline_data": {"mimeType": "image/png", "data": "YWJj"}}
OTHER = {"fileData": {"mime_type": "image/jpeg", "file_uri": LINK}}


def test_either_spelling_is_read_and_a_mix_of_both() -> None:
    request = read(
        contents={"role": "user", "parts": [{"text": "a"}, PART, OTHER, {"text": "b"}]},
        generation_config={"image_config": {"aspectRatio": "9:16", "image_size": "1K"}, "top_p": 1},
    )

    assert request == ImageRequest(
        MODEL,
        "a\nb",
        "9:16",
        references=(ImageBytes(b"abc", "image/png"), ImageLink(LINK, "image/jpeg")),
        top_p=1.0,
        image_size="1K",
    )


def test_a_picture_alone_is_a_request() -> None:
    assert read(contents=[{"parts": [PART]}]).references == (ImageBytes(b"abc", "image/png"),)


@pytest.mark.parametrize(
    ("config", "modalities"),
    [
        ({}, {"TEXT", "IMAGE"}),
        ({"responseModalities": ["IMAGE"]}, {"IMAGE"}),
        ({"response_modalities": ["Text", "Image"]}, {"TEXT", "IMAGE"}),
        ({"responseModalities": ["TEXT"]}, {"TEXT"}),
        ({"responseModalities": ["AUDIO"]}, {"TEXT", "IMAGE"}),
        ({"responseModalities": 7}, {"TEXT", "IMAGE"}),
    ],
)
def test_modalities_are_read_in_any_case(config: dict[str, Any], modalities: set[str]) -> None:
    assert google.decode_modalities(body(generationConfig=config)) == modalities


MODEL_TURN = {
    "role": "model",
    "parts": [{**PART, "thoughtSignature": "c2ln", "newField": {"x": [1.5, None]}}],
}


def test_earlier_turns_are_kept_whole() -> None:
    earlier = [{"role": "user", "parts": [{"text": "a lake"}]}, MODEL_TURN]

    request = read(contents=[*earlier, {"role": "user", "parts": [{"text": "make it night"}]}])

    assert request.prompt == "make it night"
    assert request.state is not None
    assert decode_history(request.state) == earlier


def test_a_next_turn_is_put_behind_the_conversation_byte_for_byte() -> None:
    state = b' [ {"role":"user","parts":[]} , {"role":"model","parts":[{"thoughtSignature":"s"}]} ] '

    contents = google.encode_contents(ImageRequest(MODEL, "and rain", state=state))

    assert contents.startswith(state.rstrip()[:-1])
    assert json.loads(contents)[2] == {"role": "user", "parts": [{"text": "and rain"}]}


@pytest.mark.parametrize("state", [b"", b"{", b"{}", b"[1]", b"\xff", b"[NaN]", b"[" * 100_000, b"null"])
def test_a_state_that_is_no_conversation_is_a_wire_error(state: bytes) -> None:
    with pytest.raises(WireError):
        google.encode_request(ImageRequest(MODEL, "a lake", state=state))


def test_an_empty_conversation_is_none() -> None:
    assert joined(b"[]", b'[{"role":"user"}]') == b'[{"role":"user"}]'


@pytest.mark.parametrize(
    ("fields", "at", "said"),
    [
        ({"contents": []}, "contents", "contents is not specified"),
        ({"contents": None}, "contents", "contents is not specified"),
        ({"contents": "a lake"}, "contents", "contents is not specified"),
        ({"contents": ["a lake"]}, "contents", "expected an object"),
        ({"contents": [{"parts": []}]}, "contents[0].parts", "required oneof field 'data'"),
        ({"contents": [{"parts": [{"text": " "}]}]}, "contents[0].parts", "required oneof field"),
        (
            {"contents": [{"parts": [{"text": "a"}, {"inlineData": {"data": "?"}}]}]},
            "contents[0].parts[1].data",
            "not base64",
        ),
        (
            {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/mp3", "data": "AAAA"}}]}]},
            "contents[0].parts[0].data",
            "Unsupported MIME type: audio/mp3",
        ),
        (
            {"contents": [{"parts": [{"fileData": {"fileUri": "ftp://x/a"}}]}]},
            "contents[0].parts[0].data",
            "no address",
        ),
        ({"contents": [MODEL_TURN]}, "contents", "end with a user role"),
        (
            {"generationConfig": {"imageConfig": {"aspectRatio": "7:5"}}},
            "generation_config.image_config.aspect_ratio",
            "aspect_ratio must be one of '1:1'",
        ),
        (
            {"generationConfig": {"imageConfig": {"imageSize": "2k"}}},
            "generation_config.image_config.image_size",
            "image_size must be one of '1K'",
        ),
        ({"generationConfig": {"temperature": 2.1}}, "generation_config.temperature", "range [0.0, 2.0]"),
        ({"generationConfig": {"topP": "high"}}, "generation_config.top_p", "range [0.0, 1.0]"),
        ({"generationConfig": {"topP": True}}, "generation_config.top_p", "range [0.0, 1.0]"),
        ({"generationConfig": {"candidateCount": 0}}, "generation_config.candidate_count", "range [1, 8]"),
        ({"generationConfig": {"candidateCount": 1.5}}, "generation_config.candidate_count", "range [1, 8]"),
    ],
)
def test_a_request_against_the_rules_names_the_field(fields: dict[str, Any], at: str, said: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read(**fields)

    assert [issue.field for issue in refusal.value.issues] == [at]
    assert said in refusal.value.issues[0].message


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b'{"contents": NaN}', b'{"contents":' + b"[" * 100_000]
)
def test_what_is_no_json_object_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        google.decode_request(data, model=MODEL)
    with pytest.raises(WireError):
        google.decode_modalities(data)


@pytest.mark.parametrize("number", ["1e400000000", "-1e400000000", "9" * 4000, "1e-400000000"])
def test_absurd_numbers_cost_no_time(number: str) -> None:
    text = '{"contents":{"parts":[{"text":"a"}]},"generationConfig":{"candidateCount":%s,"topP":%s}}'
    with pytest.raises(WireError):
        google.decode_request((text % (number, number)).encode(), model=MODEL)


def test_a_number_no_reader_would_give_back_is_a_wire_error() -> None:
    text = b'{"contents":[{"role":"model","parts":[{"x":1e999}]},{"parts":[{"text":"a"}]}]}'
    with pytest.raises(WireError):
        google.decode_request(text, model=MODEL)


@settings(max_examples=EXAMPLES)
@given(
    strategies.objects
    | strategies.spoilt(strategies.requests.map(lambda sent: json.loads(google.encode_request(sent))))
)
def test_any_tree_is_a_request_or_a_wire_error(value: Any) -> None:
    try:
        request = google.decode_request(json.dumps(value).encode(), model=MODEL)
    except WireError:
        return
    assert request.prompt.strip() or request.references
    assert 1 <= request.count <= google.CANDIDATES_MAX
    assert google.decode_request(google.encode_request(request), model=MODEL) == request


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_wire_error(data: bytes) -> None:
    try:
        request = google.decode_request(data, model=MODEL)
    except WireError:
        return
    assert request.prompt or request.references


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=60) | st.from_regex(r"/v1(beta)?/models/.{0,20}", fullmatch=True))
def test_any_path_is_an_address_or_none(path: str) -> None:
    address = google.decode_address(path)

    assert address is None or (address.model and address.method)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        (f"/v1beta/models/{MODEL}:generateContent", Address(MODEL)),
        (f"/v1/models/{MODEL}:streamGenerateContent", Address(MODEL, google.STREAM, "v1")),
        (f"/models/{MODEL}:generateContent", Address(MODEL, version="")),
        (
            f"/v1beta1/publishers/google/models/{MODEL}:generateContent",
            Address(MODEL, version="v1beta1", vertex=True),
        ),
        (
            f"/v1/projects/p/locations/global/publishers/google/models/{MODEL}:generateContent",
            Address(MODEL, version="v1", vertex=True, project="p", location="global"),
        ),
        (f"/v1beta/models/{MODEL}", None),
        (f"/v1beta/projects/p/models/{MODEL}:generateContent", None),
        ("/v1/images/generations", None),
    ],
)
def test_the_documented_addresses(path: str, address: Address | None) -> None:
    assert google.decode_address(path) == address


def test_a_model_cannot_lead_to_another_address() -> None:
    path = google.encode_address(replace(Address(MODEL), model="../files/x?key=1#"))

    assert path == "/v1beta/models/..%2Ffiles%2Fx%3Fkey%3D1%23:generateContent"


def test_names_in_snake_case() -> None:
    assert [snake(name) for name in ("topP", "inlineData", "role")] == ["top_p", "inline_data", "role"]


def test_every_model_has_every_ratio_in_each_of_its_sizes() -> None:
    for model in MODELS.values():
        for size, table in model.sizes.items():
            assert tuple(table) == RATIOS
            assert model.tokens[size] > 0
    assert MODELS["gemini-3-pro-image"].sizes["4K"]["21:9"] == (6336, 2688)
    assert MODELS["gemini-3-pro-image"].sizes["2K"]["3:4"] == (1792, 2400)
