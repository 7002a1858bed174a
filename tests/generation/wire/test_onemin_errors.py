"""Errors of 1min.ai: two envelopes, or none; what each says, and what of it may be shown."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import onemin_errors
from generation.wire.errors import Issue
from generation.wire.messages import ErrorAnswer, Meaning
from generation.wire.onemin_errors import EXTERNAL, Envelope
from tests.generation.wire import strategies_onemin as strategies
from tests.generation.wire.fuzzing import EXAMPLES


@given(strategies.errors, st.booleans())
def test_an_error_reads_back_as_it_was_written(error: ErrorAnswer, structured: bool) -> None:
    body = onemin_errors.encode_error(error, structured=structured)

    assert onemin_errors.decode_error(error.status, body) == error


@given(st.sampled_from(sorted(onemin_errors.ERRORS)), strategies.words, strategies.codes)
def test_the_other_envelope_reads_back(status: int, message: str, code: str) -> None:
    error = ErrorAnswer(status, message, code=code)

    body = onemin_errors.encode_error(error, envelope=Envelope.NESTED)

    assert json.loads(body)["success"] is False
    assert onemin_errors.decode_error(status, body) == error


def test_the_documented_envelope_with_its_details_as_text() -> None:
    body = (
        b'{"errorCode":"EXTERNAL_API_RESPONSE_WITH_ERROR",'
        b'"message":"The acme service is busy. Please try again shortly.","context":{"service":"acme"},'
        b'"details":"{\\"response\\":{\\"status\\":400,\\"data\\":{\\"code\\":\\"InvalidParameter\\",'
        b'\\"message\\":\\"size not allowed\\"}}}"}'
    )

    error = onemin_errors.decode_error(400, body)

    assert error.message == "The acme service is busy. Please try again shortly."
    assert error.cause == ErrorAnswer(400, "size not allowed", code="InvalidParameter")
    assert onemin_errors.meaning(error) is Meaning.INVALID
    assert onemin_errors.words(error) == "size not allowed"


def test_missing_fields_are_told() -> None:
    issues = (Issue("model", "model is required"), Issue("prompt", "prompt is required"))
    body = onemin_errors.encode_error(
        ErrorAnswer(400, "Missing required fields", code=onemin_errors.MISSING), issues=issues
    )

    error = onemin_errors.decode_error(400, body)

    assert isinstance(json.loads(body)["details"], str)
    assert error.message == "Missing required fields; model: model is required; prompt: prompt is required"


@pytest.mark.parametrize(
    ("details", "cause"),
    [
        ({"response": {"status": "503"}}, ErrorAnswer(503)),
        ({"status": 429, "message": "slow down"}, ErrorAnswer(429, "slow down")),
        ({"statusCode": 404}, ErrorAnswer(404)),
        (
            {
                "response": {
                    "status": 400,
                    "data": {"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}},
                }
            },
            ErrorAnswer(400, "no", code="INVALID_ARGUMENT"),
        ),
        ({"response": {"status": 400, "data": '{"message":"no"}'}}, ErrorAnswer(400, "no")),
        ({"response": {"status": 400, "data": "no"}}, ErrorAnswer(400, "no")),
        ({"response": {"status": 99}}, None),
        ({"response": {"status": True}}, None),
        ("[", None),
        (None, None),
        ([3], None),
        ("[" * 50_000, None),
    ],
)
def test_a_cause_is_read_however_it_is_wrapped(details: Any, cause: ErrorAnswer | None) -> None:
    for written in (details, json.dumps(details)):
        body = json.dumps({"errorCode": EXTERNAL, "message": "busy", "details": written}).encode()

        assert onemin_errors.decode_error(400, body).cause == cause


@pytest.mark.parametrize(
    ("status", "code", "message", "meaning"),
    [
        (400, "UNKNOWN_ERROR", "", Meaning.INVALID),
        (400, "UNSUPPORTED_MODEL", "", Meaning.UNKNOWN_MODEL),
        (400, "MISSING_REQUIRED_FIELDS", "", Meaning.INVALID),
        (400, "SOMETHING_NEW", "", Meaning.INVALID),
        (400, "SOMETHING_NEW", "Blocked by moderation", Meaning.CONTENT),
        (400, "", "", Meaning.INVALID),
        (401, "", "", Meaning.BAD_KEY),
        (401, "INVALID_AUTH_TOKEN", "", Meaning.BAD_KEY),
        (402, "", "", Meaning.NO_MONEY),
        (403, "", "", Meaning.NOT_ALLOWED),
        (404, "", "", Meaning.UNKNOWN_MODEL),
        (406, "INSUFFICIENT_CREDITS", "", Meaning.NO_MONEY),
        (406, "", "", Meaning.NO_MONEY),
        (400, "INSUFFICIENT_CREDITS", "", Meaning.NO_MONEY),
        (408, "", "", Meaning.BROKEN),
        (413, "", "", Meaning.INVALID),
        (429, "", "", Meaning.RATE_LIMITED),
        (429, "INSUFFICIENT_CREDITS", "", Meaning.RATE_LIMITED),
        (500, "UNKNOWN_ERROR", "", Meaning.BROKEN),
        (502, "", "", Meaning.BROKEN),
        (503, "", "", Meaning.UNAVAILABLE),
        (504, "", "", Meaning.TIMED_OUT),
        (520, "", "", Meaning.BROKEN),
        (522, "", "", Meaning.TIMED_OUT),
        (524, "", "", Meaning.TIMED_OUT),
        (302, "", "", Meaning.BROKEN),
    ],
)
def test_what_an_error_says(status: int, code: str, message: str, meaning: Meaning) -> None:
    assert onemin_errors.meaning(ErrorAnswer(status, message, code=code)) is meaning


BUSY = ErrorAnswer(400, "The acme service is busy. Please try again shortly.", code=EXTERNAL)


@pytest.mark.parametrize(
    ("cause", "meaning"),
    [
        (None, Meaning.BROKEN),
        (ErrorAnswer(0, "no"), Meaning.BROKEN),
        (ErrorAnswer(400, "no"), Meaning.INVALID),
        (ErrorAnswer(422, "no"), Meaning.INVALID),
        (ErrorAnswer(400, "Prohibited content"), Meaning.CONTENT),
        (ErrorAnswer(400, "no", code="content_policy_violation"), Meaning.CONTENT),
        (ErrorAnswer(401), Meaning.UNKNOWN_MODEL),
        (ErrorAnswer(403), Meaning.UNKNOWN_MODEL),
        (ErrorAnswer(404), Meaning.UNKNOWN_MODEL),
        (ErrorAnswer(408), Meaning.TIMED_OUT),
        (ErrorAnswer(429), Meaning.RATE_LIMITED),
        (ErrorAnswer(500), Meaning.BROKEN),
        (ErrorAnswer(503), Meaning.UNAVAILABLE),
        (ErrorAnswer(504), Meaning.TIMED_OUT),
        (ErrorAnswer(302), Meaning.BROKEN),
    ],
)
def test_behind_a_400_the_cause_decides(cause: ErrorAnswer | None, meaning: Meaning) -> None:
    error = ErrorAnswer(BUSY.status, BUSY.message, code=BUSY.code, cause=cause)

    assert onemin_errors.meaning(error) is meaning


@pytest.mark.parametrize(
    ("failure", "meaning"),
    [
        (ErrorAnswer(200), Meaning.BROKEN),
        (ErrorAnswer(200, "It broke"), Meaning.BROKEN),
        (ErrorAnswer(200, "Unable to process input image"), Meaning.INVALID),
        (ErrorAnswer(200, "Blocked by the safety filter"), Meaning.CONTENT),
        (ErrorAnswer(200, "busy", cause=ErrorAnswer(400, "size not allowed")), Meaning.INVALID),
        (ErrorAnswer(200, "busy", cause=ErrorAnswer(500)), Meaning.BROKEN),
    ],
)
def test_what_a_failed_record_says(failure: ErrorAnswer, meaning: Meaning) -> None:
    assert onemin_errors.meaning_of_failure(failure) is meaning


TEAMS = ("Acme Design", "O'Neill & Sons", "my little team", "72 credits club")


@pytest.mark.parametrize("team", TEAMS)
@pytest.mark.parametrize(
    ("status", "code"),
    [(406, "INSUFFICIENT_CREDITS"), (406, ""), (400, "INSUFFICIENT_CREDITS"), (402, ""), (500, "")],
)
@pytest.mark.parametrize("form", ["team {}", "team '{}'", "Team: “{}”", "{} (team)"])
def test_the_team_is_in_no_words_about_money(team: str, status: int, code: str, form: str) -> None:
    message = f"The feature requires 4,800 credits, but the {form.format(team)} has only 120 credits"

    shown = onemin_errors.words(ErrorAnswer(status, message, code=code))

    assert team not in shown
    assert "4,800 credits" in shown


@pytest.mark.parametrize("form", ["team 'Acme Design'", 'Team name: "Acme Design"', "the team Acme Design"])
def test_the_team_is_in_no_other_words(form: str) -> None:
    shown = onemin_errors.words(ErrorAnswer(429, f"Too many requests of {form} in a minute"))

    assert "Acme" not in shown
    assert shown.endswith("in a minute")


def test_a_gateways_page_is_read_for_its_words() -> None:
    page = b"<html><head><title>522</title></head><body><h1>Connection timed out</h1></body></html>"

    assert onemin_errors.decode_error(522, page) == ErrorAnswer(522, "522 Connection timed out")


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(300, 599), strategies.bodies(strategies.errors.map(onemin_errors.encode_error)))
def test_every_error_reads_as_something(status: int, body: bytes) -> None:
    error = onemin_errors.decode_error(status, body)

    assert onemin_errors.meaning(error) in Meaning
    assert onemin_errors.meaning_of_failure(error) in Meaning
    assert len(error.message) <= onemin_errors.MESSAGE_MAX
    onemin_errors.words(error).encode()
