"""Events of OpenAI's images format, written and read."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import openai_stream
from generation.wire.errors import WireError
from generation.wire.messages import ImageBytes
from generation.wire.openai_errors import OpenAIError
from generation.wire.openai_stream import PictureEvent
from tests.generation.wire import strategies_openai as strategies
from tests.generation.wire.fuzzing import EXAMPLES

streams = st.lists(
    strategies.events | strategies.errors.map(lambda error: OpenAIError(200, error.message, code=error.code)),
    max_size=5,
).map(tuple)


@given(streams)
def test_a_stream_reads_back_as_it_was_written(sent: tuple[PictureEvent | OpenAIError, ...]) -> None:
    body = b"".join(map(openai_stream.encode_event, sent))

    assert openai_stream.decode_events(body) == sent


@pytest.mark.parametrize(
    ("index", "edit", "name"),
    [
        (0, False, "image_generation.partial_image"),
        (None, False, "image_generation.completed"),
        (2, True, "image_edit.partial_image"),
        (None, True, "image_edit.completed"),
    ],
)
def test_an_event_has_the_documented_name(index: int | None, edit: bool, name: str) -> None:
    body = openai_stream.encode_event(PictureEvent(ImageBytes(b"abc"), index, edit)).decode()

    head, data, *end = body.split("\n")
    assert (head, end) == (f"event: {name}", ["", ""])
    said = {"type": name, "b64_json": "YWJj"} | ({} if index is None else {"partial_image_index": index})
    assert json.loads(data.removeprefix("data: ")) == said


WHOLE = PictureEvent(ImageBytes(b"abc"))
DATA = 'data: {"type":"image_generation.completed","b64_json":"YWJj"}'


@pytest.mark.parametrize(
    "text",
    [
        f"{DATA}\n\n",
        f"\ufeff: a comment\r\n\r\nid: 1\r\nretry: 5\r\n{DATA}\r\n\r\n",
        f"{DATA}\r\r",
        'event: image_generation.completed\ndata:{"b64_json":\ndata: "YWJj"}\n\n',
        f'event: ping\ndata: {{"type":"ping"}}\n\n{DATA}\n\ndata: [DONE]\n\ndata: nothing\n\n',
        f"{DATA}\n\ndata: {{broken off",
    ],
)
def test_events_are_found_as_servers_write_them(text: str) -> None:
    assert openai_stream.decode_events(text.encode()) == (WHOLE,)


def test_an_error_is_an_event_too() -> None:
    body = b'data: {"error": {"message": "no", "code": "moderation_blocked"}}\n\n'

    assert openai_stream.decode_events(body) == (OpenAIError(200, "no", code="moderation_blocked"),)


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"data: {\n\n", b"data: []\n\n", b'data: {"type":"image_generation.completed"}\n\n'],
)
def test_a_known_event_that_cannot_be_read_is_a_wire_error(body: bytes) -> None:
    with pytest.raises(WireError):
        openai_stream.decode_events(body)


lines = st.sampled_from(["event: image_edit.completed\n", "data: ", "\n", "\r", ":", DATA + "\n\n"])


@settings(max_examples=EXAMPLES)
@given(
    st.lists(lines | st.text(max_size=10) | strategies.flat_objects.map(json.dumps), max_size=10).map(
        "".join
    ),
    st.binary(max_size=5),
)
def test_any_stream_is_events_or_a_wire_error(text: str, end: bytes) -> None:
    try:
        events: tuple[Any, ...] = openai_stream.decode_events(text.encode("utf-8", "replace") + end)
    except WireError:
        return
    assert all(isinstance(event, OpenAIError) or event.image.data for event in events)
