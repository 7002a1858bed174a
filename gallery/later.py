"""Work that is too long for a request, left for whoever runs what waits.

The rows say what is left, and it is done by the clock anyway; to ask for it only makes it happen now.
"""

from collections.abc import Callable

_takers: list[Callable[[], None]] = []


def taken_by(taker: Callable[[], None]) -> None:
    """Name who sends the work to where it is done; `generation` does at start."""
    if taker not in _takers:
        _takers.append(taker)


def ask() -> None:
    """Have what is left done soon: `unfinished.go_on` in another process."""
    for taker in _takers:
        taker()
