"""Many ids in few letters: each as its distance from the one before, in hexadecimal."""

from collections.abc import Iterable


def pack(ids: Iterable[int]) -> str:
    """In their order; ids that follow one another take two letters each."""
    last, steps = 0, []
    for pk in ids:
        steps.append(f"{pk - last:x}")
        last = pk
    return ".".join(steps)


def unpack(packed: str) -> list[int]:
    """The ids of `pack`."""
    last, found = 0, []
    for step in packed.split(".") if packed else ():
        last += int(step, 16)
        found.append(last)
    return found


def size(packed: str) -> int:
    """How many there are."""
    return packed.count(".") + 1 if packed else 0
