"""GMI Cloud's request queue: submit once, then ask for the record until it is finished."""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlencode

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.exchange import NotSent, Reply, Unanswered, exchange, late, paid
from generation.providers.gmi_uploads import FILE_TYPES, Uploads
from generation.providers.http import ENVELOPE_MAX_BYTES, clamped, retry_after
from generation.wire import gmi, gmi_errors
from generation.wire.errors import WireError
from generation.wire.messages import ErrorAnswer, ImageRequest, Meaning

POLL_SECONDS = 0.5
POLL_GROWS_BY = 1.5
POLL_MAX_SECONDS = 5.0
# One poll may hang this long; then the next one has a chance.
POLL_WAIT_SECONDS = 30.0
# Listing and cancelling are courtesies: nobody waits longer for them.
ASIDE_SECONDS = 15.0

OPTIONS: Mapping[str, str] = {
    "references": "How references are sent: “upload” (by the provider's upload link, the default) or"
    " “data_uri” (inside the request, which not every model takes).",
    "organization": "The organisation to charge, for keys that belong to several.",
    "poll_seconds": "How long after a submit the result is first asked for; the pauses then grow to 5 s.",
    "prompt_with_contents": "true to send the prompt beside the conversation of a later turn as well.",
}


@dataclass(frozen=True)
class _Options:
    """The connection's options, read.

    :raises ValueError: one of them is not what it can be; the sentence says which.
    """

    upload: bool
    organization: str
    poll_seconds: float
    prompt_beside: bool

    @classmethod
    def of(cls, connection: Connection) -> "_Options":
        given = connection.options
        references = given.get("references") or "upload"
        organization = str(given.get("organization") or "")
        try:
            poll_seconds = float(given.get("poll_seconds") or POLL_SECONDS)
        except (TypeError, ValueError):
            poll_seconds = 0.0
        if references not in ("upload", "data_uri"):
            raise ValueError(f"references of {connection.name} is “upload” or “data_uri”")
        if not (organization.isascii() and organization.isprintable() and " " not in organization):
            raise ValueError(f"the organisation of {connection.name} holds characters that no header takes")
        if not 0 < poll_seconds <= 60:
            raise ValueError(f"poll_seconds of {connection.name} is a number of seconds up to 60")
        beside = str(given.get("prompt_with_contents", "")).lower() in ("true", "1", "yes")
        return cls(references == "upload", organization, poll_seconds, beside)


class GmiAdapter:
    """Sends a spec to GMI Cloud's queue, or to whatever speaks its format at the connection's address.

    References go to the hosts that the vendor's answers name by the connection's client for outside.
    """

    abilities = Abilities(
        temperature=False,
        top_p=False,
        count_max=1,
        references_max=gmi.REFERENCES_MAX,
        resumable=True,
        cancelable=True,
        multi_turn=True,
        ratios=frozenset(gmi.RATIOS),
        ratios_with_references=frozenset(gmi.RATIOS),
        reference_types=frozenset(FILE_TYPES),
    )

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self._client = client
        self.name = connection.name
        self._options = _Options.of(connection)
        self._key = connection.api_key
        origin = connection.base_url.rstrip("/").removesuffix(gmi.BASE)
        self._url = origin + gmi.REQUESTS
        self._uploads = Uploads(client, connection.outside or client, origin=origin, key=self._key)

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        deadline = asyncio.get_running_loop().time() + spec.deadline_seconds
        references = await self._placed(spec, deadline)
        content = self._encode(spec, references)
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0:
            raise NotAccepted(Code.TIMEOUT)
        async with paid(spec):
            reply = await exchange(
                self._client,
                "POST",
                self._url,
                headers={"Content-Type": "application/json", **self._headers(spec.request_id)},
                content=content,
                deadline_seconds=left,
                success_max_bytes=_record_max_bytes(spec),
            )
        record = self._submitted(reply)
        if record.request_id:
            await accepted(record.request_id)
        if record.stage is gmi.Stage.RUNNING:
            record = await self._finished(record.request_id, spec, deadline, self._options.poll_seconds)
        return self._read(record)

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        """Fetch what an earlier call was given the id for, waiting for it as `generate` does."""
        deadline = asyncio.get_running_loop().time() + spec.deadline_seconds
        return self._read(await self._finished(vendor_id, spec, deadline, 0.0))

    async def cancel(self, vendor_id: str) -> bool:
        """Ask by DELETE, which the vendor does not document but has been seen to take."""
        try:
            reply = await exchange(
                self._client,
                "DELETE",
                self._address(vendor_id),
                headers=self._headers(),
                deadline_seconds=ASIDE_SECONDS,
            )
        except (NotSent, Unanswered, httpx.InvalidURL, ValueError):
            return False
        try:
            return reply.is_success and gmi.decode_answer(reply.body).stage is gmi.Stage.CANCELLED
        except WireError:
            # Nothing but a good status: that is its yes.
            return True

    async def find(self, spec: Spec, *, since: datetime, taken: frozenset[str]) -> str | None:
        """The one request of ours that is `spec`, sent at `since` or later and nobody's; None if unsure.

        :raises OutcomeUnknown: the list cannot be had now.
        """
        # The SDK filters by `model_id`, another client by `model`; neither is documented.
        model = _model(spec)
        url = f"{self._url}?{urlencode({'model_id': model, 'model': model})}"
        try:
            reply = await exchange(
                self._client,
                "GET",
                url,
                headers=self._headers(spec.request_id),
                deadline_seconds=min(spec.deadline_seconds, ASIDE_SECONDS),
                success_max_bytes=4 * self.abilities.state_max_bytes,
            )
            listing = gmi.decode_listing(reply.body) if reply.is_success else None
        except (NotSent, Unanswered, WireError) as error:
            raise OutcomeUnknown(Code.UNREADABLE) from error
        if listing is None:
            raise OutcomeUnknown(Code.ERROR)
        return _only_candidate(listing, spec, int(since.timestamp()), taken)

    # --- What is sent ---------------------------------------------------------------------------

    def _headers(self, request_id: str = "") -> dict[str, str]:
        """For the vendor's own host alone."""
        named = {
            "Authorization": f"Bearer {self._key}" if self._key else "",
            "X-Organization-ID": self._options.organization,
            "X-Client-Request-Id": request_id,
        }
        return {name: value for name, value in named.items() if value}

    def _address(self, vendor_id: str) -> str:
        return f"{self._url}/{quote(vendor_id, safe='')}"

    async def _placed(self, spec: Spec, deadline: float) -> tuple[ImageBytes | ImageLink, ...]:
        """The references as they are sent: uploaded side by side, unless they travel inside.

        :raises Refused: :raises NotAccepted:
        """
        if not self._options.upload:
            return spec.references
        headers = self._headers(spec.request_id)

        async def place(reference: ImageBytes | ImageLink) -> ImageLink:
            if isinstance(reference, ImageLink):
                return reference
            return await self._uploads.upload(reference, headers=headers, deadline=deadline)

        placed = await asyncio.gather(*map(place, spec.references), return_exceptions=True)
        for one in placed:
            if isinstance(one, BaseException):
                raise one
        return tuple(one for one in placed if isinstance(one, ImageLink))

    def _encode(self, spec: Spec, references: tuple[ImageBytes | ImageLink, ...]) -> bytes:
        """The body for `spec`.

        :raises Refused: it asks for something this provider cannot be told.
        """
        request = ImageRequest(
            model=_model(spec),
            prompt=spec.prompt,
            aspect_ratio=spec.aspect_ratio,
            count=spec.count,
            references=references,
            temperature=spec.temperature,
            top_p=spec.top_p,
            image_size=spec.image_size,
            state=spec.state,
        )
        try:
            return gmi.encode_request(request, prompt_beside=self._options.prompt_beside)
        except WireError as error:
            raise Refused(Code.INVALID, vendor_text=str(error)) from error

    # --- What comes back ------------------------------------------------------------------------

    def _submitted(self, reply: Reply) -> gmi.Record:
        if not reply.is_success:
            raise self._error(reply)
        try:
            return gmi.decode_answer(reply.body)
        except WireError as error:
            raise OutcomeUnknown(Code.UNREADABLE) from error

    async def _finished(self, vendor_id: str, spec: Spec, deadline: float, pause: float) -> gmi.Record:
        """The record once its status is terminal, first asked for after `pause` seconds.

        :raises OutcomeUnknown: it was not finished by the deadline, however that showed.
        :raises Refused: the vendor answers that it will never be.
        """
        loop, pace = asyncio.get_running_loop(), self._options.poll_seconds
        while True:
            await asyncio.sleep(min(pause, max(deadline - loop.time(), 0)))
            left = deadline - loop.time()
            if left <= 0:
                raise late(spec)
            record, hint = await self._poll(vendor_id, spec, min(left, POLL_WAIT_SECONDS))
            if record is not None and record.stage is not gmi.Stage.RUNNING:
                return record
            pace = min(pace * POLL_GROWS_BY, POLL_MAX_SECONDS)
            pause = pace
            if hint is not None:
                # Not all who were told to wait shall come back in the same moment.
                pause = max(pace, hint * random.uniform(1.0, 1.1))  # noqa: S311

    async def _poll(
        self, vendor_id: str, spec: Spec, seconds: float
    ) -> tuple[gmi.Record | None, float | None]:
        """The record now, None where it could not be had; and the wait that the vendor asks for.

        :raises Refused: the vendor answers that it will never be finished.
        """
        try:
            reply = await exchange(
                self._client,
                "GET",
                self._address(vendor_id),
                headers=self._headers(spec.request_id),
                deadline_seconds=seconds,
                success_max_bytes=_record_max_bytes(spec),
            )
        except (NotSent, Unanswered):
            return None, None
        if reply.is_success:
            try:
                return gmi.decode_answer(reply.body), retry_after(reply.headers.get("retry-after"))
            except WireError:
                return None, None
        error = gmi_errors.decode_error(reply.status, reply.body)
        if reply.status == 500 and isinstance(failure := self._error(reply), Refused):
            raise failure
        return None, _wait(error, reply)

    def _read(self, record: gmi.Record) -> Answer:
        """The answer in a finished record.

        :raises NotAccepted: :raises OutcomeUnknown: :raises Refused:
        """
        if record.stage is gmi.Stage.CANCELLED:
            raise Refused(Code.ERROR, detail="The image provider called this one off. Try again.")
        if record.stage is gmi.Stage.FAILED:
            raise self._failure(record)
        if not record.images:
            if record.unread:
                raise OutcomeUnknown(Code.UNREADABLE)
            raise Refused(Code.NO_IMAGE, vendor_text=clean(record.message, key=self._key))
        fits = record.state is not None and len(record.state) <= self.abilities.state_max_bytes
        return Answer(images=record.images, vendor_id=record.request_id, state=record.state if fits else None)

    def _failure(self, record: gmi.Record) -> ProviderError:
        """A failure that came as a record: the vendor is done with it, whatever it says."""
        error, meaning = ErrorAnswer(200, record.message), gmi_errors.failure_meaning(record.message)
        if meaning in (Meaning.BROKEN, Meaning.TIMED_OUT):
            return Refused(Code.ERROR, vendor_text=clean(record.message, key=self._key))
        wait = gmi_errors.FAILED_RETRY_SECONDS if meaning is Meaning.RATE_LIMITED else None
        return to_error(meaning, error, key=self._key, retry_after_seconds=wait)

    def _error(self, reply: Reply) -> ProviderError:
        error = gmi_errors.decode_error(reply.status, reply.body)
        return to_error(
            gmi_errors.meaning(error), error, key=self._key, retry_after_seconds=_wait(error, reply)
        )


def _model(spec: Spec) -> str:
    """The model that takes references when there are some."""
    return (spec.edit_model or spec.model) if spec.references else spec.model


def _wait(error: ErrorAnswer, reply: Reply) -> float | None:
    """The wait that an error asks for: in its body, as observed, else in the header, as others do."""
    hint = clamped(error.retry_after_seconds)
    return retry_after(reply.headers.get("retry-after")) if hint is None else hint


def _record_max_bytes(spec: Spec) -> int:
    """How long a record may be: it may echo all that was sent, in the payload and in the next turn."""
    inside = sum(len(one.data) for one in spec.references if isinstance(one, ImageBytes)) * 4 // 3
    sent = len(spec.state or b"") + 6 * len(spec.prompt) + inside
    return ENVELOPE_MAX_BYTES + GmiAdapter.abilities.state_max_bytes + 2 * sent


def _only_candidate(listing: gmi.Listing, spec: Spec, since: int, taken: frozenset[str]) -> str | None:
    """The id of the one record that can be it.

    One that does not say when it was made or what it asked for could be it too, and then nothing is sure.
    """
    if listing.unread or not _reaches_back(listing, since):
        return None
    candidates = [
        record
        for record in listing.records
        if record.request_id not in taken
        and record.model in (_model(spec), "")
        and record.prompt in (spec.prompt, "")
        and (record.created_at is None or record.created_at >= since)
    ]
    if len(candidates) != 1:
        return None
    only = candidates[0]
    sure = only.prompt == spec.prompt and only.model == _model(spec) and only.created_at is not None
    return only.request_id if sure else None


def _reaches_back(listing: gmi.Listing, since: int) -> bool:
    """Whether every request since then is in the list: it is whole, or newest first and older at its end.

    How the vendor pages and sorts its list is not documented.
    """
    if listing.total is not None and listing.total <= len(listing.records):
        return True
    times = [record.created_at for record in listing.records]
    known = [time for time in times if time is not None]
    newest_first = known == sorted(known, reverse=True) and len(known) == len(times)
    return newest_first and bool(known) and known[-1] < since
