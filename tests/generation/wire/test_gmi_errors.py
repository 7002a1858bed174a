"""Errors of GMI Cloud's queue: by status, by words, and as records."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import gmi_errors
from generation.wire.errors import Issue
from generation.wire.gmi_errors import Envelope
from generation.wire.messages import ErrorAnswer, Meaning
from tests.generation.wire.strategies_gmi import words


@given(
    st.sampled_from(Envelope),
    st.sampled_from(sorted(gmi_errors.ERRORS)),
    words,
    st.none() | st.integers(-10, 10**6).map(float),
)
def test_an_error_reads_back_from_every_envelope(
    envelope: Envelope, status: int, message: str, wait: float | None
) -> None:
    error = ErrorAnswer(status, message, retry_after_seconds=wait)

    assert gmi_errors.decode_error(status, gmi_errors.encode_error(error, envelope=envelope)) == error


def read(status: int, value: Any) -> ErrorAnswer:
    return gmi_errors.decode_error(status, json.dumps(value).encode())


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"error": "no"}, "no"),
        ({"error": {"message": "no"}}, "no"),
        ({"error": {"message": "no", "details": "size"}}, "no size"),
        ({"error": {"message": "no", "details": '{"error":{"message":"bad size"}}'}}, "no bad size"),
        ({"message": "no"}, "no"),
        ("no", "no"),
        ({}, ""),
    ],
)
def test_words_are_found_where_they_stand(value: Any, message: str) -> None:
    assert read(400, value).message == message


def test_a_gateways_page_is_read_for_its_words() -> None:
    assert gmi_errors.decode_error(502, b"<html><h1>Bad gateway</h1></html>").message == "Bad gateway"


@pytest.mark.parametrize(
    ("wait", "seconds"),
    [(1500, 1.5), ("1500", 1.5), (-5, -0.005), (0.5, 0.0005), ("soon", None), (True, None), (None, None),
     ([], None), ("NaN", None), ("1e999999", 10.0**9)],
)  # fmt: skip
def test_a_wait_is_read_in_milliseconds(wait: Any, seconds: float | None) -> None:
    assert read(429, {"error": "x", "rate_limit": {"retry_after_ms": wait}}).retry_after_seconds == seconds


@pytest.mark.parametrize(
    ("status", "message", "meaning"),
    [
        (400, "missing prompt", Meaning.INVALID),
        (400, "It violates our content policy", Meaning.CONTENT),
        (400, "model x does not exist", Meaning.UNKNOWN_MODEL),
        (401, "", Meaning.BAD_KEY),
        (402, "Insufficient credits.", Meaning.NO_MONEY),
        (402, "", Meaning.NO_MONEY),
        (403, "forbidden", Meaning.BAD_KEY),
        (403, "Insufficient credits", Meaning.NO_MONEY),
        (404, "model x does not exist", Meaning.UNKNOWN_MODEL),
        (405, "", Meaning.INVALID),
        (408, "", Meaning.BROKEN),
        (413, "", Meaning.INVALID),
        (429, "", Meaning.RATE_LIMITED),
        (500, "Internal server error", Meaning.BROKEN),
        (500, "Backend error (400). size not allowed", Meaning.INVALID),
        (500, "backend error: 422", Meaning.INVALID),
        (500, "Backend error (400). Blocked for safety", Meaning.CONTENT),
        (500, "Backend error (429). slow down", Meaning.RATE_LIMITED),
        (500, "Backend error (408)", Meaning.TIMED_OUT),
        (500, "Backend error (502)", Meaning.BROKEN),
        (500, "took 4000 ms", Meaning.BROKEN),
        (502, "Backend error (400)", Meaning.BROKEN),
        (503, "", Meaning.UNAVAILABLE),
        (504, "", Meaning.TIMED_OUT),
        (307, "", Meaning.BROKEN),
    ],
)
def test_what_an_error_says(status: int, message: str, meaning: Meaning) -> None:
    assert gmi_errors.meaning(ErrorAnswer(status, message)) is meaning


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("rate limit exceeded(RPM)", Meaning.RATE_LIMITED),
        ("Rate-limited, too many requests", Meaning.RATE_LIMITED),
        ("Backend error (429)", Meaning.RATE_LIMITED),
        ("Rejected by the safety system", Meaning.CONTENT),
        ("It goes against our usage policies", Meaning.CONTENT),
        ("PROHIBITED_CONTENT", Meaning.CONTENT),
        ("Backend error (400). Bad ratio", Meaning.INVALID),
        ("invalid parameter: image", Meaning.INVALID),
        ("Unable to process input image", Meaning.INVALID),
        ("Insufficient credits", Meaning.NO_MONEY),
        ("model x does not exist", Meaning.UNKNOWN_MODEL),
        ("Backend error (503)", Meaning.BROKEN),
        ("worker lost", Meaning.BROKEN),
        ("", Meaning.BROKEN),
    ],
)
def test_what_a_failed_record_says(message: str, meaning: Meaning) -> None:
    assert gmi_errors.failure_meaning(message) is meaning


def test_a_validation_message_names_the_field() -> None:
    text = gmi_errors.validation_message((Issue("payload.prompt", "is required"),))

    assert text == "Invalid request payload; payload.prompt is required"
