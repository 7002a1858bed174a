"""Errors of the AIML API: three envelopes, or none, and what each says."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import aiml_errors
from generation.wire.aiml_errors import Envelope
from generation.wire.errors import Issue
from generation.wire.messages import Cost, ErrorAnswer, Meaning
from tests.generation.wire.test_aiml_answers import names, trees

messages = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
    .map(str.strip)
    .filter(bool)
)


@given(st.sampled_from(Envelope), st.sampled_from(sorted(aiml_errors.ERRORS)), messages)
def test_an_error_reads_back_from_every_envelope(envelope: Envelope, status: int, message: str) -> None:
    body = aiml_errors.encode_error(
        ErrorAnswer(status, message), timestamp="2026-02-03T10:11:12Z", envelope=envelope
    )

    assert aiml_errors.decode_error(status, body) == ErrorAnswer(status, message)


def test_the_documented_envelope() -> None:
    body = {
        "message": "Body validation error",
        "path": "/v1/images/generations",
        "requestId": "8b1e",
        "statusCode": "400",
        "timestamp": "2026-02-03T10:11:12.000Z",
    }

    error = aiml_errors.decode_error(400, json.dumps(body).encode())

    assert error == ErrorAnswer(400, "Body validation error", vendor_id="8b1e")


def test_a_gateways_page_is_read_for_its_words() -> None:
    page = b"<html><head><style>b{}</style><title>502</title></head><body><h1>Bad gateway</h1></body></html>"

    assert aiml_errors.decode_error(502, page).message == "502 Bad gateway"


def test_headers_of_an_error_name_id_and_cost() -> None:
    headers = {"x-inference-id": "i-1", "x-aimlapi-credits-used": "84000"}

    assert aiml_errors.decode_error(504, b"", headers) == ErrorAnswer(504, "", "i-1", Cost(84000))


@pytest.mark.parametrize(
    ("status", "message", "meaning"),
    [
        (400, "Body validation error\nRequired (at prompt)", Meaning.INVALID),
        (400, "Invalid enum value. Expected 'a', received 'b' (at model)", Meaning.UNKNOWN_MODEL),
        (400, "The prompt was blocked by the safety system.", Meaning.CONTENT),
        (401, "This request requires a valid API key.", Meaning.BAD_KEY),
        (403, "You've run out of credits.", Meaning.NO_MONEY),
        (403, "", Meaning.NO_MONEY),
        (403, "Account verification needed", Meaning.NOT_ALLOWED),
        (404, "Not Found", Meaning.UNKNOWN_MODEL),
        (408, "", Meaning.BROKEN),
        (413, "", Meaning.INVALID),
        (429, "Too Many Requests", Meaning.RATE_LIMITED),
        (500, "The model is under maintenance", Meaning.BROKEN),
        (502, "", Meaning.BROKEN),
        (503, "", Meaning.UNAVAILABLE),
        (504, "", Meaning.TIMED_OUT),
        (522, "", Meaning.BROKEN),
        (302, "", Meaning.BROKEN),
    ],
)
def test_what_an_error_says(status: int, message: str, meaning: Meaning) -> None:
    assert aiml_errors.meaning(ErrorAnswer(status, message)) == meaning


def test_a_validation_message_names_the_field() -> None:
    text = aiml_errors.validation_message((Issue("num_images", "Number must be less than or equal to 4"),))

    assert text == "Body validation error\nNumber must be less than or equal to 4 (at num_images)"


@given(
    st.integers(300, 599),
    st.binary(max_size=200) | st.dictionaries(names, trees).map(lambda value: json.dumps(value).encode()),
)
def test_every_error_reads_as_something(status: int, body: bytes) -> None:
    error = aiml_errors.decode_error(status, body)

    assert aiml_errors.meaning(error) in Meaning
    assert len(error.message) <= aiml_errors.MESSAGE_MAX


@pytest.mark.parametrize("value", [{"message": ["a", "b"]}, {"error": "a; b"}, {"title": "a; b"}])
def test_words_are_found_where_they_stand(value: dict[str, Any]) -> None:
    assert aiml_errors.decode_error(400, json.dumps(value).encode()).message == "a; b"
