"""How every benchmark tells its figures: a table to read and a JSON file to compare."""

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path(__file__).resolve().parent / "results"

Row = Mapping[str, str | int | float]


def report(name: str, rows: Sequence[Row], *, now: datetime | None = None) -> Path:
    """Print the rows as a table and write them to `bench/results/<name>.json`; the file's path.

    Every row has the same keys, which are the columns and carry their unit: "median ms", "per second".
    """
    print(as_table(rows))
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{name}.json"
    facts = {
        "name": name,
        "at": (now or datetime.now(UTC)).isoformat(timespec="seconds"),
        "machine": machine(),
    }
    file.write_text(json.dumps({**facts, "rows": list(rows)}, indent=1) + "\n", encoding="utf-8")
    return file


def skip(reason: str) -> None:
    """Say in one line why this benchmark does not run here, and end well."""
    print(f"skipped: {reason}")
    raise SystemExit(0)


def as_table(rows: Sequence[Row]) -> str:
    """A Markdown table, so that `docs/bench/` can hold it as printed."""
    columns = list(rows[0])
    cells = [columns, *([as_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in cells) for index in range(len(columns))]
    lines = [
        " | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells
    ]
    rule = " | ".join("-" * (width - 1) + ":" for width in widths)
    return "\n".join(f"| {line} |" for line in [lines[0], rule, *lines[1:]])


def as_cell(value: str | float) -> str:
    """Three figures say what a measurement can."""
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return str(value)


def machine() -> dict[str, str | int]:
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count() or 1,
    }
