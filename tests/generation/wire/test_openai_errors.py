"""Errors of OpenAI's images format: its envelope, its imitators', and what each says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import openai_errors
from generation.wire.errors import InvalidRequest, Issue
from generation.wire.messages import Meaning
from generation.wire.openai_errors import Envelope, OpenAIError
from tests.generation.wire import strategies_openai as strategies
from tests.generation.wire.fuzzing import EXAMPLES


@pytest.mark.parametrize("envelope", [Envelope.NESTED, Envelope.FLAT])
@given(strategies.errors)
def test_an_error_reads_back_as_it_was_written(envelope: Envelope, sent: OpenAIError) -> None:
    body = openai_errors.encode_error(sent, envelope=envelope)

    assert openai_errors.decode_error(sent.status, body) == sent


@pytest.mark.parametrize("envelope", [Envelope.DETAIL, Envelope.BARE, Envelope.LITELLM, Envelope.DETAIL_LIST])
@given(strategies.errors)
def test_a_message_reads_back_from_the_shorter_envelopes(envelope: Envelope, sent: OpenAIError) -> None:
    read = openai_errors.decode_error(sent.status, openai_errors.encode_error(sent, envelope=envelope))

    assert read.message == sent.message
    assert read.param == (sent.param if envelope in (Envelope.LITELLM, Envelope.DETAIL_LIST) else "")


def test_words_alone_are_read() -> None:
    sent = OpenAIError(400, "The model is unknown.")

    read = openai_errors.decode_error(400, openai_errors.encode_error(sent, envelope=Envelope.TEXT))

    assert read == sent


def read(status: int, value: Any) -> OpenAIError:
    return openai_errors.decode_error(status, json.dumps(value).encode(), {"x-request-id": "req_1"})


def test_the_documented_envelope() -> None:
    value = {
        "error": {
            "message": "Unknown model.",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }

    assert read(404, value) == OpenAIError(
        404, "Unknown model.", "req_1", code="model_not_found", type="invalid_request_error", param="model"
    )


def test_a_refusal_says_where_and_for_what() -> None:
    value = {
        "error": {
            "message": "Your request was rejected by the safety system.",
            "type": "image_generation_user_error",
            "param": None,
            "code": "moderation_blocked",
            "moderation_details": {"moderation_stage": "output", "categories": ["violence", None]},
        }
    }

    error = read(400, value)

    assert (error.stage, error.categories) == ("output", ("violence",))
    assert openai_errors.meaning(error) == Meaning.CONTENT


@pytest.mark.parametrize(
    ("status", "value", "said", "meaning"),
    [
        (400, {"detail": "Field required"}, ("Field required", "", ""), Meaning.INVALID),
        (
            422,
            {"detail": [{"loc": ["body", "prompt"], "msg": "Field required", "type": "missing"}]},
            ("Field required", "", "prompt"),
            Meaning.INVALID,
        ),
        (
            422,
            {"detail": [{"loc": ["body", "model"], "msg": "Input should be 'a'"}, {"msg": "b"}, 3]},
            ("Input should be 'a'; b; ", "", "model"),
            Meaning.UNKNOWN_MODEL,
        ),
        (404, {"detail": "Not Found"}, ("Not Found", "", ""), Meaning.UNKNOWN_MODEL),
        (401, {"detail": {"error": "Unauthorized", "code": "invalid_api_key"}}, None, Meaning.BAD_KEY),
        (400, "the model `x` is not supported", None, Meaning.UNKNOWN_MODEL),
        (500, {"error": "out of memory"}, ("out of memory", "", ""), Meaning.BROKEN),
        (
            404,
            {
                "object": "error",
                "message": "The model `x` does not exist.",
                "type": "NotFoundError",
                "code": 404,
            },
            ("The model `x` does not exist.", "", ""),
            Meaning.UNKNOWN_MODEL,
        ),
        (
            401,
            {
                "error": {
                    "message": "Authentication Error",
                    "type": "auth_error",
                    "param": "None",
                    "code": "401",
                }
            },
            ("Authentication Error", "", ""),
            Meaning.BAD_KEY,
        ),
        (
            400,
            {"error": {"message": "Budget has been exceeded", "type": "budget_exceeded", "code": "400"}},
            None,
            Meaning.NO_MONEY,
        ),
        (
            400,
            {"error": {"message": "Invalid model name passed in model=x", "type": "None", "code": "400"}},
            None,
            Meaning.UNKNOWN_MODEL,
        ),
        (
            500,
            {"error": {"code": 500, "message": "rpc error", "type": ""}},
            ("rpc error", "", ""),
            Meaning.BROKEN,
        ),
    ],
)
def test_other_servers_are_read(
    status: int, value: Any, said: tuple[str, str, str] | None, meaning: Meaning
) -> None:
    error = read(status, value)

    assert openai_errors.meaning(error) == meaning
    assert said is None or (error.message, error.code, error.param) == (said[0].strip(), said[1], said[2])


def test_a_gateways_page_is_read_for_its_words() -> None:
    page = b"<html><head><style>b{}</style><title>502</title></head><body><h1>Bad gateway</h1></body></html>"

    assert openai_errors.decode_error(502, page).message == "502 Bad gateway"


@pytest.mark.parametrize(
    ("status", "code", "meaning"),
    [
        (400, "", Meaning.INVALID),
        (400, "content_policy_violation", Meaning.CONTENT),
        (400, "billing_hard_limit_reached", Meaning.NO_MONEY),
        (401, "", Meaning.BAD_KEY),
        (402, "", Meaning.NO_MONEY),
        (403, "", Meaning.NOT_ALLOWED),
        (404, "model_not_found", Meaning.UNKNOWN_MODEL),
        (405, "", Meaning.UNKNOWN_MODEL),
        (408, "", Meaning.TIMED_OUT),
        (409, "", Meaning.BROKEN),
        (413, "", Meaning.INVALID),
        (422, "", Meaning.INVALID),
        (429, "", Meaning.RATE_LIMITED),
        (429, "rate_limit_exceeded", Meaning.RATE_LIMITED),
        (429, "Insufficient_Quota", Meaning.NO_MONEY),
        (500, "insufficient_quota", Meaning.BROKEN),
        (500, "moderation_blocked", Meaning.BROKEN),
        (503, "", Meaning.UNAVAILABLE),
        (504, "", Meaning.TIMED_OUT),
        (522, "", Meaning.BROKEN),
        (307, "", Meaning.BROKEN),
    ],
)
def test_what_an_error_says(status: int, code: str, meaning: Meaning) -> None:
    assert openai_errors.meaning(OpenAIError(status, "", code=code)) == meaning


def test_a_403_for_money_is_told_from_one_for_rights() -> None:
    assert openai_errors.meaning(OpenAIError(403, "You have insufficient credits")) == Meaning.NO_MONEY


def test_a_type_counts_where_the_code_is_unheard_of() -> None:
    error = OpenAIError(400, "", code="new_word", type="image_generation_user_error")

    assert openai_errors.meaning(error) == Meaning.CONTENT


@pytest.mark.parametrize(
    ("issue", "code"),
    [
        (Issue("prompt", "Missing required parameter: 'prompt'."), "missing_required_parameter"),
        (Issue("n", "Invalid value for 'n'."), "invalid_value"),
    ],
)
def test_a_wrong_request_is_answered_with_its_first_fault(issue: Issue, code: str) -> None:
    error = openai_errors.invalid(InvalidRequest(issue, Issue("size", "no")))

    assert (error.status, error.code, error.param, error.message) == (400, code, issue.field, issue.message)


@pytest.mark.parametrize("status", [*openai_errors.EXAMPLES, 418, 500, 502])
def test_an_example_says_what_its_status_means(status: int) -> None:
    error = openai_errors.example(status)

    assert error.message
    assert openai_errors.meaning(error) == openai_errors.meaning(replace(error, message="", code="", type=""))


@settings(max_examples=EXAMPLES)
@given(
    st.integers(300, 599),
    st.binary(max_size=200)
    | (strategies.objects | strategies.trees).map(lambda value: json.dumps(value).encode()),
)
def test_every_error_reads_as_something(status: int, body: bytes) -> None:
    error = openai_errors.decode_error(status, body)

    assert openai_errors.meaning(error) in Meaning
    assert len(error.message) <= openai_errors.MESSAGE_MAX
