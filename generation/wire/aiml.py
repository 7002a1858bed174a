"""The AIML API, `POST /v1/images/generations`: requests and answers, from both sides.

Facts come from the vendor's pages and OpenAPI files of 2025-08 to 2026-08 (docs.aimlapi.com). The answer has
had three shapes, the usage two keys and the status two values; all are read. Errors are in `aiml_errors`.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Any

from generation.wire.errors import InvalidRequest, Issue, Unsupported, WireError
from generation.wire.messages import Cost, ImageAnswer, ImageBytes, ImageLink, ImageRequest
from generation.wire.reading import (
    as_credits,
    as_list,
    as_object,
    as_pixels,
    as_text,
    as_usd,
    decode_base64,
    decode_data_uri,
    encode_data_uri,
    is_data_uri,
    is_link,
    parse_object,
)

PATH = "/v1/images/generations"
TEXT_MODEL = "google/gemini-2.5-flash-image"
EDIT_MODEL = "google/gemini-2.5-flash-image-edit"
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
ROUTES = ("google", "fal", "auto")
COUNT_MAX = 4
REFERENCES_MAX = 3
# One picture at any ratio; 2,000,000 of the vendor's credits are one US dollar.
CREDITS_PER_IMAGE = 84_000
CREDITS_PER_USD = 2_000_000

HEADER_ID = "x-inference-id"
HEADER_CLIENT_ID = "x-client-request-id"
HEADER_CREDITS = "x-aimlapi-credits-used"
HEADER_USD = "x-aimlapi-usd-spent"


class Shape(IntEnum):
    """The three documented bodies of a success."""

    IMAGES = 1  # `images[]` and `description`, as fal answers
    DATA = 2  # `data[]` and `meta.usage`, as OpenAI answers
    MIXED = 3  # `description`, `data[]` with sizes and names, and `meta.usage`


@dataclass(frozen=True)
class Encoded:
    """A body and the headers that go with it, names in lower case."""

    body: bytes
    headers: Mapping[str, str]


# --- Requests -----------------------------------------------------------------------------------


def encode_request(request: ImageRequest) -> bytes:
    """The JSON body of a request.

    :raises Unsupported: sampling, or references on the model that only reads text: no field says that.
    """
    if request.temperature is not None or request.top_p is not None:
        raise Unsupported("the AIML API takes neither temperature nor top-p")
    if request.references and request.model == TEXT_MODEL:
        raise Unsupported(f"{TEXT_MODEL} takes no references")
    body: dict[str, Any] = {"model": request.model, "prompt": request.prompt, "num_images": request.count}
    if request.aspect_ratio is not None:
        body["aspect_ratio"] = request.aspect_ratio
    if request.references:
        body["image_urls"] = [_encode_reference(reference) for reference in request.references]
    if request.provider_route is not None:
        body["provider"] = request.provider_route
    return json.dumps(body).encode()


def _encode_reference(reference: ImageLink | ImageBytes) -> str:
    if isinstance(reference, ImageLink):
        return reference.url
    return encode_data_uri(reference.data, reference.content_type)


def decode_request(body: bytes) -> ImageRequest:
    """The request in a JSON body; unknown fields are ignored, as the vendor does.

    :raises WireError: not a JSON object.
    :raises InvalidRequest: a field is missing or outside the documented values.
    """
    fields = parse_object(body)
    issues: list[Issue] = []
    request = ImageRequest(
        model=_required_text(fields, "model", issues),
        prompt=_required_text(fields, "prompt", issues),
        aspect_ratio=_one_of(fields, "aspect_ratio", RATIOS, issues),
        count=_decode_count(fields, issues),
        references=_decode_references(fields, issues),
        provider_route=_one_of(fields, "provider", ROUTES, issues),
    )
    if issues:
        raise InvalidRequest(*issues)
    return request


def _required_text(fields: dict[str, Any], name: str, issues: list[Issue]) -> str:
    value = fields.get(name)
    if value is None:
        issues.append(Issue(name, "Required"))
    elif not isinstance(value, str):
        issues.append(Issue(name, f"Expected string, received {_type_name(value)}"))
    elif not as_text(value).strip():
        issues.append(Issue(name, "String must contain at least 1 character(s)"))
    return as_text(value, limit=len(value)) if isinstance(value, str) else ""


def _one_of(fields: dict[str, Any], name: str, allowed: tuple[str, ...], issues: list[Issue]) -> str | None:
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or value.lower() not in allowed:
        choices = " | ".join(f"'{choice}'" for choice in allowed)
        issues.append(
            Issue(name, f"Invalid enum value. Expected {choices}, received '{as_text(str(value), 80)}'")
        )
        return None
    return value.lower()


def _decode_count(fields: dict[str, Any], issues: list[Issue]) -> int:
    value = fields.get("num_images")
    if value is None:
        return 1
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        issues.append(Issue("num_images", f"Expected number, received {_type_name(value)}"))
    elif value < 1:
        issues.append(Issue("num_images", "Number must be greater than or equal to 1"))
    elif value > COUNT_MAX:
        issues.append(Issue("num_images", f"Number must be less than or equal to {COUNT_MAX}"))
    elif value != int(value):
        issues.append(Issue("num_images", "Expected integer, received float"))
    else:
        return int(value)
    return 1


def _decode_references(fields: dict[str, Any], issues: list[Issue]) -> tuple[ImageLink | ImageBytes, ...]:
    name, value, model = "image_urls", fields.get("image_urls"), fields.get("model")
    if value is None:
        if model == EDIT_MODEL:
            issues.append(Issue(name, "Required"))
        return ()
    if model == TEXT_MODEL:
        issues.append(Issue(name, f"Unrecognized key(s) in object: '{name}'"))
    elif not isinstance(value, list):
        issues.append(Issue(name, f"Expected array, received {_type_name(value)}"))
    elif not value:
        issues.append(Issue(name, "Array must contain at least 1 element(s)"))
    elif len(value) > REFERENCES_MAX:
        issues.append(Issue(name, f"Array must contain at most {REFERENCES_MAX} element(s)"))
    else:
        read = [_decode_reference(item, f"{name}[{index}]", issues) for index, item in enumerate(value)]
        return tuple(reference for reference in read if reference is not None)
    return ()


def _decode_reference(item: Any, name: str, issues: list[Issue]) -> ImageLink | ImageBytes | None:
    if isinstance(item, str):
        if is_link(item):
            return ImageLink(url=item)
        try:
            data, content_type = decode_data_uri(item)
        except WireError:
            issues.append(Issue(name, "Invalid url"))
            return None
        return ImageBytes(data=data, content_type=content_type)
    issues.append(Issue(name, f"Expected string, received {_type_name(item)}"))
    return None


def _type_name(value: Any) -> str:
    """What JSON calls the type of `value`."""
    names = {bool: "boolean", str: "string", list: "array", dict: "object"}
    return "null" if value is None else names.get(type(value), "number")


# --- Answers ------------------------------------------------------------------------------------


def encode_answer(
    answer: ImageAnswer, *, shape: Shape = Shape.DATA, usage_key: str = "credits_used"
) -> Encoded:
    """A success in one of the documented shapes.

    Only `Shape.MIXED` can say everything: `IMAGES` names the cost in its headers alone, and `DATA` has no
    room for descriptions, content types and sizes. `usage_key` is `credits_used`,
    or `tokens_used` as before 2026.
    """
    body: dict[str, Any] = {}
    if shape is not Shape.DATA:
        body["description"] = answer.description
    if shape is Shape.IMAGES:
        body["images"] = [_encode_picture(image, index) for index, image in enumerate(answer.images)]
    else:
        named = shape is Shape.MIXED
        body["data"] = [_encode_datum(image, index, named=named) for index, image in enumerate(answer.images)]
        usage = {
            usage_key: answer.cost.credits,
            "usd_spent": None if answer.cost.usd is None else float(answer.cost.usd),
        }
        body["meta"] = {"usage": {key: value for key, value in usage.items() if value is not None} or None}
    return Encoded(body=json.dumps(body).encode(), headers=_answer_headers(answer))


def _answer_headers(answer: ImageAnswer) -> dict[str, str]:
    headers = {"content-type": "application/json; charset=utf-8"}
    if answer.vendor_id:
        headers[HEADER_ID] = answer.vendor_id
    if answer.cost.credits is not None:
        headers[HEADER_CREDITS] = str(answer.cost.credits)
    if answer.cost.usd is not None:
        headers[HEADER_USD] = f"{answer.cost.usd:f}"
    return headers


def _encode_picture(image: ImageLink | ImageBytes, index: int) -> dict[str, Any]:
    if isinstance(image, ImageBytes):
        url, size = encode_data_uri(image.data, image.content_type), len(image.data)
        return {"url": url, **_facts(image, index), "file_size": size}
    return {"url": image.url, **_facts(image, index), "file_size": None}


def _encode_datum(image: ImageLink | ImageBytes, index: int, *, named: bool) -> dict[str, Any]:
    datum: dict[str, Any] = {"url": None, "b64_json": None}
    if isinstance(image, ImageBytes):
        datum["b64_json"] = base64.b64encode(image.data).decode()
    else:
        datum["url"] = image.url
    return {**datum, **_facts(image, index)} if named else datum


def _facts(image: ImageLink | ImageBytes, index: int) -> dict[str, Any]:
    return {
        "content_type": image.content_type,
        "file_name": f"output-{index}.{image.content_type.partition('/')[2] or 'png'}",
        "width": image.width,
        "height": image.height,
    }


def decode_answer(body: bytes, headers: Mapping[str, str] | None = None) -> ImageAnswer:
    """A success in any of the shapes; `headers` by lower-case name.

    No pictures is an answer too: the caller decides what an explained or an unexplained nothing means.

    :raises WireError: not JSON, none of the shapes, or pictures of which none can be read.
    """
    fields, headers = parse_object(body), headers or {}
    if not {"data", "images", "description"} & fields.keys():
        raise WireError("neither data nor images")
    items = as_list(fields.get("data")) or as_list(fields.get("images"))
    return ImageAnswer(
        images=_decode_images(items),
        description=as_text(fields.get("description")),
        cost=_decode_cost(as_object(as_object(fields.get("meta")).get("usage")), headers),
        vendor_id=as_text(headers.get(HEADER_ID), 200),
    )


def _decode_images(items: list[Any]) -> tuple[ImageLink | ImageBytes, ...]:
    images, unreadable = [], 0
    for item in items:
        try:
            image = _decode_image(as_object(item))
        except WireError:
            unreadable += 1
        else:
            images += [image] if image else []
    if unreadable and not images:
        raise WireError("no picture of the answer can be read")
    return tuple(images)


def _decode_image(item: dict[str, Any]) -> ImageLink | ImageBytes | None:
    """One item: an address, a data URI or base64. None when it holds none of them.

    :raises WireError: it holds something else.
    """
    content_type = as_text(item.get("content_type"), 100)
    width, height = as_pixels(item.get("width")), as_pixels(item.get("height"))
    url = item.get("url") if isinstance(item.get("url"), str) else ""
    if url and is_link(url):
        return ImageLink(url, content_type, width, height)
    inline = item.get("b64_json") or url
    if not inline:
        return None
    if not isinstance(inline, str):
        raise WireError("b64_json is not text")
    if is_data_uri(inline):
        data, claimed = decode_data_uri(inline)
        return ImageBytes(data, content_type or claimed, width, height)
    return ImageBytes(decode_base64(inline), content_type, width, height)


def decode_cost(headers: Mapping[str, str]) -> Cost:
    """The cost that headers alone name, on successes and errors alike."""
    return _decode_cost({}, headers)


def _decode_cost(usage: dict[str, Any], headers: Mapping[str, str]) -> Cost:
    """`credits_used`, else `tokens_used`, else the header; dollars likewise."""
    spent = [as_credits(usage.get("credits_used")), as_credits(usage.get("tokens_used"))]
    spent.append(as_credits(headers.get(HEADER_CREDITS)))
    usd = [as_usd(usage.get("usd_spent")), as_usd(headers.get(HEADER_USD))]
    return Cost(
        credits=next((value for value in spent if value is not None), None),
        usd=next((value for value in usd if value is not None), None),
    )
