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
    return _Layout(tree, image).rows()


class _Layout:
    def __init__(self, tree: Tree, image: Image) -> None:
        self.tree, self.image = tree, image
        self.current = tree.of(image)
        # A picture that it all begins with takes the first column.
        self.offset = 0 if tree.root is not None else 1
        self.grid = _Grid()
        self.placed: dict[int, int] = {}

    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        tree = self.tree
        if tree.root is not None:
            self.grid.cells[0, 0] = Cell(image=tree.root, root=True, current=tree.root == self.image)
        waiting: list[Line | None] = [line for line in tree.lines if _shown(line)]
        if waiting:
            self._place(waiting.pop(0))
        if self._begins_another():
            waiting.append(None)
        # A fork further right takes the nearer row, so that fewer lines cross turns.
        waiting.sort(key=lambda line: -self._start(line))
        while ready := [line for line in waiting if self._row_above(line) is not None]:
            waiting.remove(ready[0])
            self._place(ready[0])
        return self.grid.rows()

    def _start(self, line: Line | None) -> int:
        """The number of the branch's first turn; without a line, of the next one from the current picture."""
        if line is not None:
            return _shown(line)[0].number
        return self.current.number + 1 if self.current else 1

    def _row_above(self, line: Line | None) -> int | None:
        """The row of the turn it forks from, once that has one."""
        before = self.tree.of(_shown(line)[0].parent) if line is not None else self.current
        return self.placed.get(before.branch.number if before else 0, 0 if before is None else None)

    def _begins_another(self) -> bool:
        """Whether the next turn begins a branch. From the root it may be the first of the trunk."""
        if self.current is not None:
            return self._next_goes_along() is None
        trunk = self.tree.lines[0].turns if self.tree.lines else ()
        if not all(turn.dead for turn in trunk):
            return True
        column = (trunk[-1].number if trunk else 0) + 1 - self.offset
        self.grid.cells[0, column] = Cell(next=True, joined=True)
        return False

    def _place(self, line: Line | None) -> None:
        """Put a branch, or the next turn of one that is yet to begin, into the nearest row it fits in."""
        turns = _shown(line) if line is not None else []
        first = self._start(line) - self.offset
        ends = line is not None and line.branch.number == self._next_goes_along()
        last = (turns[-1].number if turns else self._start(None)) - self.offset + ends
        row = 0
        if line is None or line.branch.number:
            above = self._row_above(line) or 0
            row = above + 1
            while not self.grid.free(row, first, last):
                row += 1
            self.grid.connect(above, row, first - 1)
        if line is None:
            self.grid.cells[row, first] = Cell(next=True)
            return
        self.placed[line.branch.number] = row
        for turn in turns:
            self.grid.cells[row, turn.number - self.offset] = Cell(
                turn=turn,
                image=_picture(self.tree, turn, self.image),
                current=self.image in turn.images,
                joined=turn is not turns[0] or (row == 0 and self.tree.root is not None),
            )
        if ends:
            self.grid.cells[row, last] = Cell(next=True, joined=True)

    def _next_goes_along(self) -> int | None:
        """The number of the branch that the next turn goes on along; None where it begins another."""
        if self.current is None:
            return None
        living = [turn for turn in self.tree.line_of(self.current).turns if not turn.dead]
        return self.current.branch.number if living[-1] is self.current else None


def _shown(line: Line) -> list[Turn]:
    """A turn that made nothing is left out once another has followed it."""
    return [turn for turn in line.turns if not turn.dead or turn is line.turns[-1]]


def _picture(tree: Tree, turn: Turn, image: Image) -> Image | None:
    """The current picture if the turn made it, else the one that was gone on from, else its first."""
    if image in turn.images:
        return image
    gone_on = (one for one in turn.images if tree.after(one))
    return next(gone_on, turn.images[0] if turn.images else None)
