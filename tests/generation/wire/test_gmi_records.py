"""Status records of GMI Cloud's queue, in every form that has been seen."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import gmi
from generation.wire.errors import WireError
from generation.wire.gmi import Listing, Reason, Record, Stage, Urls
from generation.wire.messages import ImageBytes, ImageLink
from tests.generation.wire import strategies_gmi as strategies

LINK = "https://storage.example.test/bucket/user-assets/o-1/u-1/x.png"


@given(
    strategies.records(),
    st.sampled_from([Urls.OBJECTS, Urls.STRINGS]),
    st.sampled_from(Reason),
    st.booleans(),
)
def test_a_record_reads_back_in_every_form(
    record: Record, urls: Urls, reason: Reason, turns_beside: bool
) -> None:
    body = gmi.encode_answer(record, urls=urls, reason=reason, turns_beside=turns_beside)

    assert gmi.decode_answer(body) == record


@pytest.mark.parametrize("urls", [Urls.URL, Urls.IMAGE_URL])
def test_a_flat_address_reads_back(urls: Urls) -> None:
    record = Record("r-1", "m", "success", images=(ImageLink(LINK),))

    assert gmi.decode_answer(gmi.encode_answer(record, urls=urls)) == record


@settings(max_examples=30)
@given(strategies.listings)
def test_a_list_reads_back(listing: Listing) -> None:
    assert gmi.decode_listing(gmi.encode_listing(listing)) == listing


def read(**fields: Any) -> Record:
    return gmi.decode_answer(json.dumps({"request_id": "r-1", **fields}).encode())


def test_the_documented_answer_to_a_submit() -> None:
    record = read(
        model="gemini-2.5-flash-image",
        status="queued",
        created_at=1767225600,
        updated_at=1767225600,
        queued_at=1767225600,
    )

    assert record.stage is Stage.RUNNING
    assert (record.request_id, record.created_at) == ("r-1", 1767225600)


def test_the_documented_full_record() -> None:
    record = read(
        org_id="o-1",
        user_id="u-1",
        model="gemini-2.5-flash-image",
        status="success",
        is_public=False,
        payload={"prompt": "a red kite over dunes"},
        outcome={
            "media_urls": [{"id": "0", "url": LINK}],
            "thumbnail_image_url": LINK.replace("x.png", "x_t.png"),
        },
        created_at=1767225600,
        updated_at=1767225614,
        queued_at=1767225600,
    )

    assert (record.stage, record.images) == (Stage.SUCCESS, (ImageLink(LINK),))
    assert record.prompt == "a red kite over dunes"


@pytest.mark.parametrize(
    ("status", "stage"),
    [
        ("created", Stage.RUNNING),
        ("queued", Stage.RUNNING),
        ("dispatched", Stage.RUNNING),
        ("processing", Stage.RUNNING),
        ("success", Stage.SUCCESS),
        ("SUCCESS", Stage.SUCCESS),
        ("completed", Stage.SUCCESS),
        ("failed", Stage.FAILED),
        ("error", Stage.FAILED),
        ("cancelled", Stage.CANCELLED),
        ("warming_up", Stage.RUNNING),
        ("", Stage.RUNNING),
        (None, Stage.RUNNING),
    ],
)
def test_what_a_status_means(status: Any, stage: Stage) -> None:
    assert read(status=status).stage is stage


@pytest.mark.parametrize(
    "outcome",
    [
        {"media_urls": [{"id": "0", "url": LINK}]},
        {"media_urls": [LINK]},
        {"media_urls": [None, {"url": 5}, {"url": LINK}]},
        {"media_urls": [], "image_url": LINK},
        {"media_urls": None, "url": LINK},
        {"image_url": LINK, "url": "https://other.example.test/"},
    ],
)
def test_pictures_are_found_where_they_stand(outcome: dict[str, Any]) -> None:
    assert read(status="success", outcome=outcome).images == (ImageLink(LINK),)


def test_the_thumbnail_and_the_echo_are_no_result() -> None:
    record = read(
        status="success", outcome={"thumbnail_image_url": LINK}, payload={"image": LINK, "url": LINK}
    )

    assert (record.images, record.unread) == ((), 0)


def test_a_picture_inside_the_record_is_read() -> None:
    record = read(status="success", outcome={"media_urls": ["data:image/png;base64,YWJj"]})

    assert record.images == (ImageBytes(b"abc", "image/png"),)


def test_results_that_nobody_can_read_are_counted() -> None:
    record = read(status="success", outcome={"media_urls": [{"link": LINK}, "gs://bucket/x.png"]})

    assert (record.images, record.unread) == ((), 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": {"error": "why"}},
        {"outcome": {"message": "why"}},
        {"error": "why"},
        {"error_message": "why"},
        {"outcome": {"error": {"message": "why"}}},
        {"error": {"message": "why", "code": 3}},
        {"outcome": {"error": ""}, "error": " why "},
    ],
)
def test_a_reason_is_found_in_each_place(fields: dict[str, Any]) -> None:
    assert read(status="failed", **fields).message == "why"


def test_the_conversation_is_kept_word_for_word() -> None:
    contents = (
        b'[{"role":"user","parts":[{"text":"a"}],"z":1.50,"a":1E+2},'
        b'{"role":"model","parts":[{"thoughtSignature":"\\u00e9\\ud83d","n":12345678901234567890.123456789}]}]'
    )
    body = b'{"request_id":"r-1","status":"success","outcome":{"next_turn_contents":%s}}' % contents

    assert gmi.decode_answer(body).state == contents


def test_the_conversation_in_the_outcome_goes_before_one_beside_it() -> None:
    inside, beside = [{"role": "user", "n": 1}], [{"role": "user", "n": 2}]

    assert read(outcome={"next_turn_contents": inside}, next_turn_contents=beside).state == (
        b'[{"role":"user","n":1}]'
    )
    assert read(outcome={}, next_turn_contents=beside).state == b'[{"role":"user","n":2}]'
    assert read(outcome={"next_turn_contents": []}).state is None


@pytest.mark.parametrize(
    ("echo", "prompt"),
    [
        ({"prompt": "a"}, "a"),
        ({"contents": [{"role": "user", "parts": [{"text": ""}, {"text": "b"}]}]}, "b"),
        ({"prompt": "a", "contents": [{"role": "user", "parts": [{"text": "b"}]}]}, "b"),
        ({}, ""),
        ({"prompt": 5, "contents": "x"}, ""),
    ],
)
def test_the_echo_says_what_was_asked(echo: dict[str, Any], prompt: str) -> None:
    assert read(payload=echo).prompt == prompt


@pytest.mark.parametrize("request_id", [None, "", "../models", "a/b", "a b", "é", "x" * 201, 5, ".."])
def test_an_id_that_cannot_be_asked_for_is_none(request_id: Any) -> None:
    with pytest.raises(WireError):
        read(request_id=request_id, status="queued")


def test_a_finished_record_needs_no_id() -> None:
    record = read(request_id=None, status="success", outcome={"media_urls": [LINK]})

    assert (record.request_id, record.images) == ("", (ImageLink(LINK),))


@pytest.mark.parametrize("value", [True, -1, "1767225600", None, [], 1e300])
def test_a_time_that_is_none_is_left_out(value: Any) -> None:
    assert read(created_at=value).created_at is None


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"null", b'{"status":NaN}', b'"queued"'])
def test_what_is_no_record_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        gmi.decode_answer(data)


def test_a_list_counts_what_it_cannot_read() -> None:
    body = json.dumps({"requests": [{"request_id": "r-1"}, 5, {}], "total": 3}).encode()

    listing = gmi.decode_listing(body)

    assert ([one.request_id for one in listing.records], listing.total, listing.unread) == (["r-1"], 3, 2)


@pytest.mark.parametrize("data", [b"{}", b'{"requests":{}}', b"[]"])
def test_what_is_no_list_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        gmi.decode_listing(data)
