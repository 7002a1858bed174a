"""The provider emulator as a fixture: a real server on loopback, in a thread of its own.

pytest_plugins = ["tests.emulator_server"]
"""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict
from typing import Any

import pytest

from generation.emulator import faults
from generation.emulator.http import HttpServer
from generation.emulator.service import Emulator
from generation.emulator.state import Settings

FAST = Settings(latency=0.0)


class EmulatorServer:
    """A running emulator. `base_url` is what an adapter is given; `log()` what was called."""

    def __init__(self) -> None:
        self._emulator = Emulator(FAST)
        self._ready: Future[int] = Future()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    async def _serve(self) -> None:
        self._stop, self._loop = asyncio.Event(), asyncio.get_running_loop()
        server = HttpServer(self._emulator.answer)
        try:
            self._ready.set_result(await server.start("127.0.0.1", 0))
        except OSError as error:
            self._ready.set_exception(error)
            return
        await self._stop.wait()
        await server.close()

    def start(self) -> None:
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._ready.result(timeout=10)}"

    def stop(self) -> None:
        assert self._loop is not None
        assert self._stop is not None
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def fault(
        self, text: str, *, times: int | None = 1, probability: float = 1.0, match: str = "", at: str = ""
    ) -> None:
        """Have the next calls go wrong; `text` as in the header, such as `status=429,retry_after=3`."""
        self._emulator.memory.plan.add(faults.Planned(faults.parse(text), times, probability, match, at))

    def settings(self, **values: Any) -> None:
        """Change the latency, the key, the link's lifetime and so on, until the test ends."""
        self._emulator.memory.settings = self._emulator.memory.settings.changed(values)

    def log(self) -> list[dict[str, Any]]:
        """Every request so far, oldest first."""
        return [asdict(call) for call in list(self._emulator.memory.calls)]

    def paid_calls(self) -> dict[str, int]:
        """How often each client request id was taken on, and so may be charged for."""
        return dict(self._emulator.memory.report()["paid_calls"])

    def reset(self) -> None:
        """Forget calls, faults and results, and behave as at the start."""
        self._emulator.memory.reset()
        self._emulator.memory.settings = FAST


@pytest.fixture(scope="session")
def emulator_process() -> Iterator[EmulatorServer]:
    server = EmulatorServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def emulator(emulator_process: EmulatorServer) -> EmulatorServer:
    """A provider emulator without latency, with no memory of earlier tests."""
    emulator_process.reset()
    return emulator_process
