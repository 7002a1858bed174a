"""Runs and records of 1min.ai, written and read; and how a reference is uploaded."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import onemin, onemin_assets
from generation.wire.errors import InvalidRequest, Unsupported, WireError
from generation.wire.messages import ErrorAnswer, ImageBytes, ImageLink, ImageRequest
from generation.wire.onemin import Record, Run, Status, UnknownFeature
from generation.wire.onemin_assets import Asset, Form
from tests.generation.wire import strategies_onemin as strategies
from tests.generation.wire.fuzzing import EXAMPLES

LINK = "https://s3.example.test/asset/images/a.png?X-Amz-Expires=604800&X-Amz-Signature=00"
KEY = "images/2026_03_01_08_00_00_001_x.png"
ASKED = ImageRequest(onemin.TEXT_MODEL, "a lighthouse")


@given(strategies.runs)
def test_a_run_reads_back_as_it_was_written(run: Run) -> None:
    assert onemin.decode_request(onemin.encode_request(run)) == run


def test_the_documented_generation_is_written() -> None:
    assert json.loads(onemin.encode_request(Run(ASKED))) == {
        "type": "IMAGE_GENERATOR",
        "model": "gemini-2.5-flash-image",
        "promptObject": {"prompt": "a lighthouse"},
    }


def test_the_documented_edit_is_written() -> None:
    references = (ImageLink("images/a.png"), ImageLink("images/b.png"), ImageLink("images/c.png"))

    assert json.loads(
        onemin.encode_request(Run(ImageRequest("m", "mix", "16:9", references=references), is_async=True))
    ) == {
        "type": "IMAGE_EDITOR",
        "model": "m",
        "promptObject": {
            "prompt": "mix",
            "imageUrl": "images/a.png",
            "referenceImage1": "images/b.png",
            "referenceImage2": "images/c.png",
            "aspect_ratio": "16:9",
        },
        "async": True,
    }


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.4},
        {"top_p": 0.9},
        {"count": 2},
        {"image_size": "2K"},
        {"provider_route": "google"},
        {"state": b"{}"},
        {"references": (ImageBytes(b"abc", "image/png"),)},
        {"references": (ImageLink(KEY),) * 4},
        {"references": (ImageLink(KEY), ImageLink("https://x.example.test/a.png"))},
    ],
)
def test_what_no_field_says_is_an_error_and_not_dropped(more: dict[str, Any]) -> None:
    with pytest.raises(Unsupported):
        onemin.encode_request(Run(ImageRequest("m", "a lake", **more)))


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, ["type", "model", "prompt"]),
        ({"type": "IMAGE_GENERATOR", "model": " ", "promptObject": {"prompt": "p"}}, ["model"]),
        ({"type": "IMAGE_GENERATOR", "model": "m", "promptObject": "p"}, ["prompt"]),
        ({"type": "IMAGE_EDITOR", "model": "m", "promptObject": {"prompt": "p"}}, ["imageUrl"]),
    ],
)
def test_missing_fields_are_named(fields: dict[str, Any], missing: list[str]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        onemin.decode_request(json.dumps(fields).encode())

    assert [issue.field for issue in refusal.value.issues] == missing


def test_another_feature_is_told_apart() -> None:
    with pytest.raises(UnknownFeature, match="CHAT_WITH_AI"):
        onemin.decode_request(b'{"type":"CHAT_WITH_AI"}')


def test_the_generator_ignores_references_as_the_vendor_does() -> None:
    fields = {"type": "IMAGE_GENERATOR", "model": "m", "promptObject": {"prompt": "p", "imageUrl": KEY}}

    assert onemin.decode_request(json.dumps(fields).encode()).asked.references == ()


def test_a_long_prompt_arrives_whole() -> None:
    asked = ImageRequest("m", "a" * 100_000)

    assert onemin.decode_request(onemin.encode_request(Run(asked))).asked == asked


@given(strategies.records, strategies.requests(), st.booleans(), st.booleans())
def test_a_record_reads_back_as_it_was_written(
    record: Record, asked: ImageRequest, beside: bool, plain: bool
) -> None:
    assert onemin.decode_answer(onemin.encode_answer(record, asked, beside=beside, plain=plain)) == record


def test_the_documented_answer() -> None:
    body = {
        "aiRecord": {
            "uuid": "5b0c-1",
            "userId": "u-1",
            "teamId": "t-1",
            "model": "gemini-2.5-flash-image",
            "type": "IMAGE_GENERATOR",
            "status": "SUCCESS",
            "createdAt": "2026-03-01T08:00:00.000Z",
            "aiRecordDetail": {"promptObject": {"prompt": "a lighthouse"}, "resultObject": [KEY]},
            "temporaryUrl": LINK,
        }
    }

    record = onemin.decode_answer(json.dumps(body).encode())

    assert record == Record("5b0c-1", Status.SUCCESS, (KEY,), LINK)
    assert record.images == (ImageLink(LINK),)


def read(**record: Any) -> Record:
    found = onemin.decode_answer(json.dumps({"aiRecord": {"uuid": "u", **record}}).encode())
    assert found is not None
    return found


def test_an_unknown_id_is_no_record() -> None:
    assert onemin.decode_answer(b'{"aiRecord": null}') is None


@pytest.mark.parametrize(
    ("results", "images"),
    [
        ([KEY], ()),
        ([LINK], (ImageLink(LINK),)),
        (LINK, (ImageLink(LINK),)),
        ([KEY, LINK], (ImageLink(LINK),)),
        ([], ()),
        (None, ()),
        ([None, 3, ""], ()),
    ],
)
def test_only_addresses_become_pictures(results: Any, images: tuple[ImageLink, ...]) -> None:
    assert read(status="SUCCESS", aiRecordDetail={"resultObject": results}).images == images


def test_the_signed_address_goes_before_a_result_of_its_own() -> None:
    record = read(status="SUCCESS", aiRecordDetail={"resultObject": [LINK + "2"]}, temporaryUrl=LINK)

    assert record.images == (ImageLink(LINK),)


@pytest.mark.parametrize(
    ("status", "read_as"),
    [
        ("success", Status.SUCCESS),
        ("FAILED", Status.FAILURE),
        ("QUEUED", Status.PROCESSING),
        (None, Status.PROCESSING),
        (7, Status.PROCESSING),
    ],
)
def test_a_status_is_read_with_care(status: Any, read_as: Status) -> None:
    assert read(status=status).status == read_as


@pytest.mark.parametrize("uuid", ["../api/assets", "a?b", "a b", "", None, 3, "x" * 129])
def test_an_id_that_could_not_stand_in_an_address_is_none(uuid: Any) -> None:
    assert read(status="SUCCESS", uuid=uuid).uuid == ""


@pytest.mark.parametrize(
    "record",
    [
        {"aiRecordDetail": {"resultObject": ["no"]}},
        {"aiRecordDetail": {"resultObject": "no"}},
        {"message": "no"},
        {"error": "no"},
        {"error": {"message": "no"}},
        {"aiRecordDetail": {"errorMessage": "no", "resultObject": [KEY]}},
    ],
)
def test_the_words_of_a_failure_are_found_where_they_stand(record: dict[str, Any]) -> None:
    failed = read(status="FAILURE", **record)

    assert failed.failure == ErrorAnswer(200, "no")
    assert (failed.keys, failed.images) == ((), ())


@pytest.mark.parametrize(
    "data", [b"", b"<html>", b"[]", b"{}", b'{"aiRecord":[]}', b'{"aiRecord":"done"}', b'{"result":{}}']
)
def test_what_holds_no_record_is_a_wire_error(data: bytes) -> None:
    with pytest.raises(WireError):
        onemin.decode_answer(data)


@settings(max_examples=EXAMPLES, deadline=None)
@given(strategies.bodies(strategies.answers))
def test_no_answer_raises_anything_but_a_wire_error(body: bytes) -> None:
    try:
        record = onemin.decode_answer(body)
    except WireError:
        return
    assert record is None or all(image.url.startswith("http") for image in record.images)


@settings(max_examples=EXAMPLES, deadline=None)
@given(strategies.bodies(strategies.runs.map(onemin.encode_request)))
def test_no_request_raises_anything_but_a_wire_error(body: bytes) -> None:
    try:
        run = onemin.decode_request(body)
    except WireError:
        return
    assert run.asked.prompt.strip()
    assert run.asked.model.strip()


# --- Uploads ------------------------------------------------------------------------------------


@given(strategies.assets)
def test_an_upload_reads_back_as_it_was_written(asset: Asset) -> None:
    assert onemin_assets.decode_upload(onemin_assets.encode_upload(asset)) == asset


@pytest.mark.parametrize(("name", "kind"), [('a".png', "image/png"), ("a.png", "image/png\r\nx: y")])
def test_a_name_cannot_end_its_header(name: str, kind: str) -> None:
    with pytest.raises(ValueError, match="quotes or line breaks"):
        onemin_assets.encode_upload(Asset(name, kind, b""))


@given(strategies.keys, strategies.assets)
def test_the_key_of_an_upload_reads_back(key: str, asset: Asset) -> None:
    body = onemin_assets.encode_uploaded(key, asset, created_at="2026-03-01T08:00:00.000Z")

    assert onemin_assets.decode_uploaded(body) == key


@pytest.mark.parametrize(
    "fields",
    [
        {"fileContent": {"path": "images/a.png"}, "asset": {"key": "images/b.png"}},
        {"asset": {"key": "images/a.png"}},
        {"fileContent": {"path": None}, "asset": {"key": "images/a.png"}},
    ],
)
def test_the_path_goes_before_the_key(fields: dict[str, Any]) -> None:
    assert onemin_assets.decode_uploaded(json.dumps(fields).encode()) == "images/a.png"


uploaded = st.builds(
    onemin_assets.encode_uploaded, strategies.keys, strategies.assets, created_at=st.just("2026-03-01")
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(strategies.bodies(uploaded))
def test_no_answer_to_an_upload_raises_anything_but_a_wire_error(body: bytes) -> None:
    try:
        key = onemin_assets.decode_uploaded(body)
    except WireError:
        return
    assert key.strip()


@settings(max_examples=EXAMPLES, deadline=None)
@given(strategies.assets, st.text(max_size=60), st.data())
def test_no_form_raises_anything_but_a_wire_error(asset: Asset, kind: str, data: st.DataObject) -> None:
    form = onemin_assets.encode_upload(asset)
    start, end = (data.draw(st.integers(0, len(form.body))) for _ in range(2))
    body = form.body[:start] + data.draw(st.binary(max_size=20)) + form.body[end:]
    try:
        found = onemin_assets.decode_upload(Form(body, data.draw(st.sampled_from([kind, form.content_type]))))
    except WireError:
        return
    assert isinstance(found.data, bytes)
