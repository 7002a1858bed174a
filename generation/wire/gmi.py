"""GMI Cloud's request queue: requests, status records and lists of them, from both sides.

Facts come from docs.gmicloud.ai, the vendor's SDK (`gmicloud` 0.1.10) and published records of real answers,
read 2026-11. Errors are in `gmi_errors`, conversations in `gmi_turns`, models and uploads in `gmi_catalog`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Any

from generation.wire import gmi_turns
from generation.wire.errors import InvalidRequest, Issue, Unsupported, WireError
from generation.wire.messages import ImageBytes, ImageLink, ImageRequest
from generation.wire.reading import (
    as_list,
    as_object,
    as_text,
    decode_base64,
    decode_data_uri,
    dump_exact,
    encode_data_uri,
    is_data_uri,
    is_link,
    parse_object,
)

BASE = "/api/v1/ie/requestqueue/apikey"
REQUESTS = f"{BASE}/requests"
# The same without a key, as signed-in people use it.
OPEN_BASE = BASE.removesuffix("/apikey")
MODEL = "gemini-2.5-flash-image"
RATIOS = ("1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9")
REFERENCES_MAX = 3
HEADER_ORGANIZATION = "x-organization-id"
MESSAGE_MAX = 1_000
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,199}")
_SECONDS_MAX = 10**11

Picture = ImageLink | ImageBytes


# --- Requests -----------------------------------------------------------------------------------


def encode_request(request: ImageRequest, *, prompt_beside: bool = False) -> bytes:
    """The JSON body of a submit. A turn that goes on from `state` is `contents`, which holds its prompt.

    Whether `prompt` may or must stand beside `contents` is not documented: with `prompt_beside` it does.

    :raises Unsupported: something that no field of the payload says.
    :raises WireError: `state` is no conversation.
    """
    for name, asked in (
        ("temperature", request.temperature is not None),
        ("top-p", request.top_p is not None),
        ("image size", request.image_size is not None),
        ("number of pictures other than one", request.count != 1),
        ("route", request.provider_route is not None),
    ):
        if asked:
            raise Unsupported(f"GMI Cloud's queue takes no {name}")
    return dump_exact({"model": request.model, "payload": _payload(request, prompt_beside)})


def _payload(request: ImageRequest, prompt_beside: bool) -> dict[str, Any]:
    payload: dict[str, Any] = {}
    if request.state is None or prompt_beside:
        payload["prompt"] = request.prompt
    if request.state is not None:
        payload["contents"] = gmi_turns.fill(request.state, request.prompt, request.references)
    elif request.references:
        payload["image"] = [_encode_picture(reference) for reference in request.references]
    if request.aspect_ratio is not None:
        payload["aspect_ratio"] = request.aspect_ratio
    return payload


def _encode_picture(picture: Picture) -> str:
    if isinstance(picture, ImageLink):
        return picture.url
    return encode_data_uri(picture.data, picture.content_type)


def decode_request(body: bytes) -> ImageRequest:
    """The request in the body of a submit; unknown fields are ignored.

    :raises WireError: not a JSON object.
    :raises InvalidRequest: a field is missing or outside the documented values.
    """
    fields = parse_object(body)
    issues: list[Issue] = []
    payload = fields.get("payload")
    if not isinstance(payload, dict) or not payload:
        issues.append(Issue("payload", "must be a non-empty object"))
        payload = {}
    request = ImageRequest(
        model=_decode_text(fields, "model", "model", issues),
        prompt="",
        aspect_ratio=_decode_ratio(payload, issues),
    )
    if payload.get("contents") in (None, []):
        request = replace(
            request,
            prompt=_decode_text(payload, "prompt", "payload.prompt", issues),
            references=_decode_references(payload.get("image"), issues),
        )
    else:
        request = _decode_turn(request, payload["contents"], issues)
    if issues:
        raise InvalidRequest(*issues)
    return request


def _decode_turn(request: ImageRequest, contents: Any, issues: list[Issue]) -> ImageRequest:
    try:
        turn = gmi_turns.read(contents if isinstance(contents, list) else [])
    except WireError as error:
        issues.append(Issue("payload.contents", f"is no conversation: {error}"))
        return request
    if not turn.prompt.strip():
        issues.append(Issue("payload.contents", "the last user turn has no text"))
    if len(turn.references) > REFERENCES_MAX:
        issues.append(Issue("payload.contents", f"a turn takes at most {REFERENCES_MAX} images"))
    return replace(request, prompt=turn.prompt, references=turn.references, state=turn.state)


def _decode_text(holder: Mapping[str, Any], name: str, path: str, issues: list[Issue]) -> str:
    value = holder.get(name)
    text = as_text(value, len(value)) if isinstance(value, str) else ""
    if not text.strip():
        issues.append(Issue(path, "is required" if value in (None, "") else "must be text"))
    return text


def _decode_ratio(payload: Mapping[str, Any], issues: list[Issue]) -> str | None:
    value = payload.get("aspect_ratio")
    if value is not None and value not in RATIOS:
        issues.append(Issue("payload.aspect_ratio", f"must be one of {', '.join(RATIOS)}"))
        return None
    return value


def _decode_references(value: Any, issues: list[Issue]) -> tuple[Picture, ...]:
    """`image` is one address or a list of them."""
    if value in (None, "", []):
        return ()
    items = value if isinstance(value, list) else [value]
    if len(items) > REFERENCES_MAX:
        issues.append(Issue("payload.image", f"takes at most {REFERENCES_MAX} images"))
        return ()
    read = [_read_picture(item, bare=True) for item in items]
    if None in read:
        issues.append(Issue("payload.image", "must be addresses or base64 images"))
    return tuple(picture for picture in read if picture is not None)


def _read_picture(value: Any, *, bare: bool = False) -> Picture | None:
    """An address, a data URI or, where `bare` base64 counts too, that; None when it is none of them."""
    if not isinstance(value, str):
        return None
    if is_link(value):
        return ImageLink(value)
    try:
        if is_data_uri(value):
            data, content_type = decode_data_uri(value)
            return ImageBytes(data, content_type)
        return ImageBytes(decode_base64(value)) if bare else None
    except WireError:
        return None


# --- Records ------------------------------------------------------------------------------------


class Stage(StrEnum):
    """What a status means for whoever waits."""

    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELLED = "cancelled"


STAGES: Mapping[str, Stage] = {
    "created": Stage.RUNNING,
    "queued": Stage.RUNNING,
    "dispatched": Stage.RUNNING,
    "processing": Stage.RUNNING,
    "success": Stage.SUCCESS,
    "completed": Stage.SUCCESS,  # not documented; other clients accept it
    "failed": Stage.FAILED,
    "error": Stage.FAILED,  # likewise
    "cancelled": Stage.CANCELLED,
}


class Urls(StrEnum):
    """Where an outcome names its pictures."""

    OBJECTS = "objects"  # `media_urls[].url`, as observed today
    STRINGS = "strings"  # `media_urls[]`, in older data
    URL = "url"  # one flat `url`, older still
    IMAGE_URL = "image_url"  # one flat `image_url`


class Reason(StrEnum):
    """Where a failed record says why; all four have been seen."""

    OUTCOME_ERROR = "outcome.error"
    OUTCOME_MESSAGE = "outcome.message"
    ERROR = "error"
    ERROR_MESSAGE = "error_message"


@dataclass(frozen=True)
class Record:
    """A request as the queue keeps it. Times are Unix seconds.

    `message` is a failure's reason, `state` what a next turn goes on from, `echo` the payload as it is given
    back, which is sometimes empty. `unread` counts results that nobody could read.
    """

    request_id: str
    model: str = ""
    status: str = "queued"
    images: tuple[Picture, ...] = ()
    thumbnail: str = ""
    message: str = ""
    state: bytes | None = field(default=None, repr=False)
    echo: Mapping[str, Any] = field(default_factory=dict, repr=False)
    org_id: str = ""
    user_id: str = ""
    created_at: int | None = None
    updated_at: int | None = None
    queued_at: int | None = None
    unread: int = 0

    @property
    def stage(self) -> Stage:
        """What the status means; one that nobody has heard of is taken to be on its way."""
        return STAGES.get(self.status.lower(), Stage.RUNNING)

    @property
    def prompt(self) -> str:
        """What it asked for, from the echo; empty when that does not say."""
        words, prompt = gmi_turns.prompt_of(self.echo.get("contents")), self.echo.get("prompt")
        return words or (as_text(prompt, len(prompt)) if isinstance(prompt, str) else "")


@dataclass(frozen=True)
class Listing:
    """Own requests; `total` is how many there are in all, `unread` how many here nobody could read."""

    records: tuple[Record, ...]
    total: int | None = None
    unread: int = 0


def encode_answer(
    record: Record,
    *,
    urls: Urls = Urls.OBJECTS,
    reason: Reason = Reason.OUTCOME_ERROR,
    turns_beside: bool = False,
    with_outcome: bool = True,
) -> bytes:
    """A record as submit and status answer it.

    `turns_beside` puts the conversation beside the outcome; without `with_outcome` that is null.
    """
    body = _encode_record(record, urls, reason, turns_beside)
    return dump_exact(body if with_outcome else {**body, "outcome": None})


def _encode_record(record: Record, urls: Urls, reason: Reason, turns_beside: bool) -> dict[str, Any]:
    outcome: dict[str, Any] = {}
    body: dict[str, Any] = {
        "request_id": record.request_id,
        "org_id": record.org_id,
        "user_id": record.user_id,
        "model": record.model,
        "status": record.status,
        "is_public": False,
        "payload": dict(record.echo),
        "outcome": outcome,
        "created_at": record.created_at,
        "updated_at": record.updated_at,
        "queued_at": record.queued_at,
    }
    if record.stage is Stage.SUCCESS:
        outcome |= _encode_images(record, urls)
    if record.thumbnail:
        outcome["thumbnail_image_url"] = record.thumbnail
    if record.message:
        _, inside, name = reason.rpartition("outcome.")
        (outcome if inside else body)[name] = record.message
    if record.state is not None:
        (body if turns_beside else outcome)["next_turn_contents"] = gmi_turns.parse_state(record.state)
    if not outcome:
        body["outcome"] = None
    return body


def _encode_images(record: Record, urls: Urls) -> dict[str, Any]:
    found = [_encode_picture(image) for image in record.images]
    if urls is Urls.OBJECTS:
        return {"media_urls": [{"id": str(index), "url": url} for index, url in enumerate(found)]}
    if urls is Urls.STRINGS:
        return {"media_urls": found}
    return {urls.value: found[0]} if found else {}


def decode_answer(body: bytes) -> Record:
    """A record, whatever its status; what may be absent or null is read as empty.

    :raises WireError: not a JSON object, or not finished and without an id that could be asked for.
    """
    record = _decode_record(parse_object(body))
    if record.stage is Stage.RUNNING and not record.request_id:
        raise WireError("no request_id that could be asked for")
    return record


def _decode_record(fields: dict[str, Any]) -> Record:
    outcome = as_object(fields.get("outcome"))
    images, unread = _decode_images(outcome)
    request_id = as_text(fields.get("request_id"), 201)
    return Record(
        request_id=request_id if _ID.fullmatch(request_id) else "",
        model=as_text(fields.get("model"), 200),
        status=as_text(fields.get("status"), 40),
        images=images,
        thumbnail=as_text(outcome.get("thumbnail_image_url"), 2_000),
        message=_decode_reason(fields, outcome),
        state=_decode_state(outcome) or _decode_state(fields),
        echo=as_object(fields.get("payload")),
        org_id=as_text(fields.get("org_id"), 200),
        user_id=as_text(fields.get("user_id"), 200),
        created_at=_as_seconds(fields.get("created_at")),
        updated_at=_as_seconds(fields.get("updated_at")),
        queued_at=_as_seconds(fields.get("queued_at")),
        unread=unread,
    )


def _decode_images(outcome: dict[str, Any]) -> tuple[tuple[Picture, ...], int]:
    """The pictures of an outcome, and how many items of it are none."""
    items = as_list(outcome.get("media_urls"))
    if not items:
        items = [outcome[name] for name in ("image_url", "url") if outcome.get(name)][:1]
    read = [_read_picture(item.get("url") if isinstance(item, dict) else item) for item in items]
    images = tuple(image for image in read if image is not None)
    return images, len(items) - len(images)


def _decode_reason(fields: dict[str, Any], outcome: dict[str, Any]) -> str:
    """Why it failed, from whichever of the four places says so; each may hold an object with the words."""
    values = (outcome.get("error"), outcome.get("message"), fields.get("error"), fields.get("error_message"))
    for value in values:
        words = as_object(value).get("message") if isinstance(value, dict) else value
        if text := as_text(words, MESSAGE_MAX).strip():
            return text
    return ""


def _decode_state(holder: dict[str, Any]) -> bytes | None:
    """The conversation as it stands there; one too deep to be kept does not take the picture away."""
    contents = holder.get("next_turn_contents")
    if not isinstance(contents, list) or not contents:
        return None
    try:
        return dump_exact(contents)
    except WireError:
        return None


def _as_seconds(value: Any) -> int | None:
    fits = isinstance(value, int | Decimal) and not isinstance(value, bool) and 0 <= value <= _SECONDS_MAX
    return int(value) if fits else None


def encode_listing(listing: Listing) -> bytes:
    """The body of the list of own requests."""
    records = [_encode_record(one, Urls.OBJECTS, Reason.OUTCOME_ERROR, False) for one in listing.records]
    return dump_exact({"requests": records, "total": listing.total})


def decode_listing(body: bytes) -> Listing:
    """Own requests, in the order given.

    :raises WireError: not a JSON object with a list of requests.
    """
    fields = parse_object(body)
    items = fields.get("requests")
    if not isinstance(items, list):
        raise WireError("no list of requests")
    read = [_decode_record(as_object(item)) for item in items]
    records = tuple(record for record in read if record.request_id)
    return Listing(records, _as_seconds(fields.get("total")), unread=len(items) - len(records))
