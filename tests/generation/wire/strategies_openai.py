"""Any message that OpenAI's images format can say, and trees of its words that say nothing sensible."""

from dataclasses import replace

from hypothesis import strategies as st

from generation.wire import openai, openai_answers, shapes
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from generation.wire.openai import Dialect, Extras, Sizing
from generation.wire.openai_answers import Facts, ImagesAnswer, Usage
from generation.wire.openai_errors import OpenAIError
from generation.wire.openai_stream import PictureEvent
from tests.generation.wire import strategies

words = st.from_regex(r"[a-z_]{0,12}", fullmatch=True)
files = st.builds(
    ImageBytes, st.binary(min_size=1, max_size=60), st.sampled_from(["", "image/png", "image/webp"])
)
ratios = st.sampled_from(shapes.RATIOS)

dialects = st.builds(
    Dialect, size=st.sampled_from([Sizing.RATIO, Sizing.PIXELS]), always_brackets=st.booleans()
)
requests = st.builds(
    ImageRequest,
    model=strategies.texts,
    prompt=strategies.prompts,
    aspect_ratio=st.none() | ratios,
    count=st.integers(1, openai.COUNT_MAX),
    references=st.lists(files, max_size=openai.REFERENCES_MAX).map(tuple),
)
extras = st.builds(
    Extras,
    response_format=st.sampled_from(["", *openai.RESPONSE_FORMATS]),
    quality=words,
    background=words,
    moderation=words,
    output_format=words,
    style=words,
    input_fidelity=words,
    user=strategies.texts,
    safety_identifier=strategies.texts,
    output_compression=st.none() | st.integers(0, 100),
    stream=st.booleans(),
    partial_images=st.integers(0, openai.PARTIAL_IMAGES_MAX),
    mask=st.none() | files,
)

tokens = st.integers(0, 10**9)
sizes = st.just("") | st.builds("{}x{}".format, st.integers(1, 8192), st.integers(1, 8192))
facts = st.builds(
    Facts,
    created=st.none() | st.integers(0, 10**11),
    usage=st.none() | st.builds(Usage, tokens, tokens, tokens, tokens, tokens),
    size=sizes,
    quality=words,
    background=words,
    output_format=st.sampled_from(["", *openai_answers.OUTPUT_FORMATS]),
)
# What a picture does not say of itself is taken from the whole answer; so it says all where that says any.
_sides = st.integers(1, 8192)
_full_pictures = st.builds(ImageLink, strategies.links, strategies.types, _sides, _sides) | st.builds(
    ImageBytes, st.binary(min_size=1, max_size=40), strategies.types, _sides, _sides
)
answers = st.builds(ImagesAnswer, strategies.answers(_full_pictures, described=True), facts) | st.builds(
    ImagesAnswer,
    strategies.answers(strategies.pictures | strategies.bare_pictures, described=True),
    st.builds(replace, facts, size=st.just(""), output_format=st.just("")),
)

events = st.builds(
    PictureEvent,
    st.builds(ImageBytes, st.binary(min_size=1, max_size=60)),
    st.none() | st.integers(0, 3),
    st.booleans(),
    st.builds(replace, facts, size=st.just(""), output_format=st.just("")),
)
messages = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
    .map(str.strip)
    .filter(bool)
)
error_words = words.filter(lambda word: word not in ("none", "null", "undefined"))
errors = st.builds(
    OpenAIError,
    status=st.integers(400, 599),
    message=messages,
    code=error_words,
    type=error_words,
    param=error_words,
    stage=error_words,
    categories=st.lists(error_words.filter(bool), max_size=3).map(tuple),
)

_NAMES = (
    "data images url b64_json created usage input_tokens input_tokens_details image_tokens size output_format"
    " error detail message code type param loc msg moderation_details categories meta credits_used usd_spent"
    " description content_type width height title model prompt n aspect_ratio response_format stream"
    " output_compression partial_images quality partial_image_index"
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
            *("https://x.example.test/a.png", "data:image/png;base64,AAAA", "data:,", "AAAA", "1e999999"),
            *("16:9", "1024x1024", "0x0", "99999x1", "auto", "url", "NaN", "image_generation.completed"),
            10**30,
        ]
    )
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=6),
    max_leaves=12,
)
objects = st.dictionaries(names, trees, max_size=6)
flat_objects = st.dictionaries(names, leaves, max_size=6)
