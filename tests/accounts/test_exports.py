"""Exports: what spreadsheets read, formulas kept from them, and memory that does not grow."""

import asyncio
import csv
import io
import tracemalloc
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest
from django.test import RequestFactory

from accounts import exports
from accounts.exports import Cell

MOMENT = datetime(2026, 11, 20, 12, 4, 5, tzinfo=UTC)


def as_csv(*rows: Sequence[Cell]) -> list[list[str]]:
    data = b"".join(exports.csv_chunks(["What", "Credits"], rows))
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def as_xlsx(*rows: Sequence[Cell]) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(b"".join(exports.xlsx_chunks(["What", "Credits"], rows))))


def sheet(book: zipfile.ZipFile, number: int = 1) -> str:
    return book.read(f"xl/worksheets/sheet{number}.xml").decode()


def test_a_csv_begins_with_its_mark_and_header() -> None:
    data = b"".join(exports.csv_chunks(["What", "Credits"], []))

    assert data == b"\xef\xbb\xbfWhat,Credits\r\n"


@pytest.mark.parametrize("start", list("=+-@\t\r＝＋－＠"))
def test_text_that_is_a_formula_to_a_spreadsheet_is_neutralised(start: str) -> None:
    assert as_csv([f"{start}HYPERLINK(1)", 1])[1] == [f"'{start}HYPERLINK(1)", "1"]


def test_other_text_and_numbers_stay_as_they_are() -> None:
    row = ["a = b, “c”\nd", -8, Decimal("0.039"), None, MOMENT, date(2026, 11, 3)]

    assert as_csv(row)[1] == ["a = b, “c”\nd", "-8", "0.039", "", "2026-11-20 12:04:05", "2026-11-03"]


def test_a_workbook_has_no_formula_and_no_link() -> None:
    text = sheet(as_xlsx(["=1+1", -8], ["http://easel.test/", 3]))

    assert "<f>" not in text
    assert "hyperlink" not in text
    assert "<v>-8</v>" in text
    assert "=1+1" in text


def test_moments_are_dates_in_a_workbook() -> None:
    assert "<v>46346.5028" in sheet(as_xlsx([MOMENT, 1]))


def test_a_full_sheet_goes_on_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "SHEET_ROWS", 2)

    book = as_xlsx(["a", 1], ["b", 2], ["c", 3])

    assert ">c<" in sheet(book, 2)
    assert ">What<" in sheet(book, 2)


@pytest.mark.parametrize("kind", ["csv_chunks", "xlsx_chunks"])
def test_memory_does_not_grow_with_the_rows(kind: str) -> None:
    def peak(number: int) -> int:
        tracemalloc.start()
        for _ in getattr(exports, kind)(["What", "Credits"], ([f"line {n}", n] for n in range(number))):
            pass
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return highest

    peak(100)

    assert peak(20_000) < 1.5 * peak(2_000)


def test_rows_are_read_as_they_are_sent() -> None:
    read = 0

    def rows() -> Iterator[list[Cell]]:
        nonlocal read
        for number in range(5_000):
            read += 1
            yield ["x", number]

    answer = exports.response(RequestFactory().get("/"), name="a", kind="csv", header=["a"], rows=rows())
    next(iter(answer.streaming_content))

    assert read <= exports.ROWS_AT_ONCE


def test_under_asgi_the_file_streams_too() -> None:
    request = ASGIRequest({"type": "http", "method": "GET", "path": "/", "headers": []}, io.BytesIO())
    rows: Any = ([number] for number in range(1_200))

    answer = exports.response(request, name="a", kind="csv", header=["n"], rows=rows)

    async def read() -> list[bytes]:
        return [chunk async for chunk in answer.streaming_content]

    chunks = asyncio.run(read())
    assert len(chunks) == 3
    assert b"".join(chunks).endswith(b"1199\r\n")


def test_the_file_has_a_name_and_is_kept_by_nobody() -> None:
    answer = exports.response(
        RequestFactory().get("/"), name="statement-2026-11", kind="xlsx", header=[], rows=[]
    )

    assert answer["Content-Disposition"] == 'attachment; filename="statement-2026-11.xlsx"'
    assert answer["Cache-Control"] == "private, no-store"
