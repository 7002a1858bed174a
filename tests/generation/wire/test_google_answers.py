"""Answers of Google's format: pictures, words, reasons, drafts, and whatever else arrives."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import google
from generation.wire.errors import WireError
from generation.wire.google import GoogleAnswer
from generation.wire.messages import ImageAnswer, ImageBytes, ImageLink
from tests.generation.wire import strategies_google as strategies
from tests.generation.wire.fuzzing import EXAMPLES

PNG = {"inlineData": {"mimeType": "image/png", "data": "YWJj"}}
ABC = ImageBytes(b"abc", "image/png")


@settings(max_examples=EXAMPLES)
@given(strategies.answers)
def test_an_answer_reads_back_as_it_was_written(sent: GoogleAnswer) -> None:
    read = google.decode_answer(google.encode_answer(sent))

    assert replace(read, state=None) == sent
    assert google.decode_answer(google.encode_answer(read)) == read


@settings(max_examples=EXAMPLES)
@given(st.lists(strategies.strange_parts, max_size=3), strategies.anything)
def test_a_turn_is_kept_with_whatever_else_it_holds(parts: list[dict[str, Any]], other: Any) -> None:
    content = {"role": "model", "parts": [*parts, {**PNG, "thoughtSignature": "c2ln"}], "newField": other}

    state = read({"candidates": [{"content": content}]}).state

    assert state is not None
    assert json.loads(state) == [content]


def test_a_plain_answer_is_written_as_one_that_stopped() -> None:
    body = json.loads(
        google.encode_answer(ImageAnswer((ABC,), "Here."), model="m", usage={"totalTokenCount": 1})
    )

    assert body == {
        "candidates": [
            {
                "content": {"role": "model", "parts": [{"text": "Here."}, PNG]},
                "finishReason": "STOP",
                "index": 0,
            }
        ],
        "usageMetadata": {"totalTokenCount": 1},
        "modelVersion": "m",
    }


def read(value: Any) -> GoogleAnswer:
    return google.decode_answer(json.dumps(value).encode())


def answering(*parts: Any, **candidate: Any) -> GoogleAnswer:
    return read({"candidates": [{"content": {"role": "model", "parts": list(parts)}, **candidate}]})


def test_the_documented_answer() -> None:
    answer = read(
        {
            "candidates": [
                {
                    "content": {"role": "model", "parts": [{"text": "Here it is."}, PNG]},
                    "finishReason": "STOP",
                    "index": 0,
                }
            ],
            "usageMetadata": {"promptTokenCount": 270, "candidatesTokenCount": 1301},
            "modelVersion": "gemini-2.5-flash-image",
            "responseId": "r-1",
        }
    )

    assert (answer.images, answer.description, answer.vendor_id) == ((ABC,), "Here it is.", "r-1")
    assert (answer.finish_reason, answer.block_reason) == ("STOP", "")


def test_snake_case_is_read_and_kept() -> None:
    part = {"inline_data": {"mime_type": "image/png", "data": "YWJj"}, "thought_signature": "s"}
    content = {"role": "model", "parts": [part]}

    answer = read({"candidates": [{"content": content, "finish_reason": "STOP"}], "response_id": "r"})

    assert (answer.images, answer.vendor_id) == ((ABC,), "r")
    assert json.loads(answer.state or b"") == [content]


def test_parts_come_in_any_order_and_number() -> None:
    answer = answering(PNG, {"text": "a"}, {"functionCall": {}}, PNG, {"text": "b"}, {})

    assert (answer.images, answer.description) == ((ABC, ABC), "a\nb")


def test_drafts_and_thoughts_are_no_results() -> None:
    draft = {"inlineData": {"mimeType": "image/png", "data": "ZHJhZnQ="}, "thought": True}

    answer = answering({"text": "hm", "thought": True}, draft, {"text": "Here."}, PNG)

    assert (answer.images, answer.description) == ((ABC,), "Here.")
    assert b"ZHJhZnQ=" in (answer.state or b"")


def test_a_draft_is_the_result_when_there_is_no_other() -> None:
    assert answering({**PNG, "thought": True}).images == (ABC,)


def test_pictures_of_all_candidates_are_handed_on() -> None:
    content = {"role": "model", "parts": [PNG]}

    assert read({"candidates": [{"content": content}, {"content": content}]}).images == (ABC, ABC)


def test_a_turn_without_a_role_gets_one() -> None:
    state = read({"candidates": [{"content": {"parts": [PNG]}}]}).state

    assert json.loads(state or b"") == [{"parts": [PNG], "role": "model"}]


def test_a_picture_by_its_address() -> None:
    part = {"fileData": {"fileUri": "https://x.example.test/a.png", "mimeType": "image/png"}}

    assert answering(part).images == (ImageLink("https://x.example.test/a.png", "image/png"),)


def test_one_unreadable_picture_does_not_take_the_others_away() -> None:
    assert answering({"inlineData": {"data": "?"}}, PNG).images == (ABC,)


@pytest.mark.parametrize(
    ("value", "reasons", "description"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, ("", "SAFETY"), ""),
        (
            {"prompt_feedback": {"block_reason": "OTHER", "blockReasonMessage": "No."}},
            ("", "OTHER"),
            "No.",
        ),
        ({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}, ("IMAGE_SAFETY", ""), ""),
        (
            {"candidates": [{"content": {"role": "model"}, "finishReason": "NEW", "finishMessage": "Why."}]},
            ("NEW", ""),
            "Why.",
        ),
        ({"candidates": [{"content": {"parts": [{"text": "?"}]}}]}, ("STOP", ""), "?"),
        ({"candidates": [], "promptFeedback": {}}, ("STOP", ""), ""),
        ({"usageMetadata": {"promptTokenCount": 3}}, ("STOP", ""), ""),
        ({"candidates": None}, ("STOP", ""), ""),
    ],
)
def test_nothing_drawn_has_its_reasons(value: Any, reasons: tuple[str, str], description: str) -> None:
    answer = read(value)

    assert (answer.images, answer.state) == ((), None)
    assert (answer.finish_reason, answer.block_reason) == reasons
    assert answer.description == description


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"error": {"message": "no"}},
        {"result": {"status": "done"}},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": "?"}}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"data": 7}}]}}]},
        {"candidates": [{"content": {"parts": [{"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}}]}}]},
        {"candidates": [{"content": {"parts": [{"fileData": {"fileUri": "file:///etc/passwd"}}]}}]},
    ],
)
def test_what_holds_no_readable_answer_is_a_wire_error(value: Any) -> None:
    with pytest.raises(WireError):
        read(value)


@pytest.mark.parametrize("state", [b"", b"[]", b"[1]", b"{", b'[{"role":"model"},{"role":"model"}]'])
def test_an_answer_with_a_state_that_is_no_turn_is_a_wire_error(state: bytes) -> None:
    with pytest.raises(WireError):
        google.encode_answer(ImageAnswer((ABC,), state=state))


def test_text_is_fit_for_a_database() -> None:
    assert answering({"text": "a\0b\ud800"}).description == "ab?"


@settings(max_examples=EXAMPLES)
@given(
    strategies.objects
    | strategies.spoilt(strategies.answers.map(lambda sent: json.loads(google.encode_answer(sent))))
)
def test_any_tree_is_an_answer_or_a_wire_error(value: Any) -> None:
    try:
        answer = google.decode_answer(json.dumps(value).encode())
    except WireError:
        return
    assert all(image.url if isinstance(image, ImageLink) else image.data for image in answer.images)
    assert (answer.state is not None) == bool(answer.images)


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_wire_error(data: bytes) -> None:
    try:
        answer = google.decode_answer(data)
    except WireError:
        return
    assert isinstance(answer, GoogleAnswer)


@settings(max_examples=EXAMPLES)
@given(strategies.answers, st.data())
def test_a_cut_answer_is_a_wire_error(sent: GoogleAnswer, data: st.DataObject) -> None:
    body = google.encode_answer(sent)

    with pytest.raises(WireError):
        google.decode_answer(body[: data.draw(st.integers(0, len(body) - 1))])
