import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench import report

ROWS = [{"what": "submit", "median ms": 3.14159}, {"what": "a longer name", "median ms": 1234.5}]


def test_the_table_is_markdown_with_even_columns() -> None:
    assert report.as_table(ROWS).splitlines() == [
        "|          what | median ms |",
        "| ------------: | --------: |",
        "|        submit |      3.14 |",
        "| a longer name |     1,234 |",
    ]


def test_the_json_holds_the_figures_unrounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")

    file = report.report("submit", ROWS, now=datetime(2026, 1, 2, tzinfo=UTC))

    written = json.loads(file.read_text())
    assert written["rows"] == ROWS
    assert written["at"] == "2026-01-02T00:00:00+00:00"


def test_an_absent_service_is_one_line_and_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        report.skip("needs PostgreSQL")

    assert end.value.code == 0
    assert capsys.readouterr().out == "skipped: needs PostgreSQL\n"
