"""1min.ai: references are uploaded first; a run gives an id at once, under which its result is asked for."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Connection, ImageBytes, ImageLink, Spec
from generation.providers.classify import to_error
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.exchange import NotSent, Reply, Unanswered, exchange, late, paid
from generation.providers.http import retry_after
from generation.wire import onemin, onemin_assets, onemin_errors
from generation.wire.errors import Unsupported, WireError
from generation.wire.messages import ErrorAnswer, ImageRequest, Meaning
from generation.wire.onemin import Record, Run, Status
from generation.wire.onemin_assets import Asset

POLL_SECONDS = 0.3
POLL_SECONDS_MAX = 5.0
POLL_GROWTH = 1.5
# One answer to a poll is small; one that takes longer is asked for again.
POLL_ANSWER_SECONDS = 15.0
# A run that was just taken on may not be listed yet; one that is unknown this often is lost.
UNKNOWN_MAX = 10
# What an upload's status says of the picture rather than of the moment.
_BAD_PICTURE = frozenset({400, 413, 415, 422})

OPTIONS: Mapping[str, str] = {
    "async": "“on” (default) asks for an id at once and fetches the result by it; “off” waits in one call.",
    "aspect_ratio": "The shape is sent for edits and where it is not 1:1; “on” sends it always, “off” never.",
    "poll_seconds": f"Seconds before a result is first asked for (default {POLL_SECONDS:g}); then longer.",
}


class OneminAdapter:
    """Sends a spec to 1min.ai, or to whatever speaks its format at the connection's address.

    The generator's ratio is in no parameter table, so 1:1 is all that is promised. For edits neither the
    shape nor a field for it is documented: the ratio is sent, since the vendor's own example echoes the
    field and unknown ones are ignored, and again 1:1 is all that is promised.
    """

    abilities = Abilities(
        temperature=False,
        top_p=False,
        count_max=1,
        references_max=onemin.REFERENCES_MAX,
        resumable=True,
        ratios=frozenset({"1:1"}),
        ratios_with_references=frozenset({"1:1"}),
    )

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self._client = client
        self.name = connection.name
        self._url = connection.base_url.rstrip("/").removesuffix("/api")
        self._key = connection.api_key
        self._is_async = _choice(connection, "async", "on", "off") != "off"
        self._ratio = _choice(connection, "aspect_ratio", "on", "off")
        self._poll_seconds = _seconds(connection, "poll_seconds", POLL_SECONDS)
        self.abilities = abilities_with(connection.options)

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        ends_at = time.monotonic() + spec.deadline_seconds
        request = self._request(spec)
        # Refused before anything is uploaded.
        self._encode(request)
        content = self._encode(replace(request, references=await self._uploaded(spec, ends_at)))
        if time.monotonic() >= ends_at:
            raise NotAccepted(Code.TIMEOUT)
        async with paid(spec):
            reply = await exchange(
                self._client,
                "POST",
                self._url + onemin.PATH,
                headers=self._headers(spec, "application/json"),
                content=content,
                deadline_seconds=_left(ends_at),
            )
        record = self._record(reply)
        if record.uuid:
            await accepted(record.uuid)
        if record.status is Status.PROCESSING:
            record = await self._result(record.uuid, spec, ends_at)
        return self._answer(record)

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        if not onemin.is_uuid(vendor_id):
            raise OutcomeUnknown(Code.ERROR)
        return self._answer(await self._result(vendor_id, spec, time.monotonic() + spec.deadline_seconds))

    async def cancel(self, vendor_id: str) -> bool:
        """The vendor has no way to call work off."""
        return False

    # --- Asking -----------------------------------------------------------------------------------

    def _request(self, spec: Spec) -> ImageRequest:
        """What is asked; references still as they were given."""
        sends_ratio = self._ratio != "off" and (
            self._ratio == "on" or bool(spec.references) or spec.aspect_ratio != "1:1"
        )
        if not sends_ratio and spec.aspect_ratio != "1:1":
            raise Refused(Code.INVALID, vendor_text="1min.ai is set up to be told no aspect ratio")
        return ImageRequest(
            model=(spec.edit_model or spec.model) if spec.references else spec.model,
            prompt=spec.prompt,
            aspect_ratio=spec.aspect_ratio if sends_ratio else None,
            count=spec.count,
            references=spec.references,
            temperature=spec.temperature,
            top_p=spec.top_p,
            image_size=spec.image_size,
            state=spec.state,
        )

    def _encode(self, request: ImageRequest) -> bytes:
        """The body, with a key in the place of each reference that is still to be uploaded.

        :raises Refused: it asks for something this provider cannot be told.
        """
        keys = tuple(
            ImageLink("to be uploaded") if isinstance(one, ImageBytes) else one for one in request.references
        )
        try:
            return onemin.encode_request(Run(replace(request, references=keys), self._is_async))
        except Unsupported as error:
            raise Refused(Code.INVALID, vendor_text=str(error)) from error

    def _headers(self, spec: Spec, content_type: str = "") -> dict[str, str]:
        headers = {"Content-Type": content_type} if content_type else {}
        if self._key:
            headers[onemin.KEY_HEADER] = self._key
        if spec.request_id:
            headers["X-Client-Request-Id"] = spec.request_id
        return headers

    # --- Uploads: nothing is paid for yet -----------------------------------------------------------

    async def _uploaded(self, spec: Spec, ends_at: float) -> tuple[ImageLink, ...]:
        """The references as the vendor can read them, side by side."""
        tasks = [
            asyncio.create_task(self._upload(spec, reference, place, ends_at))
            for place, reference in enumerate(spec.references, start=1)
        ]
        try:
            return tuple(await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _upload(
        self, spec: Spec, reference: ImageBytes | ImageLink, place: int, ends_at: float
    ) -> ImageLink:
        if isinstance(reference, ImageLink):
            return reference
        kind = reference.content_type or "image/png"
        name = f"reference-{place}.{kind.partition('/')[2]}"
        try:
            form = onemin_assets.encode_upload(Asset(name, kind, reference.data))
        except ValueError as error:
            raise Refused(
                Code.INVALID, vendor_text="a reference has a type that no upload can name"
            ) from error
        try:
            reply = await exchange(
                self._client,
                "POST",
                self._url + onemin_assets.PATH,
                headers=self._headers(spec, form.content_type),
                content=form.body,
                deadline_seconds=_left(ends_at),
            )
        except NotSent as error:
            raise NotAccepted(Code.UNREACHABLE) from error
        except Unanswered as error:
            raise NotAccepted(Code.TIMEOUT if error.late else Code.ERROR) from error
        if not reply.is_success:
            raise self._upload_error(reply)
        try:
            return ImageLink(onemin_assets.decode_uploaded(reply.body))
        except WireError as error:
            raise NotAccepted(Code.UNREADABLE) from error

    def _upload_error(self, reply: Reply) -> ProviderError:
        """What became of an upload: a picture that won't do is refused; all else has cost nothing, and can be
        tried again unless it is a no that no wait will change.
        """
        told = onemin_errors.decode_error(reply.status, reply.body)
        error = self._error(onemin_errors.meaning(told), told, reply)
        if isinstance(error, NotAccepted):
            return error
        if reply.status in _BAD_PICTURE:
            return Refused(Code.INVALID, vendor_text=error.vendor_text)
        return NotAccepted(
            error.code,
            final_for_provider=isinstance(error, Refused),
            retry_after_seconds=_hint(reply),
            vendor_text=error.vendor_text,
        )

    # --- Results ------------------------------------------------------------------------------------

    async def _result(self, uuid: str, spec: Spec, ends_at: float) -> Record:
        """The record once it is done; what goes wrong with asking is asked again until time runs out.

        :raises OutcomeUnknown: no end was seen in time, or the vendor does not know the id.
        """
        pause, unknown = self._poll_seconds, 0
        while True:
            await _pause(pause, spec, ends_at)
            pause = min(pause * POLL_GROWTH, max(POLL_SECONDS_MAX, self._poll_seconds))
            reply = await self._poll(uuid, spec, ends_at)
            if reply is None:
                continue
            if not reply.is_success:
                await _pause(_hint(reply) or 0.0, spec, ends_at)
                continue
            try:
                record = onemin.decode_answer(reply.body)
            except WireError:
                continue
            if record is not None and record.status is not Status.PROCESSING:
                return replace(record, uuid=uuid)
            unknown = unknown + 1 if record is None else 0
            if unknown == UNKNOWN_MAX:
                raise OutcomeUnknown(Code.ERROR)

    async def _poll(self, uuid: str, spec: Spec, ends_at: float) -> Reply | None:
        """One question for the result; None when no answer came."""
        try:
            return await exchange(
                self._client,
                "GET",
                self._url + onemin.RESULTS_PATH + uuid,
                headers=self._headers(spec),
                deadline_seconds=min(_left(ends_at), POLL_ANSWER_SECONDS),
            )
        except (NotSent, Unanswered):
            return None

    def _record(self, reply: Reply) -> Record:
        """The record in the answer to the paid call.

        :raises ProviderError: it is an error, or cannot be gone on with.
        """
        if not reply.is_success:
            told = onemin_errors.decode_error(reply.status, reply.body)
            raise self._error(onemin_errors.meaning(told), told, reply)
        try:
            record = onemin.decode_answer(reply.body)
        except WireError as error:
            raise OutcomeUnknown(Code.UNREADABLE) from error
        if record is None or (record.status is Status.PROCESSING and not record.uuid):
            raise OutcomeUnknown(Code.UNREADABLE)
        return record

    def _answer(self, record: Record) -> Answer:
        """What a record that is done brought.

        :raises ProviderError: no picture.
        """
        if record.failure is not None:
            raise self._failure(record.failure)
        if record.images:
            return Answer(images=record.images, vendor_id=record.uuid)
        if record.keys:
            # There is a picture, and no way to it.
            raise OutcomeUnknown(Code.UNREADABLE)
        raise Refused(Code.NO_IMAGE)

    def _failure(self, told: ErrorAnswer) -> ProviderError:
        """A run that was taken on and failed. Whether it was charged is not documented, so that it is never
        sent again, not even where a limit was the reason.
        """
        error = self._error(onemin_errors.meaning_of_failure(told), told)
        if isinstance(error, Refused):
            return error
        return OutcomeUnknown(error.code, vendor_text=error.vendor_text)

    def _error(self, meaning: Meaning, told: ErrorAnswer, reply: Reply | None = None) -> ProviderError:
        """The exception for an error. Where the model's vendor is behind it, 429 was no work for anybody and
        can be sent again; its 5xx may have come after the work, and what that costs is not documented.
        """
        shown = replace(told, message=onemin_errors.words(told))
        hint = _hint(reply) if reply is not None else None
        return to_error(meaning, shown, key=self._key, retry_after_seconds=hint)


def _hint(reply: Reply) -> float | None:
    return retry_after(reply.headers.get("retry-after"))


def _left(ends_at: float) -> float:
    """Seconds until then; never none at all, so that the exchange itself says what running out means."""
    return max(ends_at - time.monotonic(), 0.001)


async def _pause(seconds: float, spec: Spec, ends_at: float) -> None:
    """Wait, but not past the end.

    :raises OutcomeUnknown: the end has come.
    """
    await asyncio.sleep(max(0.0, min(seconds, ends_at - time.monotonic())))
    if time.monotonic() >= ends_at:
        raise late(spec)


def _choice(connection: Connection, name: str, *allowed: str) -> str:
    """An option that is one of a few words; empty when it is not set.

    :raises ValueError: it is another.
    """
    value: Any = connection.options.get(name, "")
    if value not in ("", None, *allowed):
        raise ValueError(f"the option {name} of {connection.name} is one of {', '.join(allowed)}")
    return str(value or "")


def _seconds(connection: Connection, name: str, default: float) -> float:
    """An option that is a number of seconds above 0 and at most 60.

    :raises ValueError: it is not.
    """
    value: Any = connection.options.get(name, default)
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        seconds = 0.0
    if not 0 < seconds <= 60:
        raise ValueError(f"the option {name} of {connection.name} is no number of seconds from 0 to 60")
    return seconds


def abilities_with(options: Mapping[str, Any]) -> Abilities:
    """The abilities under a connection's options: without `async` an id comes too late to go back for it."""
    is_async = str(options.get("async") or "on") != "off"
    return replace(OneminAdapter.abilities, resumable=is_async)
