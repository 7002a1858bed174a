"""Any server of OpenAI's images API: one synchronous call, with no id to come back for."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from generation.providers.base import Abilities, Accepted, Answer, Connection, Spec
from generation.providers.classify import clean, to_error
from generation.providers.errors import Code, OutcomeUnknown, ProviderError, Refused
from generation.providers.exchange import Reply, exchange, paid
from generation.providers.http import ENVELOPE_MAX_BYTES, PICTURE_MAX_BYTES, clamped, retry_after
from generation.wire import openai, openai_answers, openai_errors, shapes
from generation.wire.errors import WireError
from generation.wire.messages import ImageRequest
from generation.wire.openai import Counting, Dialect, EncodedCall, Sizing

OPTIONS: Mapping[str, str] = {
    "size": 'How the server is told the shape: "ratio" (the field aspect_ratio), "pixels" (size as WxH), or '
    '"auto" (not at all: squares only).',
    "response_format": 'Ask for results as "url" or "b64_json"; empty leaves it to the server.',
    "count": 'How many pictures a call makes: "n" (as many as asked, up to ten) or "one".',
    "always_brackets": "Name a single reference image[] too, as LiteLLM does.",
}
# A base URL with a version in its path is used as it stands; to others /v1 is added.
_VERSION = re.compile(r"/v\d[^/]*(/|$)")


class OpenAIAdapter:
    """Sends a spec to the server at the connection's address, in the dialect of its options."""

    abilities = Abilities(
        temperature=False,
        top_p=False,
        count_max=openai.COUNT_MAX,
        references_max=openai.REFERENCES_MAX,
        resumable=False,
    )

    def __init__(self, client: httpx.AsyncClient, connection: Connection) -> None:
        """:raises ValueError: an option has a value that it cannot have."""
        self._client = client
        self.name = connection.name
        self._base_url = _versioned(connection.base_url)
        self._key = connection.api_key
        self._dialect = Dialect.read(connection.options)
        self.abilities = abilities_with(connection.options)

    async def generate(self, spec: Spec, *, accepted: Accepted) -> Answer:
        async def heard(headers: Mapping[str, str]) -> None:
            if vendor_id := openai_answers.vendor_id(headers):
                await accepted(vendor_id)

        call = self._encode(spec)
        async with paid(spec):
            reply = await exchange(
                self._client,
                "POST",
                self._base_url + call.path,
                headers=self._headers(spec, call),
                content=call.body,
                deadline_seconds=spec.deadline_seconds,
                success_max_bytes=ENVELOPE_MAX_BYTES + spec.count * PICTURE_MAX_BYTES,
                heard=heard,
            )
        return self._read(reply)

    async def resume(self, vendor_id: str, spec: Spec) -> Answer:
        """Never possible here: the format has no way to ask for an earlier result.

        :raises OutcomeUnknown: always.
        """
        raise OutcomeUnknown(Code.ERROR)

    async def cancel(self, vendor_id: str) -> bool:
        """The format has no way to call work off."""
        return False

    def _encode(self, spec: Spec) -> EncodedCall:
        """The call for `spec`, with the model that takes references when there are some.

        :raises Refused: it asks for something this server cannot be told.
        """
        request = ImageRequest(
            model=(spec.edit_model or spec.model) if spec.references else spec.model,
            prompt=spec.prompt,
            aspect_ratio=spec.aspect_ratio,
            count=spec.count,
            references=spec.references,
            temperature=spec.temperature,
            top_p=spec.top_p,
            image_size=spec.image_size,
            state=spec.state,
        )
        try:
            return openai.encode_request(request, self._dialect)
        except WireError as error:
            raise Refused(Code.INVALID, vendor_text=str(error)) from error

    def _headers(self, spec: Spec, call: EncodedCall) -> dict[str, str]:
        headers = {"Content-Type": call.content_type}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if spec.request_id:
            headers["X-Client-Request-Id"] = spec.request_id
        return headers

    def _read(self, reply: Reply) -> Answer:
        if not reply.is_success:
            raise self._error(reply)
        try:
            answer = openai_answers.decode_answer(reply.body, reply.headers).answer
        except WireError as error:
            raise OutcomeUnknown(Code.UNREADABLE, cost=openai_answers.decode_cost(reply.headers)) from error
        if not answer.images:
            # The vendor refuses by an error; servers in between may pass on a model's words instead.
            code = Code.CONTENT if answer.description.strip() else Code.NO_IMAGE
            raise Refused(code, vendor_text=clean(answer.description, key=self._key), cost=answer.cost)
        return Answer(
            images=answer.images,
            vendor_id=answer.vendor_id,
            cost=answer.cost,
            description=answer.description,
        )

    def _error(self, reply: Reply) -> ProviderError:
        error = openai_errors.decode_error(reply.status, reply.body, reply.headers)
        if error.param and error.param not in error.message:
            error = replace(error, message=f"{error.message} ({error.param})".strip())
        return to_error(
            openai_errors.meaning(error), error, key=self._key, retry_after_seconds=_hint(reply.headers)
        )


def _versioned(base_url: str) -> str:
    """The base URL that the paths of the format follow, whether it was given with its version or without."""
    base_url = base_url.rstrip("/")
    return base_url if _VERSION.search(urlsplit(base_url).path) else f"{base_url}/v1"


def abilities_with(options: Mapping[str, Any]) -> Abilities:
    """What is left of the format's abilities under a connection's options.

    :raises ValueError: an option has a value that it cannot have.
    """
    dialect = Dialect.read(options)
    ratios = {Sizing.RATIO: None, Sizing.PIXELS: frozenset(shapes.RATIOS), Sizing.AUTO: frozenset({"1:1"})}
    told = ratios[dialect.size]
    abilities = replace(OpenAIAdapter.abilities, ratios=told, ratios_with_references=told)
    return replace(abilities, count_max=1) if dialect.count is Counting.ONE else abilities


def _hint(headers: Mapping[str, str]) -> float | None:
    """The wait in seconds: in milliseconds by the vendor's own header, else as everybody names it."""
    try:
        exact = clamped(float(headers[openai_errors.HEADER_RETRY_MS]) / 1000)
    except (KeyError, ValueError):
        exact = None
    return retry_after(headers.get("retry-after")) if exact is None else exact
