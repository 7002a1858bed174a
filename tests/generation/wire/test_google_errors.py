"""Errors of Google's format: the envelope with its details, or none, and what each says."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import google_errors
from generation.wire.errors import Issue
from generation.wire.google_errors import PER_DAY, PER_MINUTE
from generation.wire.messages import ErrorAnswer, Meaning
from tests.generation.wire import strategies_google as strategies
from tests.generation.wire.fuzzing import EXAMPLES


@settings(max_examples=EXAMPLES)
@given(strategies.errors(), st.booleans())
def test_an_error_reads_back_as_it_was_written(sent: ErrorAnswer, listed: bool) -> None:
    body = google_errors.encode_error(sent, listed=listed)

    assert google_errors.decode_error(sent.status, body) == sent


def test_the_documented_envelope() -> None:
    body = {
        "error": {
            "code": 429,
            "message": "Quota exceeded.",
            "status": "RESOURCE_EXHAUSTED",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
                    "violations": [{"quotaId": PER_MINUTE}, {"quotaId": PER_DAY}],
                },
                {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"},
            ],
        }
    }

    error = google_errors.decode_error(429, json.dumps(body).encode())

    assert error == ErrorAnswer(429, "Quota exceeded.", code=PER_DAY, retry_after_seconds=34.5)
    assert google_errors.meaning(error) is Meaning.QUOTA


@pytest.mark.parametrize(
    ("delay", "seconds"),
    [
        ("34s", 34.0),
        ("1.5s", 1.5),
        ("0s", 0.0),
        ("-2s", -2.0),
        (12, 12.0),
        ({"seconds": 8, "nanos": 5}, 8.0),
        ({"seconds": "8"}, 8.0),
        ("soon", None),
        ("1e999s", None),
        ("NaNs", None),
        ("9" * 99 + "s", None),
        (True, None),
        ([], None),
        (None, None),
        ("١s", None),
    ],
)
def test_the_wait_is_read_from_the_body(delay: Any, seconds: float | None) -> None:
    body = {"error": {"details": [{"retryDelay": delay}]}}

    assert google_errors.decode_error(429, json.dumps(body).encode()).retry_after_seconds == seconds


def test_a_gateways_page_is_read_for_its_words_and_is_not_googles() -> None:
    page = b"<html><head><style>b{}</style><title>502</title></head><body><h1>Bad gateway</h1></body></html>"

    assert google_errors.decode_error(502, page) == ErrorAnswer(502, "502 Bad gateway")


LOCATION = "User location is not supported for the API use"


@pytest.mark.parametrize(
    ("status", "code", "message", "meaning"),
    [
        (400, "INVALID_ARGUMENT", "aspect_ratio must be one of '1:1'", Meaning.INVALID),
        (400, "INVALID_ARGUMENT", "The prompt was blocked by the safety filter.", Meaning.CONTENT),
        (400, "INVALID_ARGUMENT", "* model: unexpected model name format", Meaning.UNKNOWN_MODEL),
        (400, "API_KEY_INVALID", "API key not valid. Please pass a valid API key.", Meaning.BAD_KEY),
        (400, "INVALID_ARGUMENT", "API key expired. Please renew the API key.", Meaning.BAD_KEY),
        (400, "FAILED_PRECONDITION", f"{LOCATION}.", Meaning.NOT_ALLOWED),
        (400, "FAILED_PRECONDITION", f"{LOCATION} without a billing account linked.", Meaning.NO_MONEY),
        (400, "FAILED_PRECONDITION", "", Meaning.NO_MONEY),
        (401, "UNAUTHENTICATED", "", Meaning.BAD_KEY),
        (402, "RESOURCE_EXHAUSTED", "", Meaning.NO_MONEY),
        (403, "PERMISSION_DENIED", "", Meaning.NOT_ALLOWED),
        (403, "PERMISSION_DENIED", "This API method requires billing to be enabled.", Meaning.NO_MONEY),
        (403, "BILLING_DISABLED", "", Meaning.NO_MONEY),
        (403, "PERMISSION_DENIED", "You do not have permission to access the File x.", Meaning.INVALID),
        (404, "NOT_FOUND", "models/x is not found for API version v1beta", Meaning.UNKNOWN_MODEL),
        (404, "NOT_FOUND", "The file x was not found.", Meaning.INVALID),
        (408, "", "", Meaning.BROKEN),
        (413, "", "", Meaning.INVALID),
        (429, "RESOURCE_EXHAUSTED", "Please check your plan and billing details.", Meaning.RATE_LIMITED),
        (429, PER_MINUTE, "", Meaning.RATE_LIMITED),
        (429, f"{PER_DAY}-FreeTier", "", Meaning.QUOTA),
        (429, PER_MINUTE, "* Quota exceeded for metric: x, limit: 0, model: y", Meaning.QUOTA),
        (429, PER_MINUTE, "* Quota exceeded for metric: x, limit: 01", Meaning.RATE_LIMITED),
        (429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted.", Meaning.NO_MONEY),
        (499, "CANCELLED", "", Meaning.BROKEN),
        (500, "INTERNAL", "", Meaning.BROKEN),
        (502, "", "", Meaning.BROKEN),
        (503, "UNAVAILABLE", "The model is overloaded.", Meaning.UNAVAILABLE),
        (504, "DEADLINE_EXCEEDED", "", Meaning.TIMED_OUT),
        (522, "", "", Meaning.BROKEN),
        (302, "", "", Meaning.BROKEN),
    ],
)
def test_what_an_error_says(status: int, code: str, message: str, meaning: Meaning) -> None:
    assert google_errors.meaning(ErrorAnswer(status, message, code=code)) == meaning


@pytest.mark.parametrize(
    ("status", "code", "vertex", "free"),
    [
        (500, "INTERNAL", False, True),
        (503, "UNAVAILABLE", False, True),
        (504, "DEADLINE_EXCEEDED", False, False),
        (504, "DEADLINE_EXCEEDED", True, True),
        (500, "", False, False),
        (503, "", True, False),
        (499, "CANCELLED", True, False),
    ],
)
def test_only_what_google_says_is_free_is_free(status: int, code: str, vertex: bool, free: bool) -> None:
    assert google_errors.is_free(ErrorAnswer(status, code=code), vertex=vertex) is free


@pytest.mark.parametrize(
    "value", [{"error": {"message": "a"}}, {"error": "a"}, {"message": "a"}, [{"error": {"message": "a"}}]]
)
def test_words_are_found_where_they_stand(value: Any) -> None:
    assert google_errors.decode_error(400, json.dumps(value).encode()).message == "a"


def test_a_validation_message_names_the_field() -> None:
    text = google_errors.validation_message((Issue("contents", "contents is not specified"),))

    assert text == "* GenerateContentRequest.contents: contents is not specified\n"


@settings(max_examples=EXAMPLES)
@given(
    st.integers(300, 599),
    st.binary(max_size=200)
    | strategies.trees.map(lambda value: json.dumps(value).encode())
    | strategies.spoilt(
        strategies.errors().map(lambda sent: json.loads(google_errors.encode_error(sent)))
    ).map(lambda value: json.dumps(value).encode()),
)
def test_every_error_reads_as_something(status: int, body: bytes) -> None:
    error = google_errors.decode_error(status, body)

    assert google_errors.meaning(error) in Meaning
    assert len(error.message) <= google_errors.MESSAGE_MAX
