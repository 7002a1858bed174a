"""Tables as files, CSV or XLSX, written while they are read: memory stays the same at any length.

Text that a spreadsheet would take for a formula gets a leading apostrophe in CSV; in XLSX a text is a text.
"""

import csv
import io
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

Cell = str | int | Decimal | date | None

FORMATS = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
ROWS_AT_ONCE = 500
BLOCK_BYTES = 64 * 1024
# One less than a sheet holds, for the header.
SHEET_ROWS = 1_048_575
# What makes a spreadsheet read text as a formula, in full width too.
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")


def response(
    request: HttpRequest, *, name: str, kind: str, header: Sequence[str], rows: Iterable[Sequence[Cell]]
) -> StreamingHttpResponse:
    """The rows under their header as a file `name.kind` to be saved; `kind` is one of `FORMATS`."""
    chunks = csv_chunks(header, rows) if kind == "csv" else xlsx_chunks(header, rows)
    # Under ASGI a plain iterator would be read whole before its first byte is sent.
    body = _in_threads(chunks) if isinstance(request, ASGIRequest) else chunks
    answer = StreamingHttpResponse(body, content_type=FORMATS[kind])
    answer["Content-Disposition"] = content_disposition_header(True, f"{name}.{kind}") or "attachment"
    answer["Cache-Control"] = "private, no-store"
    return answer


def csv_chunks(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """UTF-8 with a byte order mark, without which Excel guesses another encoding."""
    lines: Iterator[Sequence[Cell]] = itertools.chain([header], rows)
    mark = "\ufeff"
    while some := list(itertools.islice(lines, ROWS_AT_ONCE)):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([[_plain(cell) for cell in line] for line in some])
        yield (mark + text.getvalue()).encode("utf-8", "replace")
        mark = ""


def xlsx_chunks(header: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """A workbook, written to a temporary file first; what does not fit a sheet goes on in the next."""
    with tempfile.TemporaryFile() as file:
        book = xlsxwriter.Workbook(file, {"constant_memory": True, "remove_timezone": True})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        lines = iter(rows)
        while True:
            sheet = book.add_worksheet()
            _write(sheet, 0, header, moment, day)
            number = 0
            for number, line in enumerate(itertools.islice(lines, SHEET_ROWS), start=1):
                _write(sheet, number, line, moment, day)
            if number < SHEET_ROWS:
                break
        book.close()
        file.seek(0)
        while block := file.read(BLOCK_BYTES):
            yield block


def neutral(text: str) -> str:
    """The text as no spreadsheet takes it for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(cell: Cell) -> str | int | Decimal:
    match cell:
        case None:
            return ""
        case str():
            return neutral(cell)
        case datetime():
            return cell.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return cell.isoformat()
        case _:
            return cell


def _write(sheet: Any, number: int, line: Sequence[Cell], moment: Any, day: Any) -> None:
    for column, cell in enumerate(line):
        match cell:
            case None:
                pass
            case str():
                sheet.write_string(number, column, cell)
            case datetime():
                sheet.write_datetime(number, column, cell.astimezone(UTC), moment)
            case date():
                sheet.write_datetime(number, column, cell, day)
            case _:
                sheet.write_number(number, column, cell)


async def _in_threads(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each chunk is made in the request's thread, where its database connection is."""
    take = sync_to_async(_next)
    while chunk := await take(chunks):
        yield chunk


def _next(chunks: Iterator[bytes]) -> bytes:
    return next(chunks, b"")
