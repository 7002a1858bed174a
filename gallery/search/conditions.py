"""What is asked of rows beside words and marks. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Condition = tuple[str, Any]
"""SQL with `{id}` for the id's column and one `%s`, and its value."""


@dataclass
class Conditions:
    """What must hold: of the id alone, of the image's row `i`, and of what the image is in."""

    of_id: list[Condition] = field(default_factory=list)
    of_row: list[Condition] = field(default_factory=list)
    within: list[Condition] = field(default_factory=list)

    def joined(self, key: str, first: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
        """`first` and all of these as one condition, `key` being the id's column, and all values."""
        return both(key, first, values, [*self.of_id, *self.of_row, *self.within])


def both(key: str, first: str, values: Sequence[Any], more: Iterable[Condition]) -> tuple[str, list[Any]]:
    """`first` with its values, and all the others, as one condition."""
    chosen = list(more)
    return (
        " AND ".join([first, *(condition.replace("{id}", key) for condition, _ in chosen)]),
        [*values, *(value for _, value in chosen)],
    )
