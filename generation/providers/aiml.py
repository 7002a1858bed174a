"""The AIML API: one synchronous call, with no id to come back for."""

import asyncio
from dataclasses import dataclass

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Spec
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, NotAccepted, OutcomeUnknown, ProviderError, Refused
from generation.providers.http import (
    ENVELOPE_MAX_BYTES,
    PICTURE_MAX_BYTES,
    AnswerTooLarge,
    Departure,
    read_bounded,
    read_excerpt,
    retry_after,
    timeouts,
)
from generation.wire import aiml, aiml_errors
from generation.wire.errors import Unsupported, WireError
from generation.wire.messages import ImageRequest

# Raised before a byte of the request has left, whatever the transport.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.UnsupportedProtocol,
)


@dataclass(frozen=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: bytes


class AimlProvider:
    """Sends a spec to the AIML API, or to whatever speaks its format at `base_url`.

    :raises ValueError: the key could not travel in a header; its text does not repeat it.
    """

    name = "aimlapi"
    abilities = Abilities(
        temperature=False,
        top_p=False,
        count_max=aiml.COUNT_MAX,
        references_max=aiml.REFERENCES_MAX,
        resumable=False,
    )

    def __init__(self, client: httpx.AsyncClient, *, base_url: str, api_key: str) -> None:
        self._client = client
        self._url = base_url.rstrip("/").removesuffix("/v1") + aiml.PATH
        self._key = api_key.strip()
        if not (self._key.isascii() and self._key.isprintable() and " " not in self._key):
            raise ValueError("the AIML API key holds characters that no key has")

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        body = _encode(spec)
        departure = Departure()
        try:
            async with asyncio.timeout(spec.deadline_seconds):
                reply = await self._send(spec, body, departure, accepted)
        except _NOT_SENT as error:
            raise NotAccepted(Code.UNREACHABLE) from error
        except TimeoutError as error:
            raise _late(spec) if departure.had_left else NotAccepted(Code.UNREACHABLE) from error
        except httpx.TimeoutException as error:
            raise _late(spec) from error
        except AnswerTooLarge as error:
            raise OutcomeUnknown(Code.UNREADABLE) from error
        except (httpx.HTTPError, httpx.StreamError) as error:
            raise OutcomeUnknown(Code.ERROR) from error
        return self._read(spec, reply)

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        """Never possible here: the vendor has no way to ask for an earlier result.

        :raises OutcomeUnknown: always.
        """
        raise OutcomeUnknown(Code.ERROR)

    async def _send(self, spec: Spec, content: bytes, departure: Departure, accepted: Accepted) -> _Reply:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            "Accept-Encoding": "identity",
        }
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if spec.request_id:
            headers["X-Client-Request-Id"] = spec.request_id
        request = self._client.build_request(
            "POST",
            self._url,
            content=content,
            headers=headers,
            timeout=timeouts(spec.deadline_seconds),
            extensions={"trace": departure.trace},
        )
        response = await self._client.send(request, stream=True, follow_redirects=False)
        try:
            vendor_id = response.headers.get(aiml.HEADER_ID, "")
            if response.is_success and vendor_id:
                await accepted(vendor_id[:200])
            if response.is_success:
                body = await read_bounded(response, ENVELOPE_MAX_BYTES + spec.count * PICTURE_MAX_BYTES)
            else:
                body = await read_excerpt(response)
            return _Reply(response.status_code, dict(response.headers), body)
        finally:
            await response.aclose()

    def _read(self, spec: Spec, reply: _Reply) -> Answer:
        if not 200 <= reply.status < 300:
            raise self._error(reply)
        try:
            answer = aiml.decode_answer(reply.body, reply.headers)
        except WireError as error:
            raise OutcomeUnknown(Code.UNREADABLE, cost=aiml.decode_cost(reply.headers)) from error
        if not answer.images:
            # How the vendor refuses content is not documented; a model that draws nothing says why in words.
            code = Code.CONTENT if answer.description.strip() else Code.NO_IMAGE
            raise Refused(code, vendor_text=clean(answer.description, key=self._key), cost=answer.cost)
        return Answer(
            images=answer.images,
            vendor_id=answer.vendor_id,
            cost=answer.cost,
            description=answer.description,
        )

    def _error(self, reply: _Reply) -> ProviderError:
        error = aiml_errors.decode_error(reply.status, reply.body, reply.headers)
        return to_error(
            aiml_errors.meaning(error),
            error,
            key=self._key,
            retry_after_seconds=retry_after(reply.headers.get("retry-after")),
        )


def _late(spec: Spec) -> OutcomeUnknown:
    seconds = f"{spec.deadline_seconds:g}"
    return OutcomeUnknown(
        Code.TIMEOUT, detail=f"This one didn't finish. The image provider took longer than {seconds} s."
    )


def _encode(spec: Spec) -> bytes:
    """The body for `spec`, with the model that takes references when there are some.

    :raises Refused: it asks for something this provider cannot be told.
    """
    request = ImageRequest(
        model=(spec.edit_model or spec.model) if spec.references else spec.model,
        prompt=spec.prompt,
        aspect_ratio=spec.aspect_ratio,
        count=spec.count,
        references=spec.references,
        temperature=spec.temperature,
        top_p=spec.top_p,
    )
    try:
        return aiml.encode_request(request)
    except Unsupported as error:
        raise Refused(Code.INVALID, vendor_text=str(error)) from error
