"""Requests to GMI Cloud's queue, from both sides."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from generation.wire import gmi, gmi_turns
from generation.wire.errors import InvalidRequest, Unsupported, WireError
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from tests.generation.wire import strategies_gmi as strategies

ASKED = ImageRequest(model=gmi.MODEL, prompt="a red kite over dunes")
LINK = "https://img.example.test/r.png"


@given(strategies.requests())
def test_a_request_reads_back_as_it_was_written(request: ImageRequest) -> None:
    assert gmi.decode_request(gmi.encode_request(request)) == request
    assert gmi.decode_request(gmi.encode_request(request, prompt_beside=True)) == request


def test_the_documented_request() -> None:
    request = replace(ASKED, aspect_ratio="4:5", references=(ImageLink(LINK),))

    assert json.loads(gmi.encode_request(request)) == {
        "model": "gemini-2.5-flash-image",
        "payload": {"prompt": "a red kite over dunes", "image": [LINK], "aspect_ratio": "4:5"},
    }


def test_a_later_turn_is_contents_and_no_prompt() -> None:
    state = gmi_turns.next_contents(None, "a kite", (), (ImageLink(LINK),))

    payload = json.loads(gmi.encode_request(replace(ASKED, prompt="make it night", state=state)))["payload"]

    assert set(payload) == {"contents"}
    assert payload["contents"][-1]["parts"][0] == {"text": "make it night"}


@pytest.mark.parametrize(
    ("image", "references"),
    [
        (LINK, (ImageLink(LINK),)),
        ([LINK, LINK], (ImageLink(LINK), ImageLink(LINK))),
        ("data:image/png;base64,YWJj", (ImageBytes(b"abc", "image/png"),)),
        ("YWJj", (ImageBytes(b"abc"),)),
        (None, ()),
        ([], ()),
        ("", ()),
    ],
)
def test_an_image_is_one_or_several(image: Any, references: tuple[Any, ...]) -> None:
    body = json.dumps({"model": "m", "payload": {"prompt": "p", "image": image}}).encode()

    assert gmi.decode_request(body).references == references


@pytest.mark.parametrize(
    "change",
    [{"temperature": 0.5}, {"top_p": 0.5}, {"count": 2}, {"image_size": "2K"}, {"provider_route": "fal"}],
)
def test_what_the_queue_has_no_word_for_is_unsupported(change: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        gmi.encode_request(replace(ASKED, **change))


@pytest.mark.parametrize("state", [b"", b"[]", b"{}", b"null", b"[1", b"\xff"])
def test_a_state_that_is_no_conversation_is_a_wire_error(state: bytes) -> None:
    with pytest.raises(WireError):
        gmi.encode_request(replace(ASKED, state=state))


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"payload": {"prompt": "p"}}, "model"),
        ({"model": "", "payload": {"prompt": "p"}}, "model"),
        ({"model": 5, "payload": {"prompt": "p"}}, "model"),
        ({"model": "m"}, "payload"),
        ({"model": "m", "payload": {}}, "payload"),
        ({"model": "m", "payload": []}, "payload"),
        ({"model": "m", "payload": {"prompt": " "}}, "payload.prompt"),
        ({"model": "m", "payload": {"prompt": "p", "aspect_ratio": "7:5"}}, "payload.aspect_ratio"),
        ({"model": "m", "payload": {"prompt": "p", "aspect_ratio": ["1:1"]}}, "payload.aspect_ratio"),
        ({"model": "m", "payload": {"prompt": "p", "image": [LINK] * 4}}, "payload.image"),
        ({"model": "m", "payload": {"prompt": "p", "image": ["ftp://x"]}}, "payload.image"),
        ({"model": "m", "payload": {"prompt": "p", "image": {"url": LINK}}}, "payload.image"),
        ({"model": "m", "payload": {"contents": "hello"}}, "payload.contents"),
        ({"model": "m", "payload": {"contents": [{"role": "model"}]}}, "payload.contents"),
        ({"model": "m", "payload": {"contents": [{"role": "user", "parts": []}]}}, "payload.contents"),
    ],
)
def test_a_request_that_breaks_a_rule_names_the_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        gmi.decode_request(json.dumps(fields).encode())
    assert field in [issue.field for issue in refusal.value.issues]


def test_unknown_fields_are_ignored() -> None:
    body = json.dumps({"model": "m", "payload": {"prompt": "p", "seed": 7}, "source": "studio"}).encode()

    assert gmi.decode_request(body) == ImageRequest(model="m", prompt="p")
