"""What the emulator remembers: its settings, the calls it has seen, and the results it serves."""

import secrets
import time
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from generation.emulator.faults import Plan

LOG_MAX = 200_000
RESULTS_MAX_BYTES = 512 * 1024 * 1024
PROMPTS_MAX = 10_000


@dataclass(frozen=True)
class Settings:
    """How it behaves when nothing is asked to go wrong.

    `latency` is how long a picture takes and `link_lifetime` how long a result can be fetched, in seconds.
    `key` is the one key that is accepted; empty accepts any. For load, `sketch` draws plain pictures, and
    `stock` paints that many of a size and gives them out again, each time with bytes of its own (PNG alone).
    `concurrency` is how many calls a vendor makes at once, `per_minute` how many it takes in 60 seconds; more
    are answered 429. 0 is no limit. `vendor_limits` has each vendor hold the limits it documents besides.
    """

    latency: float = 2.0
    link_lifetime: float = 3600.0
    key: str = field(default="", repr=False)
    shape: int = 2
    format: str = "png"
    sketch: bool = False
    stock: int = 0
    concurrency: int = 0
    per_minute: int = 0
    vendor_limits: bool = False

    def changed(self, values: dict[str, Any]) -> "Settings":
        """With other values, of the same types.

        :raises ValueError: an unknown name or another type.
        """
        types = {item.name: type(getattr(self, item.name)) for item in fields(self)}
        for name, value in values.items():
            if name not in types:
                raise ValueError(f"no setting {name}; there are {', '.join(types)}")
            fits = isinstance(value, types[name]) or (types[name] is float and type(value) is int)
            if not fits or (types[name] is int and isinstance(value, bool)):
                raise ValueError(f"{name} is a {types[name].__name__}")
        return replace(self, **values)


class TooMany(Exception):
    """A vendor's limit is reached; `seconds` until it takes more."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass
class Call:
    """One request as a test may want to see it; no keys, and of the prompt the beginning."""

    method: str
    path: str
    client_request_id: str = ""
    key_sent: bool = False
    vendor: str = ""
    model: str = ""
    prompt: str = ""
    aspect_ratio: str = ""
    count: int = 0
    image_size: str = ""
    references: int = 0
    # Earlier turns of the conversation that came with it.
    turns: int = 0
    fault: str = ""
    paid: bool = False
    status: int | None = None
    # When it arrived, in seconds of Unix time, and how long the answer took.
    at: float = field(default_factory=time.time)
    seconds: float | None = None


@dataclass(frozen=True)
class Result:
    """A picture to be fetched until `ends_at`, in seconds of the monotonic clock."""

    data: bytes = field(repr=False)
    content_type: str
    ends_at: float


class Memory:
    """Everything that lives as long as the process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.plan = Plan()
        self.calls: deque[Call] = deque(maxlen=LOG_MAX)
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._stored_bytes = 0
        self._painted: Counter[str] = Counter()
        self._in_place: defaultdict[str, set[object]] = defaultdict(set)
        self._taken_at: defaultdict[str, deque[float]] = defaultdict(deque)
        # What a vendor remembers of its own: jobs, uploads; by its name, then by theirs.
        self.kept: defaultdict[str, dict[str, Any]] = defaultdict(dict)

    @contextmanager
    def place(self, vendor: str, *, per_minute: int = 0, at_once: int = 0) -> Iterator[None]:
        """One of the vendor's places, for as long as it works on a call.

        `per_minute` and `at_once` are what it documents, held where the settings name no other limit.

        :raises TooMany: all are taken, or it took as many as it does in a minute.
        """
        places, mine = self._in_place[vendor], object()
        most = self.settings.concurrency or (at_once if self.settings.vendor_limits else 0)
        if most and len(places) >= most:
            raise TooMany(1.0)
        self.count(vendor, per_minute=per_minute)
        places.add(mine)
        try:
            yield
        finally:
            places.discard(mine)

    def count(self, vendor: str, *, per_minute: int = 0) -> None:
        """Note that the vendor takes a request now; `per_minute` as above.

        :raises TooMany: it took as many as it does in a minute.
        """
        now, taken = time.monotonic(), self._taken_at[vendor]
        while taken and taken[0] <= now - 60:
            taken.popleft()
        most = self.settings.per_minute or (per_minute if self.settings.vendor_limits else 0)
        if most and len(taken) >= most:
            raise TooMany(max(1.0, taken[0] + 60 - now))
        taken.append(now)

    def next_index(self, prompt: str, count: int) -> int:
        """Where the pictures of this call begin, so that asking again for the same gives others."""
        if len(self._painted) > PROMPTS_MAX:
            self._painted.clear()
        first = self._painted[prompt]
        self._painted[prompt] += count
        return first

    def reset(self) -> None:
        """Forget calls, faults and results; settings stay. Work under way goes on, in nobody's place."""
        self._painted.clear()
        self._in_place.clear()
        self._taken_at.clear()
        self.kept.clear()
        self.plan.clear()
        self.calls.clear()
        self._results.clear()
        self._stored_bytes = 0

    def report(self) -> dict[str, Any]:
        """The log, with how often each client request id was charged for."""
        charged = Counter(call.client_request_id for call in self.calls if call.paid)
        waiting = sum(call.status is None for call in self.calls)
        return {"calls": [asdict(call) for call in self.calls], "paid_calls": charged, "in_flight": waiting}

    def keep(self, data: bytes, content_type: str, *, lifetime: float) -> str:
        """Store a result and give its name; the oldest make room."""
        name = f"{secrets.token_hex(12)}.{content_type.partition('/')[2]}"
        self._results[name] = Result(data, content_type, time.monotonic() + lifetime)
        self._stored_bytes += len(data)
        while self._stored_bytes > RESULTS_MAX_BYTES:
            _, oldest = self._results.popitem(last=False)
            self._stored_bytes -= len(oldest.data)
        return name

    def result(self, name: str) -> Result | None:
        """What was stored under the name, ended or not."""
        return self._results.get(name)
