"""OpenAI's images API: the answers, from both sides.

Only `created` is always there at the vendor, and at others not even that. Servers in between answer with
`images[]` and `meta` as the AIML API does; that is read too.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from generation.wire.errors import WireError
from generation.wire.messages import UNSTATED, Cost, ImageAnswer, ImageBytes, ImageLink
from generation.wire.reading import (
    as_credits,
    as_list,
    as_object,
    as_pixels,
    as_text,
    as_usd,
    decode_base64,
    decode_data_uri,
    is_data_uri,
    is_link,
    parse_object,
)
from generation.wire.shapes import pixels_of

HEADER_ID = "x-request-id"
# The id of a call where a proxy, or the AIML API, stands in for the vendor.
HEADER_IDS = (HEADER_ID, "x-litellm-call-id", "x-inference-id")
# What LiteLLM reckons a call has cost, in US dollars.
HEADER_USD = "x-litellm-response-cost"
OUTPUT_FORMATS = ("png", "jpeg", "webp")


@dataclass(frozen=True)
class Usage:
    """Tokens; `image_tokens` and `text_tokens` are parts of `input_tokens`."""

    input_tokens: int = 0
    image_tokens: int = 0
    text_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


@dataclass(frozen=True)
class Facts:
    """What an answer or an event says besides its pictures; empty where it says nothing.

    `created` is a time in whole seconds of Unix time.
    """

    created: int | None = None
    usage: Usage | None = None
    size: str = ""
    quality: str = ""
    background: str = ""
    output_format: str = ""


Picture = TypeVar("Picture", bound=ImageLink | ImageBytes)
NO_FACTS = Facts()
_FACTS = ("size", "quality", "background", "output_format")


@dataclass(frozen=True)
class ImagesAnswer:
    """A success as it travels."""

    answer: ImageAnswer
    facts: Facts = NO_FACTS


@dataclass(frozen=True)
class Encoded:
    """A body and the headers that go with it, names in lower case."""

    body: bytes
    headers: Mapping[str, str]


# --- Writing ------------------------------------------------------------------------------------


def encode_answer(sent: ImagesAnswer) -> Encoded:
    """A success. The vendor has no field for a description or a cost: they go where the AIML API has them."""
    answer = sent.answer
    body = encode_facts(sent.facts, created="created")
    body["data"] = [_encode_picture(image) for image in answer.images]
    if answer.description:
        body["description"] = answer.description
    if answer.cost != UNSTATED:
        usd = None if answer.cost.usd is None else float(answer.cost.usd)
        body["meta"] = {"usage": {"credits_used": answer.cost.credits, "usd_spent": usd}}
    headers = {"content-type": "application/json"}
    if answer.vendor_id:
        headers[HEADER_ID] = answer.vendor_id
    return Encoded(json.dumps(body).encode(), headers)


def encode_facts(facts: Facts, *, created: str) -> dict[str, Any]:
    """The facts as fields, the time under the name `created`."""
    body: dict[str, Any] = {} if facts.created is None else {created: facts.created}
    body |= {name: getattr(facts, name) for name in _FACTS if getattr(facts, name)}
    if usage := facts.usage:
        body["usage"] = {
            "input_tokens": usage.input_tokens,
            "input_tokens_details": {"image_tokens": usage.image_tokens, "text_tokens": usage.text_tokens},
            "output_tokens": usage.output_tokens,
            "total_tokens": usage.total_tokens,
        }
    return body


def _encode_picture(image: ImageLink | ImageBytes) -> dict[str, Any]:
    item: dict[str, Any] = (
        {"b64_json": base64.b64encode(image.data).decode()}
        if isinstance(image, ImageBytes)
        else {"url": image.url}
    )
    said = {"content_type": image.content_type, "width": image.width, "height": image.height}
    return item | {name: value for name, value in said.items() if value}


# --- Reading ------------------------------------------------------------------------------------


def decode_answer(body: bytes, headers: Mapping[str, str] | None = None) -> ImagesAnswer:
    """A success in any server's manner; `headers` by lower-case name.

    No pictures is an answer too: the caller decides what an explained or an unexplained nothing means.

    :raises WireError: not JSON, no such answer, an error under a success's status, or pictures of which none
        can be read.
    """
    said, headers = parse_object(body), headers or {}
    if not {"data", "images", "description"} & said.keys():
        raise WireError("neither data nor images")
    items = as_list(said.get("data")) or as_list(said.get("images"))
    if not items and said.get("error"):
        raise WireError("an error in place of an answer")
    facts = decode_facts(said, created="created")
    answer = ImageAnswer(
        images=_decode_pictures(items, facts),
        description=as_text(said.get("description")),
        cost=_decode_cost(as_object(as_object(said.get("meta")).get("usage")), headers),
        vendor_id=vendor_id(headers),
    )
    return ImagesAnswer(answer, facts)


def vendor_id(headers: Mapping[str, str]) -> str:
    """The id that the server, or what stands before it, gave the call."""
    return next((text for name in HEADER_IDS if (text := as_text(headers.get(name), 200))), "")


def decode_cost(headers: Mapping[str, str]) -> Cost:
    """The cost that headers alone name, on successes and errors alike."""
    return _decode_cost({}, headers)


def _decode_cost(usage: dict[str, Any], headers: Mapping[str, str]) -> Cost:
    usd = as_usd(usage.get("usd_spent"))
    return Cost(
        as_credits(usage.get("credits_used")), as_usd(headers.get(HEADER_USD)) if usd is None else usd
    )


def decode_facts(said: dict[str, Any], *, created: str) -> Facts:
    """The facts among fields, the time under the name `created`."""
    return Facts(
        created=as_credits(said.get(created)),
        usage=_decode_usage(as_object(said.get("usage"))),
        **{name: as_text(said.get(name), 100) for name in _FACTS},
    )


def _decode_usage(usage: dict[str, Any]) -> Usage | None:
    if not usage:
        return None
    details = as_object(usage.get("input_tokens_details"))
    return Usage(
        input_tokens=as_credits(usage.get("input_tokens")) or 0,
        image_tokens=as_credits(details.get("image_tokens")) or 0,
        text_tokens=as_credits(details.get("text_tokens")) or 0,
        output_tokens=as_credits(usage.get("output_tokens")) or 0,
        total_tokens=as_credits(usage.get("total_tokens")) or 0,
    )


def _decode_pictures(items: list[Any], facts: Facts) -> tuple[ImageLink | ImageBytes, ...]:
    images, unreadable = [], 0
    for item in items:
        try:
            image = _decode_picture(item)
        except WireError:
            unreadable += 1
        else:
            images += [with_facts(image, facts)] if image else []
    if unreadable and not images:
        raise WireError("no picture of the answer can be read")
    return tuple(images)


def _decode_picture(item: Any) -> ImageLink | ImageBytes | None:
    """One item: an object with an address or base64, or either of them bare. None when it holds neither.

    :raises WireError: it holds something else.
    """
    said = as_object(item)
    if isinstance(item, str):
        said = {"url" if is_link(item) or is_data_uri(item) else "b64_json": item}
    claims = (
        as_text(said.get("content_type"), 100),
        as_pixels(said.get("width")),
        as_pixels(said.get("height")),
    )
    url, inline = said.get("url"), said.get("b64_json")
    if isinstance(url, str) and is_link(url):
        return ImageLink(url, *claims)
    if not url and not inline:
        return None
    if not inline and not (isinstance(url, str) and is_data_uri(url)):
        raise WireError("url is no address")
    image = decode_inline(inline or url)
    return ImageBytes(image.data, claims[0] or image.content_type, *claims[1:])


def decode_inline(inline: Any) -> ImageBytes:
    """A picture as base64, bare or as a data URI.

    :raises WireError: it is neither.
    """
    if not isinstance(inline, str):
        raise WireError("b64_json is not text")
    return ImageBytes(*decode_data_uri(inline)) if is_data_uri(inline) else ImageBytes(decode_base64(inline))


def with_facts(image: Picture, facts: Facts) -> Picture:
    """The picture with what the answer as a whole says of its type and size, where it says nothing itself."""
    if not image.content_type and facts.output_format in OUTPUT_FORMATS:
        image = replace(image, content_type=f"image/{facts.output_format}")
    sides = pixels_of(facts.size)
    if sides and image.width is None and image.height is None:
        image = replace(image, width=as_pixels(sides[0]), height=as_pixels(sides[1]))
    return image
