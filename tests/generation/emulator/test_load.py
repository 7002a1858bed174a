"""Many slow calls in one process."""

import asyncio
import json

import pytest

from generation.wire import aiml
from tests.emulator_server import EmulatorServer

CALLS = 1000
BODY = json.dumps({"model": aiml.TEXT_MODEL, "prompt": "a lake"}).encode()
REQUEST = (
    b"POST /v1/images/generations HTTP/1.1\r\nauthorization: Bearer k\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)


async def call(port: int, begun: asyncio.Semaphore) -> bytes:
    """One call without a client library, which would cost more than the server; gives the status line."""
    # Not all in one moment: the system's queue of connections to accept is shorter than that.
    async with begun:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        await writer.drain()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer.split(b"\r\n")[0]


@pytest.mark.slow
def test_a_thousand_slow_calls_wait_side_by_side(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg", latency=8.0)
    port = int(emulator.base_url.rsplit(":", 1)[1])

    async def run() -> tuple[int, set[bytes]]:
        begun = asyncio.Semaphore(100)
        calls = [asyncio.create_task(call(port, begun)) for _ in range(CALLS)]
        in_flight = 0
        while in_flight < CALLS and not any(one.done() for one in calls):
            await asyncio.sleep(0.05)
            in_flight = sum(one["status"] is None for one in emulator.log())
        return in_flight, set(await asyncio.gather(*calls))

    assert asyncio.run(run()) == (CALLS, {b"HTTP/1.1 200 OK"})
