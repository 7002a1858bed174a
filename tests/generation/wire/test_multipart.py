"""Forms of several parts: written and read, and what is no form."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import multipart
from generation.wire.errors import WireError
from generation.wire.multipart import Part
from tests.generation.wire.fuzzing import EXAMPLES

# What a name cannot say for itself, because it stands for another character, cannot come back.
_names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40).filter(
    lambda text: not any(escape in text for escape in ("%22", "%0D", "%0A"))
)
_data = st.binary(max_size=80) | st.sampled_from([b"", b"\r\n", b"--", b"\r\n--form-", b"\r\n\r\n"])
parts = st.builds(Part, _names, _data, st.none() | _names, st.sampled_from(["", "image/png", "text/plain"]))
HEAD = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n'
TYPE = "multipart/form-data; boundary=b"


@given(st.lists(parts, max_size=8).map(tuple))
def test_a_form_reads_back_as_it_was_written(sent: tuple[Part, ...]) -> None:
    form = multipart.encode(sent)

    assert multipart.decode(form.body, form.content_type) == sent


def test_a_boundary_occurs_in_no_part() -> None:
    plain = Part("a", b"x" * 200)
    boundary = multipart.boundary_of(multipart.encode([plain]).content_type)
    # Nobody can choose a picture that ends its own part: the beginning decides, and the rest is searched.
    hostile = Part("a", b"x" * 64 + b"\r\n--" + boundary + b"--" + b"x" * (200 - 70 - len(boundary)))
    assert len(hostile.data) == len(plain.data)

    form = multipart.encode([hostile])

    assert multipart.boundary_of(form.content_type) != boundary
    assert multipart.decode(form.body, form.content_type) == (hostile,)


@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        ('form-data; name="image[]"; filename="a b.png"', "image[]", "a b.png"),
        ("form-data; name=image; filename=a.png", "image", "a.png"),
        ('form-data; filename="a\\"b.png"; name="image"', "image", 'a"b.png'),
        ('form-data; name="image"; filename="a%22b.png"', "image", 'a"b.png'),
        ("form-data; name=\"image\"; filename*=UTF-8''%E2%82%AC.png", "image", "€.png"),
        ('FORM-DATA; NAME="image"; filename="e.png"; filename*=utf-8\'\'%E2%82%AC.png', "image", "€.png"),
        ('form-data; name="a; filename=b"', "a; filename=b", None),
    ],
)
def test_names_are_read_as_clients_write_them(disposition: str, name: str, filename: str | None) -> None:
    body = f"--b\r\ncontent-disposition: {disposition}\r\n\r\nx\r\n--b--".encode()

    (part,) = multipart.decode(body, TYPE)

    assert (part.name, part.filename, part.data) == (name, filename, b"x")


@pytest.mark.parametrize(
    "body",
    [
        HEAD + b"x\r\n--b--",
        HEAD + b"x\r\n--b--\r\nwhat follows is nothing",
        b"what precedes is nothing\r\n" + HEAD + b"x\r\n--b--",
        HEAD.replace(b"--b\r\n", b"--b \t\r\n") + b"x\r\n--b--",
    ],
)
def test_what_stands_around_the_parts_is_left_out(body: bytes) -> None:
    assert multipart.decode(body, TYPE) == (Part("a", b"x"),)


@pytest.mark.parametrize(
    "content_type",
    [
        'multipart/form-data; boundary="b"',
        "multipart/form-data; charset=utf-8; boundary=b",
        "Multipart/Form-Data;boundary=b; charset=utf-8",
    ],
)
def test_a_boundary_is_found_in_its_header(content_type: str) -> None:
    assert multipart.boundary_of(content_type) == b"b"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", TYPE),
        (b"--b--", "multipart/form-data"),
        (b"--b--", "multipart/form-data; boundary=" + "b" * 71),
        (b"--b--", 'multipart/form-data; boundary="a\r\nb"'),
        (b"--b--", "application/json"),
        (b"--b--", "multipart/mixed; boundary=b"),
        (HEAD + b"x", TYPE),
        (HEAD + b"x\r\n--b", TYPE),
        (HEAD + b"x\r\n--bc\r\n", TYPE),
        (b"--b\r\n\r\nx\r\n--b--", TYPE),
        (b"--b\r\nContent-Disposition: attachment; name=a\r\n\r\nx\r\n--b--", TYPE),
        (b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--", TYPE),
        (HEAD.replace(b"\r\n\r\n", b"\r\nContent-Transfer-Encoding: base64\r\n\r\n") + b"x\r\n--b--", TYPE),
        (b'--b\r\nContent-Disposition: form-data; name="' + b"a" * 9000 + b'"\r\n\r\nx\r\n--b--', TYPE),
        ((HEAD + b"x\r\n") * (multipart.PARTS_MAX + 1) + b"--b--", TYPE),
    ],
)
def test_what_is_no_form_is_a_wire_error(body: bytes, content_type: str) -> None:
    with pytest.raises(WireError):
        multipart.decode(body, content_type)


def test_as_many_parts_as_allowed_are_read() -> None:
    assert (
        len(multipart.decode((HEAD + b"x\r\n") * multipart.PARTS_MAX + b"--b--", TYPE)) == multipart.PARTS_MAX
    )


def test_a_content_type_is_one_header() -> None:
    with pytest.raises(WireError):
        multipart.encode([Part("a", b"x", "a", "image/png\r\nX-Evil: 1")])


@settings(max_examples=EXAMPLES)
@given(st.lists(parts, max_size=3).map(tuple), st.data())
def test_a_cut_form_is_a_wire_error(sent: tuple[Part, ...], data: st.DataObject) -> None:
    form = multipart.encode(sent)
    whole = len(form.body) - len("\r\n")

    with pytest.raises(WireError):
        multipart.decode(form.body[: data.draw(st.integers(0, whole - 1))], form.content_type)


_pieces = st.sampled_from([HEAD, b"--b", b"\r\n--b", b"\r\n", b"--", b"\r\n\r\n", b"\r\n--b--\r\n", b"name="])


@settings(max_examples=EXAMPLES)
@given(st.lists(_pieces | st.binary(max_size=12), max_size=12).map(b"".join))
def test_any_bytes_are_a_form_or_a_wire_error(body: bytes) -> None:
    try:
        read = multipart.decode(body, TYPE)
    except WireError:
        return
    assert all(isinstance(part.data, bytes) for part in read)


@settings(max_examples=EXAMPLES)
@given(st.text(max_size=60) | st.text(max_size=60).map(lambda text: f"{TYPE}{text}"))
def test_any_header_names_a_boundary_or_is_a_wire_error(content_type: str) -> None:
    try:
        boundary = multipart.boundary_of(content_type)
    except WireError:
        return
    assert 1 <= len(boundary) <= multipart.BOUNDARY_MAX
