"""Tables as files that a spreadsheet opens, CSV and XLSX: amounts are numbers, and no text is ever a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask_babel import get_timezone

from app.core.money import Money, exponent

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv"
CHUNK = 64 * 1024
ROWS_AT_ONCE = 500
LONGEST_SHEET_NAME = 31
# By this mark Excel knows UTF-8 from the code page of its machine, in which names in Hindi would be garbled.
UTF8_MARK = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
WIDEST = 60
# ECMA-376 number formats: the currency's code stands beside the figure, so that the cell stays a number.
PLAIN_NUMBER = "#,##0.###"


@dataclass(frozen=True)
class Sheet:
    """One table of a workbook; without a name it gets Excel's own."""

    heads: Sequence[str]
    rows: Iterable[Sequence[Any]]
    name: str = ""


def workbook(sheets: Iterable[Sheet]) -> Iterator[bytes]:
    """The file's octets. Written row by row to a temporary file, whatever the number of rows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        _write(path, sheets)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def csv_table(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, mark: str = "") -> Iterator[str]:
    """The table as text, some hundred rows at a time. It begins with `mark`: UTF8_MARK in what a person opens."""
    buffer = io.StringIO()
    buffer.write(mark)
    writer = csv.writer(buffer)
    writer.writerow(heads)
    for number, row in enumerate(rows, 1):
        writer.writerow([csv_cell(value) for value in row])
        if number % ROWS_AT_ONCE == 0:
            yield _emptied(buffer)
    yield _emptied(buffer)


def csv_cell(value: Any) -> str:
    """Text for a spreadsheet; a leading formula character is defused (OWASP CSV injection)."""
    text = "" if value is None else _clinic_time(value) if isinstance(value, datetime) else str(value)
    return f"'{text}" if text.startswith(FORMULA_STARTS) and not _is_number(text) else text


def _clinic_time(moment: datetime) -> str:
    """As in a workbook: by the clinic's clock, in a form that every spreadsheet takes for a time."""
    return moment.astimezone(get_timezone()).strftime("%Y-%m-%d %H:%M:%S")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _emptied(buffer: io.StringIO) -> str:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text


def _write(path: Path, sheets: Iterable[Sheet]) -> None:
    import xlsxwriter  # two megabytes that most processes never need

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        formats = _Formats(book)
        for number, sheet in enumerate(sheets, 1):
            _write_sheet(book.add_worksheet(_sheet_name(sheet.name, number)), sheet, formats)


def _sheet_name(name: str, number: int) -> str | None:
    """Excel refuses some characters, long names and the same name twice."""
    plain = "".join("-" if letter in "[]:*?/\\'" else letter for letter in name)
    return f"{number} {plain}"[:LONGEST_SHEET_NAME] if plain and number > 1 else plain[:LONGEST_SHEET_NAME] or None


def _write_sheet(page: Any, sheet: Sheet, formats: _Formats) -> None:
    for column, head in enumerate(sheet.heads):
        page.set_column(column, column, min(max(len(head) + 4, 14), WIDEST))
        page.write_string(0, column, head, formats.head)
    page.freeze_panes(1, 0)
    for at, row in enumerate(sheet.rows, 1):
        for column, value in enumerate(row):
            _write_cell(page, at, column, value, formats)
    page.autofilter(0, 0, 0, max(len(sheet.heads) - 1, 0))


class _Formats:
    """Each format once: a workbook holds at most 64,000."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._known: dict[str, Any] = {}
        self.head = book.add_format({"bold": True, "bottom": 1})

    def __getitem__(self, pattern: str) -> Any:
        if pattern not in self._known:
            self._known[pattern] = self._book.add_format({"num_format": pattern})
        return self._known[pattern]


def _write_cell(page: Any, row: int, column: int, value: Any, formats: _Formats) -> None:
    match value:
        case None | "":
            return
        case bool():
            page.write_boolean(row, column, value)
        case Money():
            page.write_number(row, column, value.major, formats[_money_pattern(value.currency)])
        case int() | Decimal():
            page.write_number(row, column, value, formats[PLAIN_NUMBER])
        case datetime():
            local = value.astimezone(get_timezone()).replace(tzinfo=None)
            page.write_datetime(row, column, local, formats["yyyy-mm-dd hh:mm"])
        case date():
            page.write_datetime(row, column, datetime(value.year, value.month, value.day), formats["yyyy-mm-dd"])
        case _:
            page.write_string(row, column, str(value)[:32_767])


def _money_pattern(currency: str) -> str:
    decimals = exponent(currency)
    return f'#,##0{"." + "0" * decimals if decimals else ""}" {currency}"'
