"""The conformance table at the end of a run: each provider, and how many of its tests hold."""

from collections import Counter
from typing import Any

COLUMNS = ("text", "references", "ratios", "count", "multi-turn", "url", "base64", "errors")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    held: Counter[tuple[str, str]] = Counter()
    all_of: Counter[tuple[str, str]] = Counter()
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            for name, value in getattr(report, "user_properties", []):
                if name == "conformance":
                    cell = tuple(str(value).split("|"))
                    all_of[cell] += 1  # type: ignore[index]
                    held[cell] += outcome == "passed"  # type: ignore[index]
    if not all_of:
        return
    terminalreporter.section("conformance of the providers' adapters: tests that hold, of all")
    names = sorted({provider for provider, _ in all_of})
    width = max(map(len, names))
    terminalreporter.write_line(" " * width + "".join(f"{column:>12}" for column in COLUMNS))
    for provider in names:
        cells = [(provider, column) for column in COLUMNS]
        figures = [f"{held[cell]}/{all_of[cell]}" if all_of[cell] else "–" for cell in cells]
        terminalreporter.write_line(f"{provider:<{width}}" + "".join(f"{figure:>12}" for figure in figures))
