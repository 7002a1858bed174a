"""What the contract suite needs to know of each adapter: one module a provider, one `CASE` in it."""

from dataclasses import dataclass, field
from typing import Any

from generation.providers.base import Spec
from generation.providers.errors import Code, ProviderError


@dataclass(frozen=True)
class Ending:
    """A fault as the emulator is told it, and what the adapter must make of it.

    `final` and `hint` are for not accepted alone: this provider will not take it later either; its wait in
    seconds.
    """

    fault: str
    kind: type[ProviderError]
    code: Code
    final: bool = False
    hint: float | None = None


@dataclass(frozen=True)
class Case:
    """An adapter, where the emulator answers it, and all that its vendor documents.

    `results` are faults under which a result comes as "url" or as "base64". `endings` are every error of the
    vendor's table; `broken` answers that say success and hold none. `ratios` are those it can be told;
    `options` go into its connection.
    """

    name: str
    adapter: Any
    mount: str
    spec: Spec
    results: dict[str, str]
    endings: tuple[Ending, ...]
    broken: tuple[Ending, ...]
    ratios: tuple[str, ...]
    options: dict[str, Any] = field(default_factory=dict)
    # How long a call may take by its polling alone, in seconds.
    pace_seconds: float = 0.0
