"""What can be asked to go wrong, and how: by header, by admin call, or by a word in the prompt.

X-Emulate: status=429,retry_after=3
a lake at dusk [emulate: body=refusal]
POST /_emulator/faults {"fault": "connection=reset", "times": 2}
"""

import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

HEADER = "x-emulate"
_IN_PROMPT = re.compile(r"\[emulate:\s*([^\]]*)\]", re.IGNORECASE)

CHOICES: Mapping[str, tuple[str, ...]] = {
    "envelope": ("string", "number", "title", "nested", "html", "empty"),
    "body": ("html", "truncated", "empty", "null", "refusal", "huge", "unknown"),
    "connection": ("hang", "reset", "reset_body", "drip"),
    "picture": ("blank", "reference", "junk", "truncated"),
    "links": ("expired",),
    "result": ("url", "b64_json"),
    "cost": ("on", "off", "headers", "body"),
    "usage": ("credits_used", "tokens_used"),
    "format": ("png", "jpeg", "webp"),
    "paid": ("yes", "no"),
}


class UnknownFault(ValueError):
    """The text asks for something this emulator cannot do; it says what."""


@dataclass(frozen=True)
class Fault:
    """How one call departs from a plain success. None everywhere is a plain success.

    `status` below 300 is a success with that status. `latency` is seconds, `size` pixels, `count` how many
    pictures come back whatever was asked. `body` replaces a success's JSON, `picture` the pictures' bytes.
    `paid` overrides whether the call counts as charged; else everything does that is not a 4xx. `code` is the
    vendor's own word for the error, `quirk` are oddities of its own, with `+` between them.
    """

    status: int | None = None
    envelope: str | None = None
    message: str | None = None
    retry_after: str | None = None
    latency: float | None = None
    body: str | None = None
    connection: str | None = None
    count: int | None = None
    size: tuple[int, int] | None = None
    picture: str | None = None
    links: str | None = None
    shape: int | None = None
    result: str | None = None
    cost: str | None = None
    usage: str | None = None
    format: str | None = None
    paid: str | None = None
    code: str | None = None
    quirk: str | None = None

    def __str__(self) -> str:
        named = ((item.name, getattr(self, item.name)) for item in fields(self))
        return ",".join(f"{name}={value}" for name, value in named if value is not None)


NO_FAULT = Fault()


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return read


def _seconds(text: str) -> float:
    if not 0 <= float(text) <= 3600:
        raise ValueError
    return float(text)


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    side = _whole(1, 4096)
    return side(width), side(height)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "status": _whole(200, 599),
    "latency": _seconds,
    "count": _whole(0, 10),
    "size": _size,
    "shape": _whole(1, 3),
    "message": str,
    "retry_after": str,
    "code": str,
    "quirk": str,
}


def parse(text: str) -> Fault:
    """`name=value` pairs with commas between them.

    :raises UnknownFault:
    """
    pairs = [pair.partition("=") for pair in text.split(",") if pair.strip()]
    return from_values({name.strip(): value.strip() for name, _, value in pairs})


def from_values(values: Mapping[str, Any]) -> Fault:
    """The same from an object, whose values may hold commas.

    :raises UnknownFault:
    """
    read: dict[str, Any] = {}
    for name, value in values.items():
        text = str(value)
        if name in CHOICES and text in CHOICES[name]:
            read[name] = text
            continue
        try:
            read[name] = _READERS[name](text)
        except (KeyError, ValueError) as error:
            known = ", ".join([*_READERS, *CHOICES])
            raise UnknownFault(f"the emulator knows no fault {name}={text}; it knows {known}") from error
    return Fault(**read)


def find_in_prompt(prompt: str) -> Fault | None:
    """The fault that `[emulate: …]` in the prompt asks for.

    :raises UnknownFault:
    """
    match = _IN_PROMPT.search(prompt)
    return parse(match[1]) if match else None


def without_words(prompt: str) -> str:
    """The prompt without its `[emulate: …]`."""
    return _IN_PROMPT.sub(" ", prompt).strip()


@dataclass
class Planned:
    """A fault for the next `times` calls, each with `probability`, whose prompt holds `match`."""

    fault: Fault
    times: int | None = 1
    probability: float = 1.0
    match: str = ""


class Plan:
    """The faults that admin calls have set, in order; the first that fits a call is taken."""

    def __init__(self) -> None:
        self._planned: list[Planned] = []
        self._random = random.Random(0)  # noqa: S311 - chance for tests, the same on every run

    def add(self, planned: Planned) -> None:
        self._planned.append(planned)

    def clear(self, seed: int = 0) -> None:
        self._planned.clear()
        self._random.seed(seed)

    def take(self, prompt: str, *, addressed: bool = False) -> Fault | None:
        """The next one for `prompt`; with `addressed` only one whose `match` names something of it."""
        for planned in self._planned:
            if addressed and not planned.match:
                continue
            if planned.match not in prompt or self._random.random() >= planned.probability:
                continue
            if planned.times is not None:
                planned.times -= 1
                if planned.times <= 0:
                    self._planned.remove(planned)
            return planned.fault
        return None
