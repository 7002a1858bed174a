"""Answers of the AIML API: three shapes, two usage keys, links and base64, and whatever else arrives."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import aiml
from generation.wire.aiml import Shape
from generation.wire.errors import WireError
from generation.wire.messages import Cost, ImageAnswer, ImageBytes, ImageLink
from tests.generation.wire import strategies

LINK = "https://cdn.example.test/f/a1.png"


@pytest.mark.parametrize("shape", [Shape.IMAGES, Shape.MIXED])
@given(data=st.data())
def test_an_answer_reads_back_as_it_was_written(shape: Shape, data: st.DataObject) -> None:
    sent = data.draw(strategies.answers(strategies.pictures, described=True))
    encoded = aiml.encode_answer(sent, shape=shape)

    assert aiml.decode_answer(encoded.body, encoded.headers) == sent


@given(
    strategies.answers(strategies.bare_pictures, described=False),
    st.sampled_from(["credits_used", "tokens_used"]),
)
def test_the_short_shape_reads_back_with_either_usage_key(sent: ImageAnswer, usage_key: str) -> None:
    encoded = aiml.encode_answer(sent, usage_key=usage_key)

    assert aiml.decode_answer(encoded.body, encoded.headers) == sent


@given(strategies.costs)
def test_the_body_alone_names_the_cost(cost: Cost) -> None:
    encoded = aiml.encode_answer(ImageAnswer(images=(ImageLink(LINK),), cost=cost))

    assert aiml.decode_answer(encoded.body).cost == cost


def read(value: Any, headers: dict[str, str] | None = None) -> ImageAnswer:
    return aiml.decode_answer(json.dumps(value).encode(), headers)


def test_the_documented_fal_like_answer() -> None:
    answer = read(
        {
            "images": [
                {
                    "url": LINK,
                    "content_type": "image/png",
                    "file_name": "output.png",
                    "file_size": 2101337,
                    "width": None,
                    "height": None,
                }
            ],
            "description": "A kettle on a blue table.",
        }
    )

    assert answer == ImageAnswer((ImageLink(LINK, "image/png"),), description="A kettle on a blue table.")


def test_the_documented_openai_like_answer() -> None:
    answer = read(
        {
            "data": [{"url": LINK, "b64_json": None}],
            "meta": {"usage": {"credits_used": 84000, "usd_spent": 0.042}},
        }
    )

    assert answer == ImageAnswer((ImageLink(LINK),), cost=Cost(84000, Decimal("0.042")))


def test_the_documented_mixed_answer() -> None:
    answer = read(
        {
            "description": "",
            "data": [
                {
                    "url": LINK,
                    "content_type": "image/jpeg",
                    "file_name": "a.jpg",
                    "width": 1184,
                    "height": 864,
                }
            ],
            "meta": {"usage": {"tokens_used": 84000}},
        }
    )

    assert answer == ImageAnswer((ImageLink(LINK, "image/jpeg", 1184, 864),), cost=Cost(84000))


@pytest.mark.parametrize(
    "fields", [{"data": None, "images": [{"url": LINK}]}, {"data": [], "images": [{"url": LINK}]}]
)
def test_images_are_read_where_data_is_empty(fields: dict[str, Any]) -> None:
    assert read(fields).images == (ImageLink(LINK),)


def test_data_is_preferred_to_images() -> None:
    assert read({"data": [{"url": LINK}], "images": [{"url": LINK + "2"}]}).images == (ImageLink(LINK),)


@pytest.mark.parametrize(
    "item", [{"b64_json": "YWJj", "url": None}, {"url": "data:;base64,YWJj"}, {"b64_json": "YWJj\n"}]
)
def test_a_picture_inside_the_answer(item: dict[str, Any]) -> None:
    assert read({"data": [item]}).images == (ImageBytes(b"abc"),)


def test_headers_name_the_cost_where_the_body_does_not() -> None:
    headers = {"x-aimlapi-credits-used": "84000", "x-aimlapi-usd-spent": "0.042", "x-inference-id": "i-1"}

    answer = read({"data": [{"url": LINK}], "meta": None}, headers)

    assert (answer.cost, answer.vendor_id) == (Cost(84000, Decimal("0.042")), "i-1")


def test_the_body_goes_before_the_headers() -> None:
    headers = {"x-aimlapi-credits-used": "1"}

    assert read({"data": [], "meta": {"usage": {"tokens_used": 2}}}, headers).cost.credits == 2


@pytest.mark.parametrize("spent", [-1, True, "many", None, [], 1e300, "NaN", "9" * 50])
def test_a_cost_that_is_none_is_left_out(spent: Any) -> None:
    assert read({"data": [], "meta": {"usage": {"credits_used": spent}}}).cost == Cost()


def test_an_explained_nothing_is_an_answer() -> None:
    assert read({"data": None, "description": "I can't draw that."}) == ImageAnswer((), "I can't draw that.")


def test_one_unreadable_picture_does_not_take_the_others_away() -> None:
    assert read({"data": [{"url": "ftp://x"}, {"url": LINK}]}).images == (ImageLink(LINK),)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"error": {"message": "no"}},
        {"data": [{"url": "ftp://x/a.png"}]},
        {"data": [{"b64_json": "?"}]},
        {"data": [{"b64_json": {"a": 1}}]},
    ],
)
def test_what_holds_no_readable_answer_is_a_wire_error(fields: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        read(fields)


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"\xff\xfe", b"[]", b'{"data": NaN}', b'{"data":' + b"[" * 100_000, b"1" * 5000]
)
def test_what_is_no_json_object_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        aiml.decode_answer(data)


def test_text_is_fit_for_a_database() -> None:
    assert read({"data": [], "description": "a\0b\ud800"}).description == "ab?"


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([LINK, "data:image/png;base64,AAAA", "data:,", "AAAA", "1e999999", "NaN", 10**30])
)
_NAMES = (
    "data images url b64_json meta usage credits_used tokens_used usd_spent"
    " description content_type width height error message requestId title"
)
names = st.sampled_from(_NAMES.split())
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=25,
)


@settings(max_examples=1000)
@given(
    st.dictionaries(names, trees, max_size=6),
    st.dictionaries(
        st.sampled_from(["x-aimlapi-credits-used", "x-aimlapi-usd-spent", "x-inference-id"]),
        st.text(max_size=30),
    ),
)
def test_no_json_raises_anything_but_a_wire_error(value: dict[str, Any], headers: dict[str, str]) -> None:
    try:
        answer = aiml.decode_answer(json.dumps(value).encode(), headers)
    except WireError:
        return
    assert all(image.url if isinstance(image, ImageLink) else image.data for image in answer.images)


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_wire_error(data: bytes) -> None:
    try:
        answer = aiml.decode_answer(data)
    except WireError:
        return
    assert isinstance(answer, ImageAnswer)


@given(st.data())
def test_a_cut_answer_is_a_wire_error(data: st.DataObject) -> None:
    body = aiml.encode_answer(data.draw(strategies.answers(strategies.pictures, described=True))).body

    with pytest.raises(WireError):
        aiml.decode_answer(body[: data.draw(st.integers(0, len(body) - 1))])
