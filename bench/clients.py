"""People's programs at the API: they ask for generations and hear of changes, whatever happens to the server.

All run in one thread of their own. What they saw is theirs to keep: `Crowd.taken` is every generation that an
answer promised, and each listener has a picture of its person's generations, made from events alone.
"""

import asyncio
import json
import random
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

GENERATIONS = "/api/v1/generations"
EVENTS = "/api/v1/events"
ASKING_AT_ONCE = 8
CALL_SECONDS = 20.0
# The stream says something every 15 s; one that is silent for longer is dead.
SILENT_SECONDS = 40.0
AGAIN_SECONDS = (0.1, 0.5)
# What is named again within this time is fetched once, as a program would that shows them.
ROUND_SECONDS = 0.7
# Of those that were answered, so many are sent again with the same key.
SENT_AGAIN = 0.1
COUNTS = (1, 1, 1, 1, 1, 2, 4)


@dataclass(frozen=True)
class Person:
    """Who asks: the row's id, and the key of the API."""

    pk: int
    key: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}


@dataclass(frozen=True)
class Message:
    """One event of a stream; without a name it only says how far the stream has come."""

    id: str
    event: str
    data: str

    @property
    def path(self) -> str:
        """Where the generation it names is found, at whichever server answers; empty when it names none."""
        if self.event != "generation":
            return ""
        named = json.loads(self.data)
        return urlsplit(named["url"]).path if named["type"] == "generation" else ""


async def messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    """The events in the lines of a stream, as the standard has them."""
    told: dict[str, list[str]] = {}
    last = ""
    async for line in lines:
        name, _, value = line.partition(":")
        if name:
            told.setdefault(name, []).append(value.removeprefix(" "))
        elif line == "":
            last = told.get("id", [last])[-1]
            event = told.get("event", ["message"])[-1] if "data" in told else ""
            if event or "id" in told:
                yield Message(last, event, "\n".join(told.get("data", [])))
            told = {}


class Listener:
    """Keeps a picture of one person's generations by listening, as a program would that shows them."""

    def __init__(self, person: Person, crowd: "Crowd", seed: str) -> None:
        self.person = person
        self.picture: dict[str, tuple[str, int]] = {}
        self.connected = asyncio.Event()
        self._crowd, self._dice = crowd, random.Random(seed)
        self._last = ""
        self._named: set[str] = set()
        self._all = self._fetching = False

    async def run(self) -> None:
        await asyncio.gather(self._listen(), self._look())

    @property
    def idle(self) -> bool:
        """Whether it has looked at everything that it was told of."""
        return not (self._named or self._all or self._fetching)

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except (httpx.HTTPError, ValueError, KeyError) as error:
                self._crowd.count(f"streams broken: {type(error).__name__}")
            await self._pause()

    async def _hear(self) -> None:
        headers = {**self.person.headers, "Accept": "text/event-stream"}
        if self._last:
            headers["Last-Event-ID"] = self._last
        async with self._crowd.stream(self._crowd.any_address(self._dice) + EVENTS, headers) as answer:
            answer.raise_for_status()
            # Nothing says from where on this stream tells, until it has told something.
            self._all |= not self._last
            self.connected.set()
            async for message in messages(answer.aiter_lines()):
                self._crowd.count(f"heard of: {message.event or 'a place'}")
                if path := message.path:
                    self._named.add(path)
                elif message.event == "reset":
                    self._all = True
                self._last = message.id or self._last
            self._crowd.count("streams ended")

    async def _look(self) -> None:
        while True:
            if self._all:
                await self._look_at_all()
            else:
                await asyncio.sleep(ROUND_SECONDS)
                for path in tuple(self._named):
                    await self._look_at(path)

    async def _look_at(self, path: str) -> None:
        # Whatever names it from here on has it fetched once more.
        self._named.discard(path)
        self._fetching = True
        if (found := await self._get(path)) is None:
            self._named.add(path)
            await self._pause()
        else:
            self._keep(found)
        self._fetching = False

    async def _look_at_all(self) -> None:
        self._all, self._fetching = False, True
        path: str | None = GENERATIONS
        while path:
            page = await self._get(path)
            if page is None:
                self._all = True
                return await self._pause()
            for found in page["results"]:
                self._keep(found)
            following = urlsplit(page["next"] or "")
            path = f"{following.path}?{following.query}" if following.path else None
        self._fetching = False

    async def _get(self, path: str) -> dict[str, Any] | None:
        address = self._crowd.any_address(self._dice) + path
        return await self._crowd.get(address, self.person.headers)

    def _keep(self, found: dict[str, Any]) -> None:
        self.picture[found["id"]] = (found["status"], len(found["images"]))

    async def _pause(self) -> None:
        await asyncio.sleep(self._dice.uniform(*AGAIN_SECONDS))


@dataclass
class Crowd:
    """Everybody at the API of some web processes; use it as a context."""

    addresses: Sequence[str]
    people: Sequence[Person]
    number: int
    seed: int
    # At most so many of their generations are open at a time, as `ended` tells.
    open_most: int
    listeners_each: int = 1
    ended: int = 0
    # By number, what the answer said: the generation's id.
    taken: dict[int, str] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    listeners: list[Listener] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._next = 0
        self._failed: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=self._in_thread, name="crowd")

    def __enter__(self) -> "Crowd":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        deadline = time.monotonic() + 10
        while self._stop is None and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.01)
        if self._loop is not None and self._stop is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=30)

    def check(self) -> None:
        """:raises BaseException: what ended the thread before its time."""
        if self._failed is not None:
            raise self._failed

    @property
    def done(self) -> bool:
        """Whether everything was asked for and answered."""
        return len(self.taken) + len(self.refused) >= self.number

    @property
    def idle(self) -> bool:
        return all(listener.idle for listener in self.listeners)

    def count(self, what: str) -> None:
        self.counts[what] += 1

    def any_address(self, dice: random.Random) -> str:
        return dice.choice(self.addresses)

    def stream(self, address: str, headers: dict[str, str]) -> Any:
        limits = httpx.Timeout(CALL_SECONDS, read=SILENT_SECONDS)
        return self._client.stream("GET", address, headers=headers, timeout=limits)

    async def get(self, address: str, headers: dict[str, str]) -> dict[str, Any] | None:
        """The JSON of a 200, None after anything else, which may be otherwise the next time."""
        try:
            answer = await self._client.get(address, headers=headers)
        except httpx.HTTPError:
            return None
        if answer.status_code != 200:
            self.count(f"GET answered {answer.status_code}")
            return None
        found: dict[str, Any] = answer.json()
        return found

    def _in_thread(self) -> None:
        try:
            asyncio.run(self._run())
        except BaseException as error:
            self._failed = error

    async def _run(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=CALL_SECONDS, limits=limits, trust_env=False) as self._client:
            every = [person for person in self.people for _ in range(self.listeners_each)]
            self.listeners += [Listener(one, self, f"{self.seed}-{n}") for n, one in enumerate(every)]
            tasks = [asyncio.create_task(one.run()) for one in self.listeners]
            tasks += [asyncio.create_task(self._ask()) for _ in range(ASKING_AT_ONCE)]
            stopping = asyncio.create_task(self._stop.wait())
            waiting: set[asyncio.Task[Any]] = {stopping, *tasks}
            while not stopping.done():
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopping}:
                    task.result()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _ask(self) -> None:
        """One number after another, until all were asked for."""
        for listener in self.listeners:
            await listener.connected.wait()
        while self._next < self.number:
            if self._next - self.ended >= self.open_most:
                await asyncio.sleep(0.05)
                continue
            number, self._next = self._next, self._next + 1
            await self._ask_for(number)

    async def _ask_for(self, number: int) -> None:
        dice = random.Random(f"{self.seed}-{number}")
        person = dice.choice(self.people)
        body = {"prompt": f"chaos {number}", "count": dice.choice(COUNTS)}
        headers = {**person.headers, "Idempotency-Key": f"chaos-{self.seed}-{number}"}
        again = dice.random() < SENT_AGAIN
        while True:
            answer = await self._post(self.any_address(dice) + GENERATIONS, body, headers)
            if answer is None:
                await asyncio.sleep(dice.uniform(*AGAIN_SECONDS))
                continue
            if answer.status_code not in (201, 202):
                self.refused.append(f"number {number}: {answer.status_code} {answer.text[:200]}")
                return
            public_id = answer.json()["id"]
            if self.taken.setdefault(number, public_id) != public_id:
                self.refused.append(f"number {number} became {self.taken[number]} and {public_id}")
            if not again:
                return
            again = False

    async def _post(
        self, address: str, body: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response | None:
        """The answer, None where the same call has to be made again."""
        try:
            answer = await self._client.post(address, json=body, headers=headers)
        except httpx.HTTPError as error:
            self.count(f"POST broken: {type(error).__name__}")
            return None
        # A server that is in trouble; 409: the same call is under way in another process.
        if answer.status_code >= 500 or answer.status_code == 409:
            self.count(f"POST answered {answer.status_code}")
            return None
        return answer
