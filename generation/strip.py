"""The strip of turns: which turn stands in which row and column, and the lines between them.

The trunk runs along the first row. A branch begins one column after the turn it forks from, in the nearest
row below that is free there; its line comes down from that turn and turns to the right.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gallery.models import Image
from generation.turns import Line, Tree, Turn


@dataclass(frozen=True)
class Cell:
    """One place of the strip: a turn, the picture it all begins with, where the next turn lands, or a gap.

    `image` is the picture shown. `joined` says that a line comes from the cell before; `lines` are drawn
    through a gap: `corner` from above to the right, `down` through to the row below.
    """

    turn: Turn | None = None
    image: Image | None = None
    next: bool = False
    root: bool = False
    current: bool = False
    joined: bool = False
    lines: frozenset[str] = frozenset()

    @property
    def gap(self) -> bool:
        return not (self.turn or self.next or self.root)

    @property
    def branch_letter(self) -> str:
        """The letter of a branch that is not the trunk."""
        return self.turn.branch.letter if self.turn and self.turn.branch.number else ""


@dataclass
class _Grid:
    """Cells by row and column, and the lines drawn through the empty ones."""

    cells: dict[tuple[int, int], Cell] = field(default_factory=dict)
    lines: dict[tuple[int, int], set[str]] = field(default_factory=dict)

    def free(self, row: int, first: int, last: int) -> bool:
        """Whether a branch fits: its turns from `first` to `last`, and its corner in the column before."""
        taken = self.cells.keys() | self.lines.keys()
        return (row, first - 1) not in self.cells and not any(
            (row, column) in taken for column in range(first, last + 1)
        )

    def connect(self, above: int, row: int, column: int) -> None:
        """A line from the turn in the row above, down that column, and to the right in `row`."""
        for between in range(above + 1, row):
            self.lines.setdefault((between, column), set()).add("down")
        self.lines.setdefault((row, column), set()).add("corner")

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """All of it, with gaps before and between, none after the last of a row."""
        places = self.cells.keys() | self.lines.keys()
        height = max((row for row, _ in places), default=-1) + 1
        return tuple(tuple(self._row(row)) for row in range(height))

    def _row(self, row: int) -> Iterable[Cell]:
        columns = [column for r, column in self.cells.keys() | self.lines.keys() if r == row]
        for column in range(max(columns, default=-1) + 1):
            found = self.cells.get((row, column))
            yield found or Cell(lines=frozenset(self.lines.get((row, column), ())))


def rows(tree: Tree, image: Image) -> tuple[tuple[Cell, ...], ...]:
    """The strip with `image` as the current picture."""
    grid = _Grid()
    offset = 0 if tree.root is not None else 1
    if tree.root is not None:
        grid.cells[0, 0] = Cell(image=tree.root, root=True, current=tree.root == image)
    current = tree.of(image)
    placed: dict[int, int] = {}
    waiting = [line for line in tree.lines if _shown(line)]
    # A fork further right takes the nearer row, so that fewer lines cross turns.
    waiting.sort(key=lambda line: (-_shown(line)[0].number if line.branch.number else 1, line.branch.number))
    while ready := [line for line in waiting if _row_above(tree, line, placed) is not None]:
        line = min(ready, key=lambda line: (line.branch.number != 0, waiting.index(line)))
        waiting.remove(line)
        placed[line.branch.number] = _place(grid, tree, line, placed, offset, image)
    _place_next(grid, tree, current, placed, offset, image)
    return grid.rows()


def _shown(line: Line) -> list[Turn]:
    """A turn that made nothing is left out once another has followed it."""
    return [turn for turn in line.turns if not turn.dead or turn is line.turns[-1]]


def _row_above(tree: Tree, line: Line, placed: dict[int, int]) -> int | None:
    """The row of the turn it forks from, once that has one."""
    if line.branch.number == 0:
        return 0
    before = tree.of(_shown(line)[0].parent)
    return placed.get(before.branch.number if before else 0)


def _place(grid: _Grid, tree: Tree, line: Line, placed: dict[int, int], offset: int, image: Image) -> int:
    turns = _shown(line)
    first, last = turns[0].number - offset, turns[-1].number - offset
    row = 0
    if line.branch.number:
        above = _row_above(tree, line, placed) or 0
        row = _row_below(grid, above, first, last)
        grid.connect(above, row, first - 1)
    for turn in turns:
        shown = _picture(tree, turn, image)
        grid.cells[row, turn.number - offset] = Cell(
            turn=turn,
            image=shown,
            current=image in turn.images,
            joined=turn is not turns[0] or (row == 0 and tree.root is not None),
        )
    return row


def _row_below(grid: _Grid, above: int, first: int, last: int) -> int:
    row = above + 1
    while not grid.free(row, first, last):
        row += 1
    return row


def _place_next(
    grid: _Grid, tree: Tree, current: Turn | None, placed: dict[int, int], offset: int, image: Image
) -> None:
    """Where the next turn from the current picture will land."""
    here = placed.get(current.branch.number, 0) if current else 0
    column = (current.number if current else 0) + 1 - offset
    if (here, column) not in grid.cells:
        grid.cells[here, column] = Cell(next=True, joined=True)
        return
    row = _row_below(grid, here, column, column)
    grid.connect(here, row, column - 1)
    grid.cells[row, column] = Cell(next=True)


def _picture(tree: Tree, turn: Turn, image: Image) -> Image | None:
    """The current picture if the turn made it, else the one that was gone on from, else its first."""
    if image in turn.images:
        return image
    gone_on = (one for one in turn.images if tree.after(one))
    return next(gone_on, turn.images[0] if turn.images else None)
