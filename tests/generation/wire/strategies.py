"""Any message that the format can say."""

from decimal import Decimal

from hypothesis import strategies as st

from generation.wire import aiml
from generation.wire.messages import Cost, ImageAnswer, ImageBytes, ImageLink, ImageRequest

# What neither a database nor a page can hold is left out on reading, so it cannot come back.
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
prompts = texts.filter(lambda text: text.strip() != "")
links = st.from_regex(
    r"https?://[a-z]{1,8}\.example\.test/[a-z0-9/]{0,12}(\?s=[a-z0-9]{0,5})?", fullmatch=True
)
types = st.sampled_from(["image/png", "image/jpeg", "image/webp"])
sides = st.none() | st.integers(1, 8192)

pictures = st.builds(ImageLink, links, types, sides, sides) | st.builds(
    ImageBytes, st.binary(min_size=1, max_size=40), types, sides, sides
)
bare_pictures = st.builds(ImageLink, links) | st.builds(ImageBytes, st.binary(min_size=1, max_size=40))
references = st.builds(ImageLink, links) | st.builds(ImageBytes, st.binary(min_size=1, max_size=40), types)

costs = st.builds(
    Cost,
    credits=st.none() | st.integers(0, 10**9),
    usd=st.none() | st.decimals(0, 1000, places=6).map(Decimal),
)
vendor_ids = st.from_regex(r"[a-f0-9-]{0,36}", fullmatch=True)


def answers(
    images: st.SearchStrategy[ImageLink | ImageBytes], *, described: bool
) -> st.SearchStrategy[ImageAnswer]:
    return st.builds(
        ImageAnswer,
        images=st.lists(images, max_size=4).map(tuple),
        description=texts if described else st.just(""),
        cost=costs,
        vendor_id=vendor_ids,
    )


def requests(model: str) -> st.SearchStrategy[ImageRequest]:
    least = 1 if model == aiml.EDIT_MODEL else 0
    most = 0 if model == aiml.TEXT_MODEL else aiml.REFERENCES_MAX
    return st.builds(
        ImageRequest,
        model=st.just(model),
        prompt=prompts,
        aspect_ratio=st.none() | st.sampled_from(aiml.RATIOS),
        count=st.integers(1, aiml.COUNT_MAX),
        references=st.lists(references, min_size=least, max_size=most).map(tuple),
        provider_route=st.none() | st.sampled_from(aiml.ROUTES),
    )
