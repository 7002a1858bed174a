"""1min.ai as a transport: answers as told, for tests of its adapter that need no server."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from generation.providers.base import Answer, Connection, ImageBytes, Spec
from generation.providers.errors import ProviderError
from generation.providers.onemin import OneminAdapter

KEY = "key-5f1c0ffee5f1c0ffee"
LINK = "https://s3.example.test/images/a.png?X-Amz-Signature=00"
SPEC = Spec(
    model="text",
    edit_model="edit",
    prompt="a lake",
    aspect_ratio="1:1",
    request_id="g-1.1",
    deadline_seconds=10.0,
)
PICTURE = ImageBytes(b"\x89PNG\r\n\x1a\n...", "image/png")
PROCESSING = {"aiRecord": {"uuid": "u-1", "status": "PROCESSING", "aiRecordDetail": {"resultObject": []}}}
SUCCESS = {
    "aiRecord": {
        "uuid": "u-1",
        "status": "SUCCESS",
        "aiRecordDetail": {"resultObject": ["images/a.png"]},
        "temporaryUrl": LINK,
    }
}
UNKNOWN = {"aiRecord": None}
Handler = Callable[[httpx.Request], httpx.Response]


class Vendor:
    """Answers as told, in turn, by address; the last answer for ever. `sent` is what arrived."""

    def __init__(self, *, run: Any = PROCESSING, results: Any = (SUCCESS,), uploads: Any = None) -> None:
        self._answers = {"features": [run], "results": list(results), "assets": list(uploads or [uploaded])}
        self.sent: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        queue = self._answers[request.url.path.split("/")[2]]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def at(self, name: str) -> list[httpx.Request]:
        return [request for request in self.sent if name in request.url.path]


def uploaded(request: httpx.Request) -> dict[str, Any]:
    """A key that tells which file it is of."""
    name = request.content.split(b'filename="')[1].split(b'"')[0].decode()
    return {"fileContent": {"path": f"images/{name}"}}


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


def using(handler: Handler, work: Any, **options: Any) -> Answer:
    async def run() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            given = {"poll_seconds": 0.001, **options}
            answer: Answer = await work(
                OneminAdapter(client, Connection("onemin", "https://api.example.test", KEY, given))
            )
            return answer

    return asyncio.run(run())


def generate(handler: Handler, spec: Spec = SPEC, *, accepted: Any = nobody, **options: Any) -> Answer:
    return using(handler, lambda adapter: adapter.generate(spec, accepted=accepted), **options)


def failure(handler: Handler, spec: Spec = SPEC, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        generate(handler, spec, **options)
    return raised.value


def resume(handler: Handler, vendor_id: str = "u-1", spec: Spec = SPEC) -> Answer:
    return using(handler, lambda adapter: adapter.resume(vendor_id, spec))


def again(answer: Any) -> Any:
    """A response that can be read once more."""
    if isinstance(answer, httpx.Response):
        return httpx.Response(answer.status_code, content=answer.content, headers=answer.headers)
    return answer
