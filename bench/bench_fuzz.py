"""100,000 spoilt answers, 20,000 a provider: an adapter gives pictures or raises a provider's error.

Each adapter calls the emulator once over a real socket, and what came back is kept. Then it is answered with
that again and again, and from some answer on spoilt: bytes changed, cut or doubled, JSON values replaced,
keys renamed, another status, other headers. FUZZ_ANSWERS chooses how many, FUZZ_SEED another course.
"""

import asyncio
import importlib
import json
import os
import pkgutil
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx

from bench import faulty, report
from generation.providers.base import Connection
from generation.providers.errors import ProviderError
from generation.providers.http import new_client
from tests.generation.providers import cases
from tests.generation.providers.cases import Case

ANSWERS = int(os.environ.get("FUZZ_ANSWERS", "100000"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
AT_ONCE = 100
DEADLINE_SECONDS = 0.2
JUNK: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 1e308, "", "\0", "\ud83d", "null", "http://", "data:image/png;base64,x",
    [], [[]], {}, [None], {"": None}, "x" * 5_000, "2026-13-45T99:99:99Z",
)  # fmt: skip
STATUSES = (
    200,
    200,
    200,
    201,
    204,
    301,
    307,
    400,
    401,
    402,
    403,
    404,
    406,
    409,
    422,
    429,
    500,
    503,
    522,
    599,
)
HEADERS: tuple[dict[str, Any], ...] = (
    {},
    {"retry-after": "-5"},
    {"retry-after": "never"},
    {"content-type": "text/html"},
    {"x": b"\xe9"},
)

Answer = tuple[int, dict[str, Any], bytes]


async def nobody(vendor_id: str) -> None:
    """Nobody wants the id."""


async def recorded(case: Case, address: str) -> list[Answer]:
    """What the emulator answered in one good call, in order."""
    heard: list[Answer] = []

    async def keep(response: httpx.Response) -> None:
        body = await response.aread()
        heard.append((response.status_code, {"content-type": "application/json"}, body))

    async with new_client() as client:
        client.event_hooks = {"response": [keep]}
        connection = Connection(case.name, address + case.mount, "any-key", dict(case.options))
        await case.adapter(client, connection).generate(case.spec, accepted=nobody)
    return heard


def spoilt(answer: Answer, chance: random.Random) -> Answer:
    status, headers, body = answer
    ways: tuple[Callable[[bytes, random.Random], bytes], ...] = (
        _flip,
        _cut,
        _double,
        _tree,
        _tree,
        _tree,
        _junk,
    )
    return (
        status if chance.random() < 0.6 else chance.choice(STATUSES),
        headers | chance.choice(HEADERS),
        chance.choice(ways)(body, chance),
    )


def _flip(body: bytes, chance: random.Random) -> bytes:
    spoilt = bytearray(body or b"x")
    for _ in range(chance.randint(1, 8)):
        spoilt[chance.randrange(min(len(spoilt), 2_000))] = chance.randrange(256)
    return bytes(spoilt)


def _cut(body: bytes, chance: random.Random) -> bytes:
    return body[: chance.randrange(len(body) + 1)]


def _double(body: bytes, chance: random.Random) -> bytes:
    return body + body[: chance.randrange(min(len(body), 500) + 1)]


def _junk(body: bytes, chance: random.Random) -> bytes:
    return chance.choice((b"", b"[" * 5_000, b"\xff\xfe", b"<html>", chance.randbytes(200)))


def _tree(body: bytes, chance: random.Random) -> bytes:
    """One value of the JSON replaced by something that has no place there, or its key renamed."""
    try:
        value = json.loads(body)
    except ValueError:
        return _flip(body, chance)
    for _ in range(chance.randint(1, 3)):
        value = _replaced(value, chance)
    return json.dumps(value).encode()


def _replaced(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(list(value))
        if chance.random() < 0.1:
            return {**{k: v for k, v in value.items() if k != key}, key.upper(): value[key]}
        return {**value, key: _replaced(value[key], chance)}
    if isinstance(value, list) and value and chance.random() < 0.85:
        place = chance.randrange(len(value))
        return [*value[:place], _replaced(value[place], chance), *value[place + 1 :]]
    return chance.choice(JUNK)


async def fuzzed(case: Case, good: list[Answer], number: int, seed: int) -> tuple[Counter[str], list[str]]:
    """How the calls ended, and what was raised besides a provider's error."""
    ends: Counter[str] = Counter()
    wrong: list[str] = []
    places = asyncio.Semaphore(AT_ONCE)

    async def once(index: int) -> None:
        chance = random.Random(f"{seed}.{case.name}.{index}")
        turn, bad = 0, chance.randrange(len(good))

        def handler(request: httpx.Request) -> httpx.Response:
            nonlocal turn
            place = min(turn, len(good) - 1)
            turn += 1
            # A poll is asked again after a spoilt answer, and gets another.
            status, headers, body = spoilt(good[place], chance) if place >= bad else good[place]
            return httpx.Response(status, headers=headers, content=body)

        async with places, httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            adapter = case.adapter(
                client, Connection(case.name, "https://v.example.test", "k", dict(case.options))
            )
            try:
                await adapter.generate(replace(case.spec, deadline_seconds=DEADLINE_SECONDS), accepted=nobody)
                ends["answered"] += 1
            except ProviderError as error:
                ends[type(error).__name__] += 1
            except BaseException as error:
                wrong.append(f"{case.name} {index}: {type(error).__name__}: {error}")

    await asyncio.gather(*(once(index) for index in range(number)))
    return ends, wrong


def main() -> None:
    found = [
        importlib.import_module(f"{cases.__name__}.{module.name}").CASE
        for module in pkgutil.iter_modules(cases.__path__)
    ]
    rows: list[report.Row] = []
    wrong: list[str] = []
    with faulty.emulator(latency=0.0) as address:
        good = {case.name: asyncio.run(recorded(case, address)) for case in found}
    for case in found:
        began = time.monotonic()
        ends, mistakes = asyncio.run(fuzzed(case, good[case.name], ANSWERS // len(found), SEED))
        wrong += mistakes
        kinds = ("answered", "NotAccepted", "OutcomeUnknown", "Refused")
        rows.append(
            {"provider": case.name, "answers": sum(ends.values()) + len(mistakes)}
            | {kind: ends[kind] for kind in kinds}
            | {"other exceptions": len(mistakes), "seconds": time.monotonic() - began}
        )
    report.report("fuzz", rows)
    if wrong:
        sys.exit("\n".join(wrong[:20]))


if __name__ == "__main__":
    main()
