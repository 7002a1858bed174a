"""The AIML API: one synchronous call, with no id to come back for."""

from collections.abc import Mapping

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Connection, Spec
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, OutcomeUnknown, ProviderError, Refused
from generation.providers.exchange import Reply, exchange, paid
from generation.providers.http import ENVELOPE_MAX_BYTES, PICTURE_MAX_BYTES, retry_after
from generation.wire import aiml, aiml_errors
from generation.wire.errors import Unsupported, WireError
from generation.wire.messages import ImageRequest


class AimlAdapter:
    """Sends a spec to the AIML API, or to whatever speaks its format at the connection's address."""

    abilities = Abilities(
        temperature=False,
        top_p=False,
        count_max=aiml.COUNT_MAX,
        references_max=aiml.REFERENCES_MAX,
        resumable=False,
    )

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        self._client = client
        self.name = connection.name
        self._url = connection.base_url.rstrip("/").removesuffix("/v1") + aiml.PATH
        self._key = connection.api_key

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        async def heard(headers: Mapping[str, str]) -> None:
            if vendor_id := headers.get(aiml.HEADER_ID, ""):
                await accepted(vendor_id[:200])

        content = _encode(spec)
        async with paid(spec):
            reply = await exchange(
                self._client,
                "POST",
                self._url,
                headers=self._headers(spec),
                content=content,
                deadline_seconds=spec.deadline_seconds,
                success_max_bytes=ENVELOPE_MAX_BYTES + spec.count * PICTURE_MAX_BYTES,
                heard=heard,
            )
        return self._read(reply)

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
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if spec.request_id:
            headers["X-Client-Request-Id"] = spec.request_id
        return headers

    def _read(self, reply: Reply) -> Answer:
        if not reply.is_success:
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

    def _error(self, reply: Reply) -> ProviderError:
        error = aiml_errors.decode_error(reply.status, reply.body, reply.headers)
        return to_error(
            aiml_errors.meaning(error),
            error,
            key=self._key,
            retry_after_seconds=retry_after(reply.headers.get("retry-after")),
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
