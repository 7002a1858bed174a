"""Answers of OpenAI's images format: the vendor's, its imitators', and whatever else arrives."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import openai_answers
from generation.wire.errors import WireError
from generation.wire.messages import Cost, ImageAnswer, ImageBytes, ImageLink
from generation.wire.openai_answers import Facts, ImagesAnswer, Usage
from tests.generation.wire import strategies_openai as strategies
from tests.generation.wire.fuzzing import EXAMPLES

LINK = "https://cdn.example.test/f/a1.png"


@given(strategies.answers)
def test_an_answer_reads_back_as_it_was_written(sent: ImagesAnswer) -> None:
    encoded = openai_answers.encode_answer(sent)

    assert openai_answers.decode_answer(encoded.body, encoded.headers) == sent


def read(value: Any, headers: dict[str, str] | None = None) -> ImagesAnswer:
    return openai_answers.decode_answer(json.dumps(value).encode(), headers)


def test_the_documented_answer() -> None:
    read_back = read(
        {
            "created": 1767225600,
            "data": [{"b64_json": "YWJj", "revised_prompt": "a lake"}],
            "output_format": "png",
            "size": "1024x1024",
            "usage": {
                "input_tokens": 20,
                "input_tokens_details": {"image_tokens": 0, "text_tokens": 20},
                "output_tokens": 1290,
                "total_tokens": 1310,
            },
        },
        {"x-request-id": "req_1"},
    )

    facts = Facts(1767225600, Usage(20, 0, 20, 1290, 1310), size="1024x1024", output_format="png")
    images = (ImageBytes(b"abc", "image/png", 1024, 1024),)
    assert read_back == ImagesAnswer(ImageAnswer(images, vendor_id="req_1"), facts)


@pytest.mark.parametrize(
    ("value", "image"),
    [
        ({"data": [{"url": LINK}]}, ImageLink(LINK)),
        ({"data": [{"url": LINK, "b64_json": None}]}, ImageLink(LINK)),
        ({"data": [{"url": None, "b64_json": "YWJj"}]}, ImageBytes(b"abc")),
        (
            {"data": [{"url": "", "b64_json": "data:image/webp;base64,YWJj"}]},
            ImageBytes(b"abc", "image/webp"),
        ),
        ({"data": [{"url": "data:image/png;base64,YWJj"}]}, ImageBytes(b"abc", "image/png")),
        ({"data": [{"url": "/kept/a.png", "b64_json": "YWJj"}]}, ImageBytes(b"abc")),
        (
            {"data": None, "images": [{"url": LINK, "content_type": "image/png"}]},
            ImageLink(LINK, "image/png"),
        ),
        ({"images": [LINK]}, ImageLink(LINK)),
        ({"images": ["YWJj"]}, ImageBytes(b"abc")),
        ({"data": ["data:image/png;base64,YWJj"]}, ImageBytes(b"abc", "image/png")),
        ({"data": [{"url": "ftp://x"}, {"url": LINK}, {}]}, ImageLink(LINK)),
        ({"data": [{"url": LINK, "width": 4, "height": 3}], "size": "9x9"}, ImageLink(LINK, "", 4, 3)),
        ({"data": [{"url": LINK}], "size": "auto", "output_format": "gif"}, ImageLink(LINK)),
    ],
)
def test_a_picture_is_found_where_it_stands(value: dict[str, Any], image: ImageLink | ImageBytes) -> None:
    assert read(value).answer.images == (image,)


def test_a_cost_is_found_in_the_body_and_in_a_proxys_header() -> None:
    meta = {"usage": {"credits_used": 84000, "usd_spent": 0.042}}
    headers = {"x-litellm-response-cost": "0.039", "x-litellm-call-id": "c-1"}

    assert read({"data": [], "meta": meta}, headers).answer.cost == Cost(84000, Decimal("0.042"))
    assert read({"data": []}, headers).answer == ImageAnswer((), "", Cost(None, Decimal("0.039")), "c-1")


def test_an_explained_nothing_is_an_answer() -> None:
    answer = read({"data": [], "description": "I can't draw that."}).answer

    assert (answer.images, answer.description) == ((), "I can't draw that.")


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"created": 1},
        {"error": {"message": "no"}},
        {"data": None, "error": {"message": "no"}},
        {"data": [{"url": "ftp://x/a.png"}]},
        {"data": [{"url": "/kept/a"}]},
        {"data": [{"b64_json": "?"}]},
        {"data": [{"b64_json": 7}]},
        {"data": ["no picture: ask again"]},
    ],
)
def test_what_holds_no_readable_answer_is_a_wire_error(value: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        read(value)


@settings(max_examples=EXAMPLES)
@given(strategies.objects, st.dictionaries(st.sampled_from(openai_answers.HEADER_IDS), st.text(max_size=30)))
def test_no_json_raises_anything_but_a_wire_error(value: dict[str, Any], headers: dict[str, str]) -> None:
    try:
        answer = read(value, headers).answer
    except WireError:
        return
    assert all(image.url if isinstance(image, ImageLink) else image.data for image in answer.images)


@settings(max_examples=EXAMPLES)
@given(strategies.answers, st.data())
def test_a_changed_answer_raises_nothing_but_a_wire_error(sent: ImagesAnswer, data: st.DataObject) -> None:
    body = bytearray(openai_answers.encode_answer(sent).body)
    for _ in range(data.draw(st.integers(1, 4))):
        body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    try:
        answer = openai_answers.decode_answer(bytes(body)).answer
    except WireError:
        return
    assert len(answer.images) <= len(sent.answer.images)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_wire_error(data: bytes) -> None:
    try:
        answer = openai_answers.decode_answer(data)
    except WireError:
        return
    assert isinstance(answer, ImagesAnswer)


@given(strategies.answers, st.data())
def test_a_cut_answer_is_a_wire_error(sent: ImagesAnswer, data: st.DataObject) -> None:
    body = openai_answers.encode_answer(sent).body

    with pytest.raises(WireError):
        openai_answers.decode_answer(body[: data.draw(st.integers(0, len(body) - 1))])
