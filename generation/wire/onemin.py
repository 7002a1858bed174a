"""1min.ai, `POST /api/features`: runs of its picture features and their records, from both sides.

Facts come from the vendor's pages (docs.1min.ai) and public notes of live calls of 2026-08. Errors are in
`onemin_errors`, uploads in `onemin_assets`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from generation.wire.errors import InvalidRequest, Issue, Unsupported, WireError
from generation.wire.messages import ErrorAnswer, ImageBytes, ImageLink, ImageRequest
from generation.wire.onemin_errors import decode_failure, encode_failure
from generation.wire.reading import URL_MAX, as_list, as_object, as_text, is_link, parse_object

PATH = "/api/features"
RESULTS_PATH = "/api/results/"
KEY_HEADER = "API-KEY"

GENERATOR = "IMAGE_GENERATOR"
EDITOR = "IMAGE_EDITOR"
TEXT_MODEL = "gemini-2.5-flash-image"
# Documented for the editor, though the model's maker retired this id in 2025-10; the next one may be meant.
EDIT_MODEL = "gemini-2.5-flash-image-preview"
# The picture that is edited, then the two that may be given beside it.
REFERENCE_FIELDS = ("imageUrl", "referenceImage1", "referenceImage2")
REFERENCES_MAX = len(REFERENCE_FIELDS)

_UUID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class UnknownFeature(WireError):
    """The request asks for a feature that makes no pictures here."""


class Status(StrEnum):
    """How far a run is."""

    PROCESSING = "PROCESSING"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"


@dataclass(frozen=True)
class Run:
    """What is asked, and whether the answer shall come at once, with an id under which the result will be."""

    asked: ImageRequest
    is_async: bool = False


@dataclass(frozen=True)
class Record:
    """A run as the vendor keeps it.

    `keys` are names in the vendor's storage, which nobody else can fetch; `link` is the signed address of the
    first. `failure` is what a run that failed says of why.
    """

    uuid: str
    status: Status
    keys: tuple[str, ...] = ()
    link: str = ""
    failure: ErrorAnswer | None = None

    @property
    def images(self) -> tuple[ImageLink, ...]:
        """The pictures that have an address: how a second key gets one is not documented."""
        first = self.link or next(iter(self.keys), "")
        return tuple(ImageLink(one) for one in (first, *self.keys[1:]) if is_link(one))


def is_uuid(text: str) -> bool:
    """Whether the text can be the id of a run, and so stand in an address."""
    return _UUID.fullmatch(text) is not None


# --- Requests -----------------------------------------------------------------------------------


def encode_request(run: Run) -> bytes:
    """The JSON body of a run: the editor where there are references, else the generator.

    References are keys of uploads; the picture that is edited can also be an address.

    :raises Unsupported: something that no documented field says.
    """
    asked = run.asked
    _check(asked)
    prompt: dict[str, Any] = {"prompt": asked.prompt}
    for field, reference in zip(REFERENCE_FIELDS, asked.references, strict=False):
        prompt[field] = _encode_reference(field, reference)
    if asked.aspect_ratio is not None:
        prompt["aspect_ratio"] = asked.aspect_ratio
    feature = EDITOR if asked.references else GENERATOR
    body = {"type": feature, "model": asked.model, "promptObject": prompt}
    return json.dumps({**body, "async": True} if run.is_async else body).encode()


def _check(asked: ImageRequest) -> None:
    said = {
        "temperature": asked.temperature,
        "top-p": asked.top_p,
        "an image size": asked.image_size,
        "a provider route": asked.provider_route,
        "the state of an earlier turn": asked.state,
    }
    for name, value in said.items():
        if value is not None:
            raise Unsupported(f"1min.ai can't be told {name}")
    if asked.count != 1:
        raise Unsupported("1min.ai makes one picture a call")
    if len(asked.references) > REFERENCES_MAX:
        raise Unsupported(f"1min.ai takes at most {REFERENCES_MAX} references")


def _encode_reference(field: str, reference: ImageLink | ImageBytes) -> str:
    if isinstance(reference, ImageBytes):
        raise Unsupported("1min.ai takes references as keys of uploads")
    if is_link(reference.url) and field != REFERENCE_FIELDS[0]:
        raise Unsupported("1min.ai takes an address for the first reference alone")
    return reference.url


def decode_request(body: bytes) -> Run:
    """The run in a JSON body. What a feature does not know is ignored, as the vendor does: also references
    that are given to the generator.

    :raises WireError: not a JSON object.
    :raises UnknownFeature: neither the generator nor the editor is asked for.
    :raises InvalidRequest: a required field is missing.
    """
    fields = parse_object(body)
    prompt = as_object(fields.get("promptObject"))
    issues: list[Issue] = []
    feature = _required(fields, "type", issues)
    if feature and feature not in (GENERATOR, EDITOR):
        raise UnknownFeature(f"unsupported feature type {feature[:80]}")
    model = _required(fields, "model", issues)
    text = _required(prompt, "prompt", issues, limit=len(body))
    if feature == EDITOR:
        _required(prompt, REFERENCE_FIELDS[0], issues)
    if issues:
        raise InvalidRequest(*issues)
    request = ImageRequest(
        model=model,
        prompt=text,
        aspect_ratio=as_text(prompt.get("aspect_ratio"), 20) or None,
        references=_decode_references(prompt) if feature == EDITOR else (),
    )
    return Run(request, is_async=fields.get("async") is True)


def _required(fields: dict[str, Any], name: str, issues: list[Issue], *, limit: int = URL_MAX) -> str:
    text = as_text(fields.get(name), limit)
    if not text.strip():
        issues.append(Issue(name, f"{name} is required"))
    return text


def _decode_references(prompt: Mapping[str, Any]) -> tuple[ImageLink, ...]:
    given = (as_text(prompt.get(field), URL_MAX) for field in REFERENCE_FIELDS)
    return tuple(ImageLink(text) for text in given if text.strip())


# --- Answers ------------------------------------------------------------------------------------


def encode_answer(
    record: Record | None,
    asked: ImageRequest,
    *,
    created_at: str = "",
    beside: bool = False,
    plain: bool = False,
) -> bytes:
    """A record as every endpoint answers it; None is what an unknown id gets.

    `beside` puts the signed address next to the record instead of inside, `plain` a single key without its
    list; clients have met both. The vendor's example of a failed record is not public: that its words stand
    where results do is what one client reads, the rest is our guess.
    """
    if record is None:
        return b'{"aiRecord":null}'
    results: list[str] | str = list(record.keys)
    body: dict[str, Any] = {
        "uuid": record.uuid,
        "userId": "u-1",
        "teamId": "t-1",
        "model": asked.model,
        "type": EDITOR if asked.references else GENERATOR,
        "metadata": None,
        "status": record.status.value,
        "createdAt": created_at,
    }
    if record.failure is not None:
        results = [record.failure.message] if record.failure.message else []
        body |= encode_failure(record.failure)
    if plain and len(results) == 1:
        results = results[0]
    body["aiRecordDetail"] = {"promptObject": {"prompt": asked.prompt}, "resultObject": results}
    outside = {"temporaryUrl": record.link} if record.link else {}
    inside = {} if beside else outside
    return json.dumps({"aiRecord": body | inside, **(outside if beside else {})}).encode()


def decode_answer(body: bytes) -> Record | None:
    """The record of an answer; None when the vendor knows no such run.

    A status that is new to us counts as not done yet.

    :raises WireError: not JSON, or no record.
    """
    fields = parse_object(body)
    if "aiRecord" not in fields:
        raise WireError("no aiRecord")
    record = fields["aiRecord"]
    if record is None:
        return None
    if not isinstance(record, dict):
        raise WireError("aiRecord is not an object")
    detail = as_object(record.get("aiRecordDetail"))
    uuid = as_text(record.get("uuid"), 200)
    uuid = uuid if is_uuid(uuid) else ""
    results = _decode_results(detail.get("resultObject"))
    status = _decode_status(record.get("status"))
    if status is Status.FAILURE:
        return Record(uuid, status, failure=decode_failure(record, detail, results))
    places = (record.get("temporaryUrl"), fields.get("temporaryUrl"), detail.get("temporaryUrl"))
    link = next((one for one in places if isinstance(one, str) and is_link(one)), "")
    return Record(uuid, status, results, link)


def _decode_status(value: Any) -> Status:
    text = as_text(value, 40).upper()
    if text in ("FAILURE", "FAILED", "ERROR"):
        return Status.FAILURE
    return Status.SUCCESS if text == "SUCCESS" else Status.PROCESSING


def _decode_results(value: Any) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else as_list(value)
    return tuple(text for text in (as_text(one, URL_MAX) for one in texts) if text.strip())
