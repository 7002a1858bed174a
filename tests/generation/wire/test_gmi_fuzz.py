"""Whatever bytes come in GMI Cloud's name: a value, or a WireError."""

from hypothesis import given, settings
from hypothesis import strategies as st

from generation.wire import gmi, gmi_catalog, gmi_errors
from generation.wire.errors import WireError
from generation.wire.messages import ImageLink, ImageRequest, Meaning
from tests.generation.wire import strategies_gmi as strategies
from tests.generation.wire.fuzzing import EXAMPLES

READERS = (
    gmi.decode_listing,
    gmi_catalog.decode_models,
    gmi_catalog.decode_model,
    gmi_catalog.decode_upload,
    gmi_catalog.decode_upload_request,
)


@settings(max_examples=EXAMPLES)
@given(strategies.bodies)
def test_no_record_raises_anything_else(body: bytes) -> None:
    try:
        record = gmi.decode_answer(body)
    except WireError:
        return
    assert record.request_id or record.stage is not gmi.Stage.RUNNING
    assert all(image.url if isinstance(image, ImageLink) else image.data for image in record.images)
    assert isinstance(record.prompt, str)
    assert gmi_errors.failure_meaning(record.message) in Meaning
    if record.state is not None:
        go_on(record.state)


def go_on(state: bytes) -> None:
    """What was kept from any answer can be sent as the next turn, and read by a server."""
    body = gmi.encode_request(ImageRequest(model="m", prompt="go on", state=state))
    assert "go on" in gmi.decode_request(body).prompt


@settings(max_examples=EXAMPLES)
@given(strategies.bodies)
def test_no_request_raises_anything_else(body: bytes) -> None:
    try:
        request = gmi.decode_request(body)
    except WireError:
        return
    assert request.model
    assert request.prompt.strip()
    assert gmi.decode_request(gmi.encode_request(request)).prompt == request.prompt


@settings(max_examples=EXAMPLES)
@given(strategies.bodies, st.sampled_from(READERS))
def test_nothing_else_raises_anything_else(body: bytes, read: object) -> None:
    try:
        assert read(body) is not None  # type: ignore[operator]
    except WireError:
        return


@settings(max_examples=EXAMPLES)
@given(st.integers(300, 599), strategies.bodies)
def test_every_error_reads_as_something(status: int, body: bytes) -> None:
    error = gmi_errors.decode_error(status, body)

    assert gmi_errors.meaning(error) in Meaning
    assert len(error.message) <= gmi_errors.MESSAGE_MAX
