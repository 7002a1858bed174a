"""Any message of 1min.ai's format, and what is nearly one."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

from generation.wire import onemin, onemin_errors
from generation.wire.messages import ErrorAnswer, ImageLink, ImageRequest
from generation.wire.onemin import Record, Run, Status
from generation.wire.onemin_assets import Asset
from tests.generation.wire.strategies import links, prompts

keys = st.from_regex(r"(development/)?images/[a-z0-9_]{1,20}\.(png|webp)", fullmatch=True)
ratios = st.none() | st.sampled_from(["1:1", "16:9", "21:9"])
models = st.sampled_from([onemin.TEXT_MODEL, onemin.EDIT_MODEL, "other"])
uuids = st.from_regex(r"[a-f0-9-]{1,36}", fullmatch=True)
# Words come back stripped, and without what neither a database nor a page can hold.
words = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
    .map(str.strip)
    .filter(bool)
)
codes = st.sampled_from([*onemin_errors.CODES, onemin_errors.EXTERNAL, "SOMETHING_NEW"])


@st.composite
def requests(draw: st.DrawFn) -> ImageRequest:
    first = draw(st.lists(st.builds(ImageLink, keys | links), max_size=1))
    rest = draw(st.lists(st.builds(ImageLink, keys), max_size=2)) if first else []
    return ImageRequest(draw(models), draw(prompts), draw(ratios), references=(*first, *rest))


runs = st.builds(Run, requests(), st.booleans())
causes = st.builds(ErrorAnswer, st.integers(100, 599), words, code=codes)
failures = st.builds(
    ErrorAnswer, st.just(200), words | st.just(""), code=codes | st.just(""), cause=st.none() | causes
)
errors = st.builds(ErrorAnswer, st.integers(400, 599), words, code=codes, cause=st.none() | causes)
records = (
    st.builds(Record, uuids, st.just(Status.PROCESSING))
    | st.builds(
        Record,
        uuids,
        st.just(Status.SUCCESS),
        st.lists(keys | links, max_size=3).map(tuple),
        links | st.just(""),
    )
    | st.builds(Record, uuids, st.just(Status.FAILURE), failure=failures)
)
assets = st.builds(
    Asset,
    st.from_regex(r"[a-z0-9 _.-]{1,20}", fullmatch=True).map(str.strip).filter(bool),
    st.sampled_from(["image/png", "image/jpeg", "image/webp"]),
    st.binary(max_size=200) | st.sampled_from([b"\r\n--\r\n\r\n", b"--", b"\r\n", b"\r\n--easel-\r\n"]),
)

_NAMES = (
    "aiRecord uuid status aiRecordDetail resultObject temporaryUrl promptObject prompt model type async"
    " message errorMessage errorCode error code details response data success context field"
    " imageUrl referenceImage1 referenceImage2 aspect_ratio asset key fileContent path statusCode"
)
names = st.sampled_from(_NAMES.split())
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            *Status,
            "images/a.png",
            "https://x.example.test/a.png",
            "IMAGE_EDITOR",
            "IMAGE_GENERATOR",
            onemin_errors.EXTERNAL,
            '{"response":{"status":400,"data":"{}"}}',
            "[" * 5_000,
            '{"response":',
            "\ud800",
            10**400,
        ]
    )
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
answers = st.builds(
    onemin.encode_answer,
    st.none() | records,
    requests(),
    created_at=st.just("2026-03-01T08:00:00.000Z"),
    beside=st.booleans(),
    plain=st.booleans(),
)


@st.composite
def mutated(draw: st.DrawFn, bodies: st.SearchStrategy[bytes]) -> bytes:
    """A valid body in which up to three values are others, or which breaks off."""
    value = json.loads(draw(bodies))
    for _ in range(draw(st.integers(1, 3))):
        value = _with_another(draw, copy.deepcopy(value))
    body = json.dumps(value).encode()
    return body[: draw(st.integers(0, len(body)))] if draw(st.integers(0, 9)) == 0 else body


def _with_another(draw: st.DrawFn, value: Any) -> Any:
    if isinstance(value, dict) and value and draw(st.integers(0, 4)):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: _with_another(draw, value[name])}
    if isinstance(value, list) and value and draw(st.booleans()):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], _with_another(draw, value[place]), *value[place + 1 :]]
    return draw(trees)


def bodies(valid: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes, any JSON, and valid bodies gone wrong."""
    return (
        st.binary(max_size=300)
        | st.dictionaries(names, trees, max_size=6).map(lambda value: json.dumps(value).encode())
        | mutated(valid)
    )
