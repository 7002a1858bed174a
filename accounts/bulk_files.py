"""CSV files of grants: `email,amount[,reason]`, one person a line.

The separator is a comma, a semicolon or a tab; a first line that names the columns may put them in any
order. UTF-8 with or without a mark, and UTF-16 with one, are read; another encoding is refused with the line
it shows in, since a wrong guess would write wrong words into the ledger for good.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.ledger_refusals import REASON_MAX
from accounts.ledger_triggers import AMOUNT_MAX

ROWS_MAX = 10_000
BYTES_MAX = 8 * 2**20
_COLUMNS = {"email": "email", "e-mail": "email", "mail": "email", "amount": "amount", "credits": "amount"}
_COLUMNS |= {"reason": "reason", "note": "reason"}
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WHOLE = re.compile(r"\d+", re.ASCII)
_NUMBER = re.compile(r"[-+]?[\d.,'  ]*\d", re.ASCII)


@dataclass(frozen=True)
class Line:
    """What a line of the file says; `number` counts from 1, `email` is in lower case."""

    number: int
    email: str
    amount: int
    reason: str


@dataclass(frozen=True)
class Problem:
    """What is wrong with a line, as a sentence; line 0 is the whole file."""

    line: int
    detail: str


class Unreadable(Exception):
    """The file cannot be read on from this line."""

    def __init__(self, line: int, detail: str) -> None:
        super().__init__(detail)
        self.problem = Problem(line, detail)


def lines_of(data: bytes, *, reason: str) -> tuple[list[Line], list[Problem]]:
    """The lines that make sense by themselves, and the problems of all others."""
    lines: list[Line] = []
    problems: list[Problem] = []
    try:
        for number, cells in _records(_text(data)):
            read = _line(number, cells, reason)
            if isinstance(read, Line):
                lines.append(read)
            else:
                problems.append(read)
            if len(lines) + len(problems) > ROWS_MAX:
                return [], [Problem(number, f"A file has at most {ROWS_MAX:,} lines.")]
    except Unreadable as end:
        problems.append(end.problem)
    if not lines and not problems:
        problems.append(Problem(0, "The file is empty."))
    return lines, problems


def _text(data: bytes) -> str:
    if len(data) > BYTES_MAX:
        raise Unreadable(0, f"The file is larger than {BYTES_MAX // 2**20} MB.")
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    return _decoded(data, "utf-8")


def _decoded(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        raise Unreadable(line, "This is not UTF-8. Save the file as “CSV UTF-8”.") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Unreadable(line, "This is not text, or not UTF-8. Save the file as “CSV UTF-8”.")
    return text


def _records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each line's cells by column, with the line's number; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_separator(text), strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            trimmed = [cell.strip() for cell in cells]
            if not any(trimmed):
                continue
            if columns is None:
                columns, is_heading = _heading(trimmed)
                if is_heading:
                    continue
            if len(trimmed) > len(columns) and any(trimmed[len(columns) :]):
                columns_said = ", ".join(columns)
                raise Unreadable(reader.line_num, f"There are more cells here than {columns_said}.")
            yield reader.line_num, dict(zip(columns, trimmed, strict=False))
    except csv.Error as error:
        raise Unreadable(reader.line_num, f"This line can't be read: {error}.") from None


def _separator(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return max(",;\t", key=first.count)


def _heading(cells: list[str]) -> tuple[list[str], bool]:
    named = [_COLUMNS.get(cell.lower(), "") for cell in cells]
    if not any(named):
        return ["email", "amount", "reason"], False
    if named.count("email") != 1 or named.count("amount") != 1 or named.count("reason") > 1:
        raise Unreadable(1, "The first line names the columns: email, amount and, if you like, reason.")
    return named, True


def _line(number: int, cells: dict[str, str], reason: str) -> Line | Problem:
    email, said = cells.get("email", "").lower(), cells.get("reason") or reason
    if "@" not in email or len(email) > 254 or not email.isprintable():
        return Problem(number, f"“{email[:60]}” is no e-mail address.")
    amount = _amount(cells.get("amount", ""))
    if isinstance(amount, str):
        return Problem(number, amount)
    if not said.strip():
        return Problem(number, "A reason is missing, in the line or for the whole file.")
    if len(said) > REASON_MAX or not said.isprintable():
        return Problem(number, f"A reason is one line of at most {REASON_MAX} characters.")
    return Line(number, email, amount, said)


def _amount(text: str) -> int | str:
    """Whole credits, or what is wrong with them."""
    if not text:
        return "The amount is missing."
    if not _WHOLE.fullmatch(text):
        shown = text[:30]
        if not _NUMBER.fullmatch(text):
            return f"“{shown}” is no number."
        if text.startswith("-"):
            return f"{shown} is negative. An amount is 1 or more."
        return f"{shown} is no whole number. Write it with digits alone, such as 1000."
    # Python refuses to read numbers of thousands of digits; none of them is an amount.
    amount = int(text) if len(text) <= 30 else AMOUNT_MAX + 1
    if amount == 0:
        return "0 is nothing. An amount is 1 or more."
    if amount > AMOUNT_MAX:
        return f"{text[:30]} is too much. An amount is at most {AMOUNT_MAX:,}."
    return amount
