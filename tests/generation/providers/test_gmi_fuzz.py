"""Whatever GMI Cloud answers: an answer of ours, or a ProviderError."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.providers.base import Answer, Connection, ImageBytes, Spec
from generation.providers.errors import ProviderError
from generation.providers.gmi import GmiAdapter
from generation.wire import gmi
from tests.generation.wire.fuzzing import EXAMPLES
from tests.generation.wire.strategies_gmi import bodies

SPEC = Spec(
    model=gmi.MODEL,
    prompt="a lake",
    aspect_ratio="1:1",
    references=(ImageBytes(b"abc", "image/png"),),
    # As soon as it is polled it is over.
    deadline_seconds=0.01,
)
UPLOADED = b'{"upload_url":"https://upload.example.test/u","public_url":"https://upload.example.test/p"}'
statuses = st.sampled_from([200, 200, 200, 201, 302, 400, 401, 402, 404, 429, 500, 503])


async def nobody(vendor_id: str) -> None:
    assert vendor_id


async def run(handler: Callable[[httpx.Request], httpx.Response], resume: bool) -> Answer:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        adapter = GmiAdapter(
            client, Connection("gmi", "https://console.example.test", "k", {"poll_seconds": 0.001})
        )
        if resume:
            return await adapter.resume("r-1", SPEC)
        return await adapter.generate(SPEC, accepted=nobody)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    statuses,
    bodies,
    st.dictionaries(
        st.sampled_from(["retry-after", "content-type"]), st.sampled_from(["-1", "1e9", "x", "0"])
    ),
    st.booleans(),
    st.booleans(),
)
def test_no_answer_raises_anything_else(
    status: int, body: bytes, headers: dict[str, str], at_upload: bool, resume: bool
) -> None:
    sent: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        sent.append((request.method, request.url.path))
        if request.url.path.endswith("/upload-url") and not at_upload:
            return httpx.Response(200, content=UPLOADED)
        if request.method == "PUT" and not at_upload:
            return httpx.Response(200)
        return httpx.Response(status, content=body, headers=headers)

    with contextlib.suppress(ProviderError):
        assert asyncio.run(run(handler, resume)).images
    assert sent.count(("POST", gmi.REQUESTS)) <= 1
