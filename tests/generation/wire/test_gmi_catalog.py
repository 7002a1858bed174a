"""Models and uploads of GMI Cloud's queue."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.wire import gmi_catalog
from generation.wire.errors import InvalidRequest, WireError
from tests.generation.wire import strategies_gmi as strategies


@given(strategies.models)
def test_a_model_reads_back(model: gmi_catalog.Model) -> None:
    assert gmi_catalog.decode_model(gmi_catalog.encode_model(model)) == model


@given(st.lists(strategies.words, max_size=4).map(tuple), st.booleans())
def test_the_catalogue_reads_back_in_both_forms(models: tuple[str, ...], signed_in: bool) -> None:
    assert gmi_catalog.decode_models(gmi_catalog.encode_models(models, signed_in=signed_in)) == models


@given(strategies.uploads)
def test_an_upload_reads_back(upload: gmi_catalog.Upload) -> None:
    assert gmi_catalog.decode_upload(gmi_catalog.encode_upload(upload)) == upload


@pytest.mark.parametrize("kind", [*gmi_catalog.UPLOAD_TYPES, *gmi_catalog.OTHER_UPLOAD_TYPES])
def test_every_type_can_be_asked_for(kind: str) -> None:
    assert gmi_catalog.decode_upload_request(gmi_catalog.encode_upload_request(kind)) == kind


@pytest.mark.parametrize("kind", ["webp", "heic", "PNG", "", None, ["png"], {}])
def test_no_other_type_can(kind: Any) -> None:
    with pytest.raises(InvalidRequest):
        gmi_catalog.decode_upload_request(json.dumps({"file_type": kind}).encode())


def test_a_catalogue_of_objects_is_read() -> None:
    body = json.dumps({"models": [{"model": "a"}, {"id": "b"}, "c", 5, {}]}).encode()

    assert gmi_catalog.decode_models(body) == ("a", "b", "c")


def test_a_detail_record_with_odd_values_is_read() -> None:
    body = {"model": "m", "price_info": {"price": 0.039}, "parameters": [{"name": "prompt"}, 5], "tags": None}

    model = gmi_catalog.decode_model(json.dumps(body).encode())

    assert (model.price, model.parameters, model.tags) == ("0.039", ("prompt",), ())


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (gmi_catalog.decode_models, b"{}"),
        (gmi_catalog.decode_models, b'{"model_ids":{}}'),
        (gmi_catalog.decode_model, b"{}"),
        (gmi_catalog.decode_upload, b'{"upload_url":"https://x.example.test/"}'),
        (gmi_catalog.decode_upload, b'{"upload_url":"ftp://x/","public_url":"https://x.example.test/"}'),
        (gmi_catalog.decode_upload_request, b"[]"),
    ],
)
def test_what_is_neither_is_a_wire_error(read: Any, body: bytes) -> None:
    with pytest.raises(WireError):
        read(body)
