"""Whatever is sent, the answer is a problem with a code, and nothing is held."""

import base64
import io
import json
import struct
import uuid
import zlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image as Picture

from accounts import ledger
from accounts.models import Hold
from config.api import exceptions
from generation.models import Generation
from tests import factories
from tests.api.conftest import Caller

URL = "/api/v1/generations"
GOOD = {"prompt": "A lighthouse"}
pytestmark = pytest.mark.django_db


def is_problem(answer: Any, status: int, code: str) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert answer["Content-Type"] == "application/problem+json"
    assert body["status"] == status
    assert body["instance"] == answer["X-Request-Id"]
    assert body["detail"]
    assert body["title"]


def data_uri(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def bomb() -> bytes:
    """A PNG of a few bytes that claims 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def heavy() -> bytes:
    """A whole picture of more than 30 MB."""
    file = io.BytesIO()
    Picture.new("RGB", (3300, 3300)).save(file, "PNG", compress_level=0)
    return file.getvalue()


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"prompt": ""}, "prompt_missing", "prompt"),
        ({"prompt": "  \n"}, "prompt_missing", "prompt"),
        ({"prompt": None}, "prompt_missing", "prompt"),
        ({"prompt": 5}, "invalid", "prompt"),
        ({"prompt": ["a"]}, "invalid", "prompt"),
        ({"prompt": "a\x00b"}, "prompt_invalid", "prompt"),
        ({"prompt": "\ud800"}, "prompt_invalid", "prompt"),
        ({"prompt": "x" * 8_001}, "prompt_too_long", "prompt"),
        ({"model": "dall-e-9"}, "unknown_model", "model"),
        ({"model": ""}, "blank", "model"),
        ({"model": "\x00"}, "unstorable", "model"),
        ({"aspect_ratio": "7:5"}, "unknown_aspect_ratio", "aspect_ratio"),
        ({"aspect_ratio": None}, "null", "aspect_ratio"),
        ({"count": 0}, "invalid_count", "count"),
        ({"count": 5}, "invalid_count", "count"),
        ({"count": -1}, "invalid_count", "count"),
        ({"count": "2"}, "invalid_count", "count"),
        ({"count": 2.5}, "invalid_count", "count"),
        ({"count": True}, "invalid_count", "count"),
        ({"count": None}, "invalid_count", "count"),
        ({"count": [1]}, "invalid_count", "count"),
        ({"count": 10**400}, "invalid_count", "count"),
        ({"temperature": "hot"}, "invalid_temperature", "temperature"),
        ({"temperature": True}, "invalid_temperature", "temperature"),
        ({"temperature": -0.1}, "invalid_temperature", "temperature"),
        ({"temperature": 10**400}, "invalid_temperature", "temperature"),
        ({"top_p": 1.5}, "invalid_top_p", "top_p"),
        ({"top_p": 0.2}, "unsupported_parameter", "top_p"),
        ({"provider": "acme"}, "unknown_provider", "provider"),
        ({"provider": {}}, "invalid", "provider"),
        ({"expected_credits": "2"}, "invalid", "expected_credits"),
        ({"expected_credits": -1}, "min_value", "expected_credits"),
        ({"references": "abc"}, "not_a_list", "references"),
        ({"references": [1]}, "invalid", "references.0"),
        ({"references": [None]}, "null", "references.0"),
        ({"references": ["a", "b", "c", "d"]}, "too_many_references", "references"),
        ({"references": ["not-an-id"]}, "unknown_reference", "references"),
        ({"references": [str(uuid.uuid4())]}, "unknown_reference", "references"),
        ({"references": ["data:image/png;base64,%%%"]}, "reference_unreadable", "references"),
        ({"references": [data_uri(b"%PDF-1.4 no picture")]}, "reference_not_a_picture", "references"),
        ({"references": [data_uri(b"\0" * (30 * 1024 * 1024 + 1))]}, "reference_too_large", "references"),
        ({"references": [data_uri(bomb())]}, "reference_too_many_pixels", "references"),
        ({"references": ["http://127.0.0.1/a.png"]}, "reference_unreachable", "references"),
        ({"size": "1024x1024"}, "unknown_field", "size"),
        ({"user": 1}, "unknown_field", "user"),
    ],
)
def test_a_field_at_fault_is_named_with_a_code(
    owner: Caller, change: dict[str, Any], code: str, field: str
) -> None:
    # Written by hand: a test client's encoder would refuse some of these.
    body = json.dumps({**GOOD, **change})

    answer = owner.client.post(URL, body, content_type="application/json")

    is_problem(answer, 400, code)
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, code)]
    assert ledger.standing(owner.user).held == 0
    assert not Hold.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b"[]",
        b'"prompt"',
        b"5",
        b"{",
        b"\xff\xfe",
        b'{"prompt": NaN}',
        b'{"prompt": "a", "temperature": Infinity}',
        b'{"prompt": "a", "temperature": 1e400}',
        b'{"prompt": "a", "prompt": "b"}',
        b'{"prompt": "a", "count": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"prompt": {"a": [[[{"b": null}]]]}}',
    ],
)
def test_a_body_that_is_no_wish_is_refused(owner: Caller, body: bytes) -> None:
    answer = owner.client.post(URL, body, content_type="application/json")

    is_problem(answer, 400, answer.json()["code"])
    assert not Generation.objects.exists()


def test_every_fault_is_told_at_once(owner: Caller) -> None:
    answer = owner.client.post(URL, {"count": "2", "temperature": "hot"})

    fields = [error["field"] for error in answer.json()["errors"]]
    assert sorted(fields) == ["count", "prompt", "temperature"]


def test_a_body_over_the_limit_is_413(owner: Caller, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    answer = owner.client.post(URL, {"prompt": "x" * 2000})

    is_problem(answer, 413, "too_large")


def test_a_body_in_chunks_is_411(owner: Caller) -> None:
    answer = owner.client.generic(
        "POST", URL, b"", content_type="application/json", headers={"Transfer-Encoding": "chunked"}
    )

    is_problem(answer, 411, "length_required")


def test_answers_are_kept_by_nobody_in_between(owner: Caller) -> None:
    assert owner.client.get(URL)["Cache-Control"] == "private, no-store"


def test_a_body_of_another_kind_is_415(owner: Caller) -> None:
    answer = owner.client.post(URL, b"<prompt/>", content_type="application/xml")

    is_problem(answer, 415, "unsupported_media_type")


def test_an_answer_of_another_kind_is_406(owner: Caller) -> None:
    answer = owner.client.get(URL, headers={"Accept": "application/xml"})

    is_problem(answer, 406, "not_acceptable")


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options"])
def test_a_method_that_is_not_there_is_405(owner: Caller, method: str) -> None:
    answer = getattr(owner.client, method)(URL)

    is_problem(answer, 405, "method_not_allowed")
    assert "POST" in answer["Allow"]


@pytest.mark.parametrize(
    "path",
    ["nothing", "v1/nothing", "v1/generations/", "v1/generations/5", "v2/models", "", "v1/images/x/file"],
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_a_path_that_is_not_there_is_404(owner: Caller, path: str, method: str) -> None:
    is_problem(getattr(owner.client, method)(f"/api/{path}"), 404, "not_found")


@pytest.mark.parametrize(
    "header",
    [
        "Bearer",
        "Bearer ",
        "Bearer x y",
        "bearer esl_",
        "Bearer esl_" + "0" * 50,
        "Bearer sk-1234",
        "Bearer ÿ",
        "Bearerx",
    ],
)
def test_a_wrong_key_is_401(db: None, header: str) -> None:
    answer = Client().get("/api/v1/credits", headers={"Authorization": header})

    is_problem(answer, 401, "invalid_api_key")
    assert answer["WWW-Authenticate"] == "Bearer"


def test_no_key_is_401(db: None) -> None:
    answer = Client().get("/api/v1/credits")

    is_problem(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (b"", 400, "not_a_picture"),
        (b"plain text", 400, "not_a_picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "not_a_picture"),
        (factories.picture()[:-40], 400, "unreadable"),
        (bomb(), 400, "too_many_pixels"),
        (heavy(), 413, "too_large"),
    ],
    ids=["empty", "text", "svg", "half", "bomb", "heavy"],
)
def test_an_upload_that_is_no_picture_is_refused(owner: Caller, data: bytes, status: int, code: str) -> None:
    file = SimpleUploadedFile("mug.png", data, "image/png")

    answer = owner.client.post("/api/v1/uploads", {"file": file}, format="multipart")

    is_problem(answer, status, code)


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "multipart/form-data; boundary=x", 400, "required"),
        (b"junk", "multipart/form-data", 400, "invalid_body"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x", 400, "required"),
        (b"{}", "application/json", 415, "unsupported_media_type"),
        (factories.picture(), "image/png", 415, "unsupported_media_type"),
    ],
)
def test_an_upload_without_a_file_is_refused(
    owner: Caller, body: bytes, kind: str, status: int, code: str
) -> None:
    is_problem(owner.client.post("/api/v1/uploads", body, content_type=kind), status, code)


def test_an_upload_without_any_body_is_refused(owner: Caller) -> None:
    answer = owner.client.generic("POST", "/api/v1/uploads", b"", content_type="")

    is_problem(answer, 400, "required")


def test_two_uploads_at_once_are_refused(owner: Caller) -> None:
    files = [SimpleUploadedFile(f"{seed}.png", factories.picture(seed=seed)) for seed in (1, 2)]

    answer = owner.client.post("/api/v1/uploads", {"file": files}, format="multipart")

    is_problem(answer, 400, "too_many_files")


def test_an_upload_larger_than_any_picture_is_not_read(owner: Caller) -> None:
    answer = owner.client.generic(
        "POST",
        "/api/v1/uploads",
        b"",
        content_type="multipart/form-data; boundary=x",
        headers={"Content-Length": "900000000"},
    )

    is_problem(answer, 413, "too_large")


def test_an_upload_with_another_field_is_refused(owner: Caller) -> None:
    file = SimpleUploadedFile("mug.png", factories.picture())

    answer = owner.client.post("/api/v1/uploads", {"file": file, "name": "mug"}, format="multipart")

    is_problem(answer, 400, "unknown_field")


def test_a_fault_of_ours_is_500_without_detail(owner: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(ledger, "standing", broken)

    answer = owner.client.get("/api/v1/credits")

    is_problem(answer, 500, "internal_error")
    assert answer["X-Request-Id"] in answer.json()["detail"]
    assert "secret" not in answer.content.decode()


def test_every_status_in_the_table_has_a_title() -> None:
    assert set(exceptions.STATUSES.values()) <= set(exceptions.TITLES)
