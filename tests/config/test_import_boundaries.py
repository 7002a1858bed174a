"""What import-linter cannot say: a wire format imports the standard library and its neighbours only."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

GENERATION = Path(__file__).resolve().parents[2] / "generation"
LIBRARIES = {
    "wire": set[str](),
    "providers": {"httpx", "stamina", "structlog"},
    "emulator": {"PIL", "uvicorn"},
}


def imported(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in the file it does."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("room", LIBRARIES)
def test_a_room_imports_only_its_neighbours_and_its_libraries(room: str) -> None:
    strangers = {
        f"{file.relative_to(GENERATION)}: {name}"
        for file in (GENERATION / room).rglob("*.py")
        for name in imported(file)
        if not is_allowed(name, room)
    }

    assert strangers == set()


def is_allowed(name: str, room: str) -> bool:
    top = name.partition(".")[0]
    if top == "generation":
        return name.startswith((f"generation.{room}", "generation.wire"))
    return top in sys.stdlib_module_names or top in LIBRARIES[room]
