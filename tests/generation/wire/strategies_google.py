"""Any message that Google's format can say."""

from typing import Any

from hypothesis import strategies as st

from generation.wire import google, google_errors
from generation.wire.google import Address, GoogleAnswer
from generation.wire.google_models import IMAGE_SIZES, RATIOS
from generation.wire.google_parts import dumps
from generation.wire.messages import ErrorAnswer, ImageBytes, ImageLink, ImageRequest
from tests.generation.wire.strategies import links, prompts, texts, types, vendor_ids

claims = types | st.just("")
pictures = st.builds(ImageLink, links | st.just("gs://bucket/a.png"), claims) | st.builds(
    ImageBytes, st.binary(min_size=1, max_size=40), claims
)
models = st.sampled_from(["gemini-2.5-flash-image", "gemini-3-pro-image", "other model/1"])

# Whatever else a turn may hold, now or one day: it has to come back as it was.
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
)
anything = st.recursive(
    leaves | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
strange_parts = st.fixed_dictionaries(
    {"text": texts}, optional={"thoughtSignature": texts, "thought": st.booleans(), "newField": anything}
)
turns = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "model"]), "parts": st.lists(strange_parts, max_size=2)}
)
states = st.lists(turns, min_size=1, max_size=2).map(dumps)

requests = st.builds(
    ImageRequest,
    model=models,
    prompt=prompts,
    aspect_ratio=st.none() | st.sampled_from(RATIOS),
    count=st.integers(1, google.CANDIDATES_MAX),
    references=st.lists(pictures, max_size=4).map(tuple),
    temperature=st.none() | st.floats(0, google.TEMPERATURE_MAX),
    top_p=st.none() | st.floats(0, 1),
    image_size=st.none() | st.sampled_from(IMAGE_SIZES),
    state=st.none() | states,
)

reasons = st.from_regex(r"[A-Z][A-Z_]{0,30}", fullmatch=True)
drawn = st.builds(
    GoogleAnswer,
    images=st.lists(pictures, min_size=1, max_size=4).map(tuple),
    description=texts,
    vendor_id=vendor_ids,
    finish_reason=reasons,
)
undrawn = st.builds(
    GoogleAnswer, images=st.just(()), description=texts, vendor_id=vendor_ids, finish_reason=reasons
)
blocked = st.builds(
    GoogleAnswer,
    images=st.just(()),
    description=texts,
    vendor_id=vendor_ids,
    finish_reason=st.just(""),
    block_reason=reasons,
)
answers = drawn | undrawn | blocked

messages = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60).map(str.strip)
delays = st.none() | st.integers(-5, 100_000).map(float) | st.sampled_from([1.5, 0.25, 34.5])


@st.composite
def errors(draw: st.DrawFn) -> ErrorAnswer:
    status = draw(st.sampled_from(sorted(google_errors.STATUSES)))
    words = [google_errors.STATUSES[status], *google_errors.OTHER_STATUSES, google_errors.KEY_INVALID]
    if status == 429:
        words = [google_errors.STATUSES[429], google_errors.PER_DAY, google_errors.PER_MINUTE]
    return ErrorAnswer(
        status=status,
        message=draw(messages),
        code=draw(st.sampled_from(words)),
        retry_after_seconds=draw(delays),
    )


names = st.from_regex(r"[a-z][a-z0-9.-]{0,15}", fullmatch=True)
versions = st.sampled_from(["", "v1", "v1beta", "v1beta1"])
methods = st.sampled_from([google.GENERATE, google.STREAM])
addresses = (
    st.builds(Address, names, methods, versions)
    | st.builds(Address, names, methods, versions, st.just(True))
    | st.builds(Address, names, methods, versions, st.just(True), names, names)
)

_NAMES = (
    "candidates content parts text inlineData inline_data data mimeType mime_type fileData file_data fileUri"
    " finishReason finish_reason finishMessage promptFeedback prompt_feedback blockReason responseId"
    " usageMetadata thought thoughtSignature role contents generationConfig generation_config imageConfig"
    " image_config aspectRatio aspect_ratio imageSize temperature topP candidateCount responseModalities"
    " error code message status details violations quotaId retryDelay reason"
)
field_names = st.sampled_from(_NAMES.split())
_VALUES = ["AAAA", "?", "image/png", "audio/mp3", "model", "user", "STOP", "SAFETY", "34s", "1e999s", "16:9"]
fuzz_leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from([*_VALUES, "https://x.example.test/a", "gs://b/c", 10**400])
)
trees = st.recursive(
    fuzz_leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(field_names, inner, max_size=6),
    max_leaves=12,
)
objects = st.dictionaries(field_names, trees, max_size=6)


def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with one thing in it, somewhere, replaced by something else, or gone."""
    if isinstance(value, dict) and value and draw(st.integers(0, 3)):
        name = draw(st.sampled_from(sorted(value)))
        rest = {other: inner for other, inner in value.items() if other != name}
        return {**rest, name: mutated(draw, value[name])} if draw(st.integers(0, 5)) else rest
    if isinstance(value, list) and value and draw(st.integers(0, 3)):
        place = draw(st.integers(0, len(value) - 1))
        return [*value[:place], mutated(draw, value[place]), *value[place + 1 :]]
    return draw(trees)


@st.composite
def spoilt(draw: st.DrawFn, whole: st.SearchStrategy[Any]) -> Any:
    """A good message, changed in one place."""
    return mutated(draw, draw(whole))
