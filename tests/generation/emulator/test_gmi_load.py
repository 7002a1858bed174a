"""Many slow requests of a queue in one process."""

import asyncio
import json
from collections import Counter

import httpx
import pytest

from generation.wire import gmi
from tests.emulator_server import EmulatorServer

REQUESTS = 1000
BODY = json.dumps({"model": gmi.MODEL, "payload": {"prompt": "a lake"}}).encode()
REQUEST = (
    b"POST %s HTTP/1.1\r\nauthorization: Bearer k\r\nconnection: close\r\ncontent-length: %d\r\n\r\n%s"
    % (gmi.REQUESTS.encode(), len(BODY), BODY)
)


async def submit(port: int, begun: asyncio.Semaphore) -> bytes:
    """One submit without a client library; gives the status line."""
    async with begun:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(REQUEST)
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer.split(b"\r\n")[0]


async def statuses(client: httpx.AsyncClient) -> Counter[str]:
    listing = (await client.get(gmi.REQUESTS)).json()
    return Counter(one["status"] for one in listing["requests"])


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_thousand_slow_requests_wait_side_by_side(emulator: EmulatorServer) -> None:
    emulator.settings(sketch=True, format="jpeg", latency=15.0)
    port = int(emulator.base_url.rsplit(":", 1)[1])

    async def run() -> tuple[set[bytes], int, Counter[str]]:
        begun = asyncio.Semaphore(100)
        lines = set(await asyncio.gather(*(submit(port, begun) for _ in range(REQUESTS))))
        key = {"authorization": "Bearer k"}
        async with httpx.AsyncClient(base_url=emulator.base_url, headers=key, trust_env=False) as client:
            waiting = (await statuses(client)).total() - (await statuses(client))["success"]
            # Each is painted, by two threads.
            for _ in range(80):
                if (ended := await statuses(client))["success"] == REQUESTS:
                    break
                await asyncio.sleep(2)
        return lines, waiting, ended

    assert asyncio.run(run()) == ({b"HTTP/1.1 200 OK"}, REQUESTS, Counter(success=REQUESTS))
