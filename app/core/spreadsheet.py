"""Tables as files that a spreadsheet opens: CSV and XLSX, amounts as numbers, formulas defused."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from flask_babel import get_timezone

from app.core.money import Money

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
LONGEST_SHEET_NAME = 31
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(heads)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def csv_cell(value: Any) -> str:
    """A leading formula character is defused (OWASP CSV injection); amounts are plain numbers."""
    if isinstance(value, Money):
        return str(value.major)
    if isinstance(value, int | float | Decimal):
        return str(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def to_xlsx(sheets: Iterable[tuple[str, Sequence[str], Iterable[Sequence[Any]]]]) -> bytes:
    """A workbook of (name, heads, rows). Text is written as text, whatever it begins with."""
    import xlsxwriter  # two megabytes that most processes never need

    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer, {"in_memory": True, "remove_timezone": True}) as book:
        formats = _Formats(book)
        for number, (name, heads, rows) in enumerate(sheets, start=1):
            _write_sheet(book.add_worksheet(_sheet_name(name, number)), formats, heads, rows)
    return buffer.getvalue()


class _Formats:
    """The formats of a workbook, one for each number of decimals."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._money: dict[int, Any] = {}
        self.head = book.add_format({"bold": True, "bottom": 1})
        self.date = book.add_format({"num_format": "yyyy-mm-dd"})
        self.time = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})

    def money(self, decimals: int) -> Any:
        if decimals not in self._money:
            pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
            self._money[decimals] = self._book.add_format({"num_format": pattern})
        return self._money[decimals]


def _sheet_name(name: str, number: int) -> str:
    """Excel refuses some characters, long names and the same name twice."""
    plain = "".join("-" if letter in "[]:*?/\\'" else letter for letter in name)
    return f"{number} {plain}"[:LONGEST_SHEET_NAME] if number > 1 else plain[:LONGEST_SHEET_NAME] or "1"


def _write_sheet(sheet: Any, formats: _Formats, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    widths = [len(head) for head in heads]
    for column, head in enumerate(heads):
        sheet.write_string(0, column, head, formats.head)
    for line, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            _write(sheet, formats, line, column, value)
            widths[column] = max(widths[column], min(len(str(value)), 60))
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width + 2)
    sheet.freeze_panes(1, 0)


def _write(sheet: Any, formats: _Formats, line: int, column: int, value: Any) -> None:
    if value is None:
        return
    for kind, write in _WRITERS:
        if isinstance(value, kind):
            write(sheet, formats, line, column, value)
            return
    sheet.write_string(line, column, str(value))


def _write_money(sheet: Any, formats: _Formats, line: int, column: int, value: Money) -> None:
    decimals = -int(value.major.as_tuple().exponent)
    sheet.write_number(line, column, value.major, formats.money(max(decimals, 0)))


def _write_time(sheet: Any, formats: _Formats, line: int, column: int, value: datetime) -> None:
    local = value.astimezone(get_timezone()).replace(tzinfo=None)
    sheet.write_datetime(line, column, local, formats.time)


def _write_date(sheet: Any, formats: _Formats, line: int, column: int, value: date) -> None:
    sheet.write_datetime(line, column, datetime(value.year, value.month, value.day), formats.date)


def _write_number(sheet: Any, _formats: _Formats, line: int, column: int, value: Any) -> None:
    sheet.write_number(line, column, value)


def _write_boolean(sheet: Any, _formats: _Formats, line: int, column: int, value: bool) -> None:
    sheet.write_boolean(line, column, value)


# In this order: a datetime is a date, a boolean is an integer.
_WRITERS: tuple[tuple[Any, Callable[..., None]], ...] = (
    (Money, _write_money),
    (datetime, _write_time),
    (date, _write_date),
    (bool, _write_boolean),
    ((int, float, Decimal), _write_number),
)
