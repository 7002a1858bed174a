"""Google, by the Gemini API or by Vertex AI: one synchronous call, and a conversation that is sent whole."""

import re
from collections.abc import Mapping
from dataclasses import replace

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Connection, Spec
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.exchange import Reply, exchange, paid
from generation.providers.http import ENVELOPE_MAX_BYTES, PICTURE_MAX_BYTES, clamped, retry_after
from generation.wire import google, google_errors
from generation.wire.errors import WireError
from generation.wire.google import GoogleAnswer
from generation.wire.google_parts import joined
from generation.wire.messages import ImageRequest, Meaning

BASE_URL = "https://generativelanguage.googleapis.com"
OPTIONS: Mapping[str, str] = {
    "vertex": "True to call Vertex AI instead of the Gemini API.",
    "project": "The Google Cloud project on Vertex AI; the key is then an OAuth access token sent as bearer, "
    "without a project it is an API key, as in Vertex AI's express mode.",
    "location": "The region of the project, such as europe-west4 (default: global).",
    "version": "The version in the address (default: v1beta, on Vertex AI v1), or none.",
    "request_max_bytes": "Bytes a request may have, with references and earlier turns (default: 20,000,000).",
}

# Pictures of an answer in all: the largest one and the drafts before it, or ten small ones.
_ANSWER_MAX_BYTES = ENVELOPE_MAX_BYTES + 2 * PICTURE_MAX_BYTES
_REFERENCE_MAX_BYTES = 7 * 1024 * 1024
# Locations of several regions, which have hosts of another kind (google-genai 3.6, 2026-11).
_CONTINENTS = ("us", "eu")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}", re.ASCII)
_VERSION = re.compile(r"(v\d\w{0,20})?", re.ASCII)

_TOO_LARGE = "These references are too large together for the image provider. Use fewer or smaller ones."
_LOST_THREAD = (
    "The image provider can't go on from the turn before. Begin anew with its picture as a reference."
)
_CUT_OFF = "The model ran out of room before it had drawn the picture. Ask for less at once and try again."

# How an answer without a picture ended, from the SDK's `FinishReason` (google-genai 3.6, 2026-11). What is
# named nowhere here is a fault of the model's, or new: it may have worked, and been charged for it.
_CONTENT_REASONS = frozenset(
    {
        "SAFETY",
        "RECITATION",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "MODEL_ARMOR",
        "LANGUAGE",
    }
)
_NOTHING_REASONS = frozenset({"STOP", "NO_IMAGE", "MAX_TOKENS"})
_UNSIGNED = "MISSING_THOUGHT_SIGNATURE"
# What an error that Google does not charge for is called.
_FREE = {Meaning.UNAVAILABLE: Code.BUSY, Meaning.TIMED_OUT: Code.TIMEOUT}


class GoogleAdapter:
    """Sends a spec to Google, or to whatever speaks its format at the connection's address.

    The models' count of pictures cannot be told, so a call asks for one; several that come are handed on.
    References in all are bounded by what a request may hold; 14 are taken by the newer models.
    """

    abilities = Abilities(
        temperature=True,
        top_p=True,
        count_max=1,
        references_max=3,
        resumable=False,
        multi_turn=True,
        # What the largest reference inside leaves of a request.
        state_max_bytes=google.REQUEST_MAX_BYTES - (_REFERENCE_MAX_BYTES + 2) // 3 * 4 - 64 * 1024,
        image_size=True,
        reference_max_bytes=_REFERENCE_MAX_BYTES,
    )

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        """
        :raises ValueError: an option cannot be part of an address.
        """
        self._client = client
        self.name = connection.name
        self._key = connection.api_key
        self._address = _address(connection)
        self._base_url = _base_url(connection, self._address)
        self._request_max_bytes = int(connection.options.get("request_max_bytes") or google.REQUEST_MAX_BYTES)

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        request = _request(spec)
        content = self._encode(request)
        async with paid(spec):
            reply = await exchange(
                self._client,
                "POST",
                self._base_url + google.encode_address(replace(self._address, model=request.model)),
                headers=self._headers(spec),
                content=content,
                deadline_seconds=spec.deadline_seconds,
                success_max_bytes=_ANSWER_MAX_BYTES,
            )
        answer = self._read(reply)
        if answer.vendor_id:
            await accepted(answer.vendor_id)
        return Answer(
            images=answer.images,
            vendor_id=answer.vendor_id,
            description=answer.description,
            state=self._state(request, answer),
        )

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        """Never possible here: the vendor has no way to ask for an earlier result.

        :raises OutcomeUnknown: always.
        """
        raise OutcomeUnknown(Code.ERROR)

    async def cancel(self, vendor_id: str) -> bool:
        """The vendor has no way to call work off."""
        return False

    def _headers(self, spec: Spec) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._key and self._address.project:
            headers["Authorization"] = f"Bearer {self._key}"
        elif self._key:
            headers[google.KEY_HEADER] = self._key
        if spec.request_id:
            headers["X-Client-Request-Id"] = spec.request_id
        return headers

    def _encode(self, request: ImageRequest) -> bytes:
        """
        :raises Refused: it asks for something this provider cannot be told, or is too large.
        """
        if request.count > 1:
            raise Refused(Code.INVALID, vendor_text="one call makes one picture")
        try:
            content = google.encode_request(request)
        except WireError as error:
            raise Refused(Code.INVALID, detail=_LOST_THREAD, vendor_text=str(error)) from error
        if len(content) > self._request_max_bytes:
            detail = _LOST_THREAD if request.state else _TOO_LARGE
            raise Refused(Code.INVALID, detail=detail, vendor_text=f"{len(content)} bytes in one request")
        return content

    def _state(self, request: ImageRequest, answer: GoogleAnswer) -> bytes | None:
        """The conversation with this turn; None once it leaves no room for a next one."""
        if answer.state is None:
            return None
        state = joined(google.encode_contents(request), answer.state)
        return state if len(state) <= self.abilities.state_max_bytes else None

    def _read(self, reply: Reply) -> GoogleAnswer:
        if not reply.is_success:
            raise self._error(reply)
        try:
            answer = google.decode_answer(reply.body)
        except WireError as error:
            raise OutcomeUnknown(Code.UNREADABLE) from error
        if not answer.images:
            raise self._nothing(answer)
        return answer

    def _nothing(self, answer: GoogleAnswer) -> ProviderError:
        """What an answer without a picture says, by its reasons and not by its words."""
        reason = answer.block_reason or answer.finish_reason
        words = f"{reason}: {answer.description}" if answer.description else reason
        text = clean(words, key=self._key)
        if answer.block_reason or reason in _CONTENT_REASONS:
            return Refused(Code.CONTENT, vendor_text=text)
        if reason in _NOTHING_REASONS:
            detail = _CUT_OFF if reason == "MAX_TOKENS" else ""
            return Refused(Code.NO_IMAGE, detail=detail, vendor_text=text)
        if reason == _UNSIGNED:
            return Refused(Code.INVALID, detail=_LOST_THREAD, vendor_text=text)
        return OutcomeUnknown(Code.ERROR, vendor_text=text)

    def _error(self, reply: Reply) -> ProviderError:
        error = google_errors.decode_error(reply.status, reply.body)
        meaning = google_errors.meaning(error)
        hint = clamped(error.retry_after_seconds)
        if hint is None:
            hint = retry_after(reply.headers.get("retry-after"))
        if google_errors.is_free(error, vertex=self._address.vertex):
            text = clean(error.message, key=self._key)
            return NotAccepted(_FREE.get(meaning, Code.ERROR), retry_after_seconds=hint, vendor_text=text)
        return to_error(meaning, error, key=self._key, retry_after_seconds=hint)


def _address(connection: Connection) -> google.Address:
    """The address of every call but for its model, from the connection's options.

    :raises ValueError: one of them cannot be part of an address.
    """
    options = connection.options
    vertex = options.get("vertex") in (True, 1, "1", "true", "True", "on", "yes")
    version = str(options.get("version") or ("v1" if vertex else "v1beta"))
    address = google.Address(
        model="",
        version="" if version == "none" else version,
        vertex=vertex,
        project=str(options.get("project") or "") if vertex else "",
        location=str(options.get("location") or "global") if vertex else "",
    )
    if not _VERSION.fullmatch(address.version):
        raise ValueError(f"the version of {connection.name} is none, such as v1beta")
    if address.project and not _NAME.fullmatch(address.project):
        raise ValueError(f"the project of {connection.name} holds characters that no project has")
    if address.location and not re.fullmatch(r"[a-z0-9-]{1,60}", address.location, re.ASCII):
        raise ValueError(f"the location of {connection.name} is none, such as europe-west4")
    return address


def _base_url(connection: Connection, address: google.Address) -> str:
    """Where calls go; on Vertex AI the location's own host, unless the connection names one."""
    base_url = connection.base_url.rstrip("/")
    if address.version:
        base_url = base_url.removesuffix(f"/{address.version}")
    if not address.vertex or base_url != BASE_URL:
        return base_url
    if not address.project or address.location == "global":
        return "https://aiplatform.googleapis.com"
    if address.location in _CONTINENTS:
        return f"https://aiplatform.{address.location}.rep.googleapis.com"
    return f"https://{address.location}-aiplatform.googleapis.com"


def _request(spec: Spec) -> ImageRequest:
    return ImageRequest(
        model=(spec.edit_model or spec.model) if spec.references else spec.model,
        prompt=spec.prompt,
        aspect_ratio=spec.aspect_ratio or None,
        count=spec.count,
        references=spec.references,
        temperature=spec.temperature,
        top_p=spec.top_p,
        image_size=spec.image_size,
        state=spec.state,
    )
