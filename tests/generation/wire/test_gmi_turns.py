"""Conversations of GMI Cloud's queue: filled where they are open, left alone everywhere else."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import gmi_turns
from generation.wire.messages import ImageBytes, ImageLink
from generation.wire.reading import dump_exact
from tests.generation.wire import strategies_gmi as strategies

FIRST = "https://storage.example.test/t1.png"
GIVEN = ImageLink("https://img.example.test/r.jpg", "image/jpeg")
ASKED = {"role": "user", "parts": [{"text": "a red kite"}]}
DRAWN = {
    "role": "model",
    "parts": [
        {"thoughtSignature": "c2ln", "text": ""},
        {"fileData": {"fileUri": FIRST, "mimeType": "image/png"}},
    ],
}
OPEN = {"role": "user", "parts": [{"text": ""}, {"fileData": {"fileUri": "", "mimeType": "image/png"}}]}


def filled(contents: list[Any], prompt: str = "make it night", *references: Any) -> list[Any]:
    return gmi_turns.fill(json.dumps(contents).encode(), prompt, references)


def test_the_open_turn_gets_text_and_file_and_nothing_else_moves() -> None:
    assert filled([ASKED, DRAWN, OPEN], "make it night", GIVEN) == [
        ASKED,
        DRAWN,
        {
            "role": "user",
            "parts": [
                {"text": "make it night"},
                {"fileData": {"fileUri": GIVEN.url, "mimeType": "image/jpeg"}},
            ],
        },
    ]


def test_without_a_reference_the_empty_file_stays_as_it_is() -> None:
    assert filled([ASKED, DRAWN, OPEN])[-1]["parts"][1] == OPEN["parts"][1]


def test_snake_case_is_filled_in_snake_case() -> None:
    turn = {
        "role": "user",
        "parts": [{"text": ""}, {"file_data": {"file_uri": "", "mime_type": "image/png"}}],
    }

    parts = filled([turn], "p", GIVEN, GIVEN)[0]["parts"]

    file = {"file_data": {"file_uri": GIVEN.url, "mime_type": "image/jpeg"}}
    assert parts == [{"text": "p"}, file, file]


def test_more_references_than_places_are_appended() -> None:
    parts = filled([OPEN], "p", GIVEN, GIVEN)[0]["parts"]

    assert [list(part) for part in parts] == [["text"], ["fileData"], ["fileData"]]


def test_a_picture_itself_goes_in_line() -> None:
    parts = filled([OPEN], "p", ImageBytes(b"abc", "image/png"))[0]["parts"]

    assert parts[-1] == {"inlineData": {"mimeType": "image/png", "data": "YWJj"}}


@pytest.mark.parametrize(
    ("turn", "parts"),
    [
        ({"role": "user", "parts": []}, [{"text": "p"}]),
        ({"role": "user"}, [{"text": "p"}]),
        ({"role": "user", "parts": [{"text": "kept"}]}, [{"text": "kept"}, {"text": "p"}]),
        ({"role": "user", "parts": [{"text": ""}, {"text": ""}]}, [{"text": "p"}, {"text": ""}]),
        ({"role": "user", "parts": [{"text": None, "x": 1}]}, [{"text": "p", "x": 1}]),
        ({"role": "user", "parts": [5, {"text": ""}]}, [5, {"text": "p"}]),
    ],
)
def test_the_first_empty_text_is_set_or_one_appended(turn: dict[str, Any], parts: list[Any]) -> None:
    assert filled([turn], "p")[0]["parts"] == parts


def test_the_last_of_the_users_turns_is_filled_wherever_it_stands() -> None:
    contents = filled([OPEN, DRAWN, OPEN, {"role": "tool", "parts": []}], "p")

    assert (contents[0], contents[2]["parts"][0], contents[3]["role"]) == (OPEN, {"text": "p"}, "tool")


@pytest.mark.parametrize("contents", [[ASKED, DRAWN], [DRAWN], ["junk"]])
def test_where_no_turn_is_open_one_is_begun(contents: list[Any]) -> None:
    assert filled(contents, "p") == [*contents, {"role": "user", "parts": [{"text": "p"}]}]


@given(strategies.states(), strategies.prompts, st.lists(strategies.placed, max_size=3))
def test_only_the_last_users_turn_changes(state: bytes, prompt: str, references: list[Any]) -> None:
    before, after = gmi_turns.parse_state(state), gmi_turns.fill(state, prompt, references)

    changed = [index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new]
    users = [index for index, entry in enumerate(before) if entry["role"] == "user"]
    assert changed == [users[-1]]


def test_a_conversation_says_what_was_before() -> None:
    turn = gmi_turns.read(filled([ASKED, DRAWN, OPEN], "make it night", GIVEN))

    assert (turn.prompt, turn.references) == ("make it night", (GIVEN,))
    assert (turn.earlier, turn.picture) == (1, ImageLink(FIRST, "image/png"))
    assert json.loads(turn.state) == [ASKED, DRAWN, OPEN]


@pytest.mark.parametrize("snake_case", [True, False])
def test_a_server_gives_what_the_next_turn_needs(snake_case: bool) -> None:
    first = gmi_turns.next_contents(None, "a kite", (GIVEN,), (ImageLink(FIRST),), snake_case=snake_case)
    second = gmi_turns.next_contents(first, "at night", (), (GIVEN,), snake_case=snake_case)

    turn = gmi_turns.read(gmi_turns.fill(second, "and rain", ()))

    assert (turn.earlier, turn.prompt, turn.picture) == (2, "and rain", GIVEN)
    assert (b"file_uri" in second) is snake_case


def test_numbers_keep_every_digit_and_members_their_order() -> None:
    state = b'[{"role":"model","z":0.10000000000000000000001,"a":[1E+400,-0.0,true,null]}]'

    assert dump_exact(gmi_turns.parse_state(state)) == state
