"""Any message that GMI Cloud's queue can say, and any JSON that looks a little like one."""

import json
from random import Random
from typing import Any

from hypothesis import strategies as st

from generation.wire import gmi, gmi_catalog, gmi_turns
from generation.wire.gmi import Listing, Record
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from generation.wire.reading import dump_exact
from tests.generation.wire.strategies import links, prompts, texts, types

references = st.builds(ImageLink, links) | st.builds(ImageBytes, st.binary(min_size=1, max_size=40), types)
placed = st.builds(ImageLink, links, types) | st.builds(ImageBytes, st.binary(min_size=1, max_size=40), types)
ids = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,40}", fullmatch=True)
seconds = st.none() | st.integers(0, 2**33)
words = texts.map(str.strip).filter(bool)

short = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
leaves = st.none() | st.booleans() | st.integers() | short
plain_trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@st.composite
def states(draw: st.DrawFn) -> bytes:
    """A conversation that is ready for its next turn, with parts of every kind before it."""
    parts = st.builds(lambda text: {"text": text}, texts) | st.dictionaries(texts, plain_trees, max_size=2)
    entry = st.builds(
        lambda role, inside: {"role": role, "parts": inside},
        st.sampled_from(["user", "model"]),
        st.lists(parts, max_size=3),
    )
    after = st.builds(lambda inside: {"role": "tool", "parts": inside}, st.lists(parts, max_size=2))
    before = draw(st.lists(entry, max_size=4))
    return dump_exact([*before, gmi_turns.empty_turn(), *draw(st.lists(after, max_size=1))])


@st.composite
def requests(draw: st.DrawFn) -> ImageRequest:
    state = draw(st.none() | states())
    return ImageRequest(
        model=draw(prompts),
        prompt=draw(prompts),
        aspect_ratio=draw(st.none() | st.sampled_from(gmi.RATIOS)),
        references=tuple(draw(st.lists(references if state is None else placed, max_size=3))),
        state=state,
    )


@st.composite
def records(draw: st.DrawFn) -> Record:
    status = draw(st.sampled_from([*gmi.STAGES, "warming_up"]))
    done = gmi.STAGES.get(status) is gmi.Stage.SUCCESS
    return Record(
        request_id=draw(ids),
        model=draw(texts),
        status=status,
        images=tuple(draw(st.lists(references, max_size=3))) if done else (),
        thumbnail=draw(st.just("") | links),
        message="" if done else draw(st.just("") | words),
        state=draw(st.none() | states()),
        echo=draw(st.dictionaries(texts, plain_trees, max_size=3)),
        org_id=draw(texts),
        user_id=draw(texts),
        created_at=draw(seconds),
        updated_at=draw(seconds),
        queued_at=draw(seconds),
    )


listings = st.builds(Listing, st.lists(records(), max_size=3).map(tuple), st.none() | st.integers(0, 9999))
models = st.builds(
    gmi_catalog.Model,
    model=words,
    brief_description=texts,
    detailed_description=texts,
    modalities=st.lists(words, max_size=3).map(tuple),
    parameters=st.lists(words, max_size=3).map(tuple),
    price=st.just("") | st.decimals(0, 10, places=3).map(str),
    tags=st.lists(words, max_size=3).map(tuple),
)
uploads = st.builds(gmi_catalog.Upload, links, links)

# --- What is none, but nearly -------------------------------------------------------------------

_NAMES_TEXT = (
    "request_id model status payload outcome media_urls url image_url thumbnail_image_url next_turn_contents"
    " contents role parts text fileData file_data fileUri file_uri inlineData data mimeType error message"
    " error_message details rate_limit retry_after_ms requests total created_at prompt image aspect_ratio"
    " upload_url public_url file_type model_ids models price_info price parameters name id"
)
_NAMES = _NAMES_TEXT.split()
_VALUES = [
    *("success", "failed", "queued", "cancelled", "user", "model", "1:1", "png", "", "NaN", "1e999999", ".."),
    *(
        "https://img.example.test/a.png",
        "data:image/png;base64,AAAA",
        "data:,",
        "AAAA",
        "a\0b",
        "\ud800",
        "0d4c",
    ),
    *("rate limit", "Backend error (400)", "x" * 9000, "a/b", '{"message":"no"}'),
    *(None, True, False, 0, -1, 1.5, 10**30, 1e300, float("nan"), float("inf")),
]
_GOOD = [
    {
        "request_id": "0d4c",
        "model": gmi.MODEL,
        "status": "success",
        "payload": {"prompt": "a kite", "image": ["https://img.example.test/a.png"], "aspect_ratio": "1:1"},
        "outcome": {
            "media_urls": [{"id": "0", "url": "https://img.example.test/b.png"}],
            "next_turn_contents": [
                {"role": "user", "parts": [{"text": "a kite"}]},
                {"role": "model", "parts": [{"fileData": {"fileUri": "https://img.example.test/b.png"}}]},
                gmi_turns.empty_turn(),
            ],
        },
        "created_at": 1767225600,
    },
    {"request_id": "0d4c", "status": "failed", "outcome": {"error": "rate limit"}, "error": "no"},
    {"requests": [{"request_id": "0d4c", "status": "queued", "payload": {}}], "total": 1},
    {"error": {"message": "no", "details": '{"message":"no"}'}, "rate_limit": {"retry_after_ms": 5}},
    {"upload_url": "https://img.example.test/u", "public_url": "https://img.example.test/p"},
    {"model": "m", "payload": {"contents": [gmi_turns.empty_turn()], "prompt": "a kite"}},
]


def _tree(random: Random, depth: int = 4) -> Any:
    """A JSON value whose names and texts are the format's own."""
    kind = random.random()
    if depth == 0 or kind < 0.4:
        return random.choice(_VALUES)
    if kind < 0.6:
        return [_tree(random, depth - 1) for _ in range(random.randrange(4))]
    return {random.choice(_NAMES): _tree(random, depth - 1) for _ in range(random.randrange(6))}


def _change(random: Random, value: Any) -> Any:
    """The value with one thing somewhere in it exchanged or dropped."""
    if isinstance(value, dict | list) and value and random.random() < 0.8:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = random.choice(keys)
        if random.random() < 0.15:
            del value[key]
        else:
            value[key] = _change(random, value[key])
        return value
    return _tree(random, 2)


def _body(seed: int) -> bytes:
    random = Random(seed)
    if random.random() < 0.3:
        return json.dumps({random.choice(_NAMES): _tree(random) for _ in range(8)}).encode()
    value = json.loads(json.dumps(random.choice(_GOOD)))
    for _ in range(random.randrange(1, 5)):
        value = _change(random, value)
    written = json.dumps(value).encode()
    return written[: random.randrange(len(written) + 1)] if random.random() < 0.1 else written


# By seed, because drawing whole trees from hypothesis takes a hundred times as long as reading them.
bodies = st.binary(max_size=100) | st.integers(0, 2**60).map(_body)
