"""Requests of OpenAI's images format, written and read: JSON, forms, sizes and dialects."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import multipart, openai, shapes
from generation.wire.errors import InvalidRequest, Unsupported, WireError
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from generation.wire.multipart import Part
from generation.wire.openai import Counting, Dialect, EncodedCall, Extras, ImagesCall, Sizing
from tests.generation.wire import strategies_openai as strategies
from tests.generation.wire.fuzzing import EXAMPLES

PICTURE = ImageBytes(b"mug", "image/jpeg")
ASKED = ImageRequest("m", "a lake", aspect_ratio="16:9")


def decode(call: EncodedCall) -> ImagesCall:
    if call.path == openai.EDITS:
        return openai.decode_edit(call.body, call.content_type)
    return openai.decode_generation(call.body)


@given(strategies.requests, strategies.dialects, strategies.extras)
def test_a_request_reads_back_as_it_was_written(
    request_sent: ImageRequest, dialect: Dialect, extras: Extras
) -> None:
    sent = replace(extras, mask=extras.mask if request_sent.references else None)
    in_pixels = dialect.size is Sizing.PIXELS and request_sent.aspect_ratio is not None
    size = shapes.size_of(request_sent.aspect_ratio or "1:1") if in_pixels else ""

    read = decode(openai.encode_request(request_sent, dialect, sent))

    assert read == ImagesCall(request_sent, replace(sent, size=size))


def test_a_generation_is_json() -> None:
    call = openai.encode_request(replace(ASKED, count=2))

    assert (call.path, call.content_type) == ("/images/generations", "application/json")
    assert json.loads(call.body) == {"model": "m", "prompt": "a lake", "n": 2, "aspect_ratio": "16:9"}


@pytest.mark.parametrize(
    ("references", "brackets", "names"),
    [
        (1, False, ["image"]),
        (2, False, ["image[]", "image[]"]),
        (1, True, ["image[]"]),
    ],
)
def test_references_make_a_form(references: int, brackets: bool, names: list[str]) -> None:
    call = openai.encode_request(
        replace(ASKED, references=(PICTURE,) * references), Dialect(always_brackets=brackets)
    )

    parts = multipart.decode(call.body, call.content_type)
    assert call.path == "/images/edits"
    assert [part.name for part in parts if part.filename is not None] == names
    assert parts[0] == Part(names[0], b"mug", "reference-0.jpeg", "image/jpeg")
    assert {part.name: part.text for part in parts if part.filename is None} == {
        "model": "m",
        "prompt": "a lake",
        "n": "1",
        "aspect_ratio": "16:9",
    }


@pytest.mark.parametrize(
    ("dialect", "said"),
    [
        (Dialect(size=Sizing.PIXELS), {"n": 1, "size": "1344x768"}),
        (Dialect(response_format="url"), {"n": 1, "aspect_ratio": "16:9", "response_format": "url"}),
        (Dialect(count=Counting.ONE), {"aspect_ratio": "16:9"}),
    ],
)
def test_a_dialect_decides_what_is_said(dialect: Dialect, said: dict[str, Any]) -> None:
    body = json.loads(openai.encode_request(ASKED, dialect).body)

    assert body == {"model": "m", "prompt": "a lake", **said}


def test_a_server_that_is_told_no_shape_draws_squares() -> None:
    dialect = Dialect(size=Sizing.AUTO)

    body = json.loads(openai.encode_request(replace(ASKED, aspect_ratio="1:1"), dialect).body)

    assert body == {"model": "m", "prompt": "a lake", "n": 1}


@pytest.mark.parametrize(
    ("changed", "dialect"),
    [
        ({"temperature": 0.4}, Dialect()),
        ({"top_p": 0.9}, Dialect()),
        ({"image_size": "2K"}, Dialect()),
        ({"provider_route": "fal"}, Dialect()),
        ({"state": b"{}"}, Dialect()),
        ({"references": (ImageLink("https://x.example.test/a.png"),)}, Dialect()),
        ({}, Dialect(size=Sizing.AUTO)),
        ({"aspect_ratio": "7:5"}, Dialect(size=Sizing.PIXELS)),
        ({"count": 2}, Dialect(count=Counting.ONE)),
    ],
)
def test_what_cannot_be_said_is_an_error_and_not_dropped(changed: dict[str, Any], dialect: Dialect) -> None:
    with pytest.raises(Unsupported):
        openai.encode_request(replace(ASKED, **changed), dialect)


def test_a_mask_without_references_is_an_error() -> None:
    with pytest.raises(Unsupported):
        openai.encode_request(ASKED, extras=Extras(mask=PICTURE))


@pytest.mark.parametrize(
    ("options", "dialect"),
    [
        ({}, Dialect()),
        ({"organisation": "o-1"}, Dialect()),
        (
            {"size": "pixels", "response_format": "b64_json", "count": "one", "always_brackets": True},
            Dialect(Sizing.PIXELS, "b64_json", Counting.ONE, always_brackets=True),
        ),
    ],
)
def test_options_describe_a_dialect(options: dict[str, Any], dialect: Dialect) -> None:
    assert Dialect.read(options) == dialect


@pytest.mark.parametrize(
    "options",
    [{"size": "large"}, {"size": None}, {"response_format": "png"}, {"count": 1}, {"always_brackets": 1}],
)
def test_a_wrong_option_is_told_with_its_choices(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"the option {name} is one of"):
        Dialect.read(options)


# --- As a server reads them ---------------------------------------------------------------------


def generation(**said: Any) -> ImagesCall:
    return openai.decode_generation(json.dumps({"prompt": "a lake", **said}).encode())


def edit(*parts: Part, **said: str) -> ImagesCall:
    texts = [Part(name, value.encode()) for name, value in {"prompt": "a lake", **said}.items()]
    form = multipart.encode([*parts, *texts])
    return openai.decode_edit(form.body, form.content_type)


FILE = Part("image", b"mug", "mug.jpg", "image/jpeg; charset=binary")


def test_every_documented_field_is_taken() -> None:
    said = {
        "model": "gpt-image-1",
        "n": 10,
        "size": "1536x1024",
        "quality": "high",
        "background": "transparent",
        "moderation": "low",
        "output_format": "webp",
        "output_compression": 80,
        "style": "vivid",
        "input_fidelity": "high",
        "user": "u-1",
        "safety_identifier": "s-1",
        "stream": True,
        "partial_images": 3,
        "response_format": "b64_json",
        "nobody_knows": {"this": ["field"]},
    }

    call = generation(**said)

    assert call.request == ImageRequest("gpt-image-1", "a lake", aspect_ratio="3:2", count=10)
    kept = {name: value for name, value in said.items() if name not in ("model", "n", "nobody_knows")}
    assert {name: getattr(call.extras, name) for name in kept} == kept


def test_a_form_says_the_same_in_text() -> None:
    call = edit(FILE, n="3", stream="true", partial_images="2", output_compression="50", size="auto")

    assert call.request == ImageRequest("", "a lake", count=3, references=(PICTURE,))
    assert call.extras == Extras(size="auto", stream=True, partial_images=2, output_compression=50)


@pytest.mark.parametrize("name", ["image", "image[]", "image[0]"])
def test_files_are_found_under_each_name(name: str) -> None:
    assert edit(replace(FILE, name=name), replace(FILE, name=name)).request.references == (PICTURE,) * 2


def test_a_mask_and_parts_that_nobody_knows_do_no_harm() -> None:
    call = edit(
        FILE,
        Part("mask", b"mask", "mask.png", "image/png"),
        Part("attachment", b"\xff", "a.bin"),
        Part("latin", b"\xff"),
        Part("svg[model]", b"x"),
    )

    assert call.extras == Extras(mask=ImageBytes(b"mask", "image/png"))


def test_nulls_say_nothing() -> None:
    names = ("model", "n", "size", "quality", "stream", "partial_images", "response_format", "aspect_ratio")

    assert generation(**dict.fromkeys(names)) == ImagesCall(ImageRequest("", "a lake"))


def test_a_ratio_goes_before_a_size() -> None:
    assert generation(aspect_ratio="9:16", size="1024x1024").request.aspect_ratio == "9:16"


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": "  "}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"prompt": "a" * 32_001}, "prompt"),
        ({"model": 7}, "model"),
        ({"n": 0}, "n"),
        ({"n": 11}, "n"),
        ({"n": 1.5}, "n"),
        ({"n": True}, "n"),
        ({"n": "many"}, "n"),
        ({"size": "large"}, "size"),
        ({"size": "0x1024"}, "size"),
        ({"size": 1024}, "size"),
        ({"aspect_ratio": "7:5"}, "aspect_ratio"),
        ({"response_format": "png"}, "response_format"),
        ({"partial_images": 4}, "partial_images"),
        ({"output_compression": 101}, "output_compression"),
    ],
)
def test_a_wrong_field_is_named(said: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        generation(**said)

    assert [issue.field for issue in refusal.value.issues] == [at]
    assert f"'{at}'" in refusal.value.issues[0].message


@pytest.mark.parametrize("parts", [[], [FILE] * 17, [replace(FILE, data=b"")]])
def test_files_that_cannot_be_taken_are_named(parts: list[Part]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        edit(*parts)

    assert [issue.field for issue in refusal.value.issues] == ["image"]


@pytest.mark.parametrize("count", ["1e400000000", "9" * 4000, "1e-400000000"])
def test_absurd_numbers_cost_no_time(count: str) -> None:
    with pytest.raises(WireError):
        openai.decode_generation(f'{{"prompt":"p","n":{count}}}'.encode())


def test_an_edit_as_json_is_a_wire_error() -> None:
    with pytest.raises(WireError):
        openai.decode_edit(b'{"prompt":"p"}', "application/json")


@settings(max_examples=EXAMPLES)
@given(strategies.objects)
def test_any_object_is_a_request_or_a_wire_error(said: dict[str, Any]) -> None:
    try:
        read = openai.decode_generation(json.dumps(said).encode())
    except WireError:
        return
    assert 1 <= read.request.count <= openai.COUNT_MAX
    assert read.request.aspect_ratio in (None, *shapes.RATIOS)


@settings(max_examples=EXAMPLES)
@given(
    st.dictionaries(
        strategies.names | st.just("image"), st.binary(max_size=20) | st.just(b"16:9"), max_size=8
    )
)
def test_any_form_is_a_request_or_a_wire_error(said: dict[str, bytes]) -> None:
    form = multipart.encode(Part(name, value) for name, value in said.items())
    try:
        read = openai.decode_edit(form.body, form.content_type)
    except WireError:
        return
    assert read.request.references


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_request_or_a_wire_error(data: bytes) -> None:
    for read in (
        openai.decode_generation,
        lambda body: openai.decode_edit(body, "multipart/form-data; boundary=b"),
    ):
        try:
            call = read(data)
        except WireError:
            continue
        assert call.request.prompt
