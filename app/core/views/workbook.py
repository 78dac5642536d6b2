"""A list as an XLSX workbook: amounts are numbers, times are the clinic's, and no text is ever a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flask_babel import get_timezone

from app.core.money import Money, exponent

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CHUNK = 64 * 1024
WIDEST = 60
# ECMA-376 number formats: the currency's code stands beside the figure, so that the cell stays a number.
PLAIN_NUMBER = "#,##0.###"


def workbook(heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[bytes]:
    """The file's octets. Written row by row to a temporary file, whatever the number of rows."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "list.xlsx"
        _write(path, heads, rows)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def _write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    import xlsxwriter  # two megabytes that most processes never need

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet()
        bold = book.add_format({"bold": True, "bottom": 1})
        formats = _Formats(book)
        for column, head in enumerate(heads):
            sheet.set_column(column, column, min(max(len(head) + 4, 14), WIDEST))
            sheet.write_string(0, column, head, bold)
        sheet.freeze_panes(1, 0)
        for at, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                _write_cell(sheet, at, column, value, formats)
        sheet.autofilter(0, 0, 0, max(len(heads) - 1, 0))


class _Formats:
    """Each format once: a workbook holds at most 64,000."""

    def __init__(self, book: Any) -> None:
        self._book = book
        self._known: dict[str, Any] = {}

    def __getitem__(self, pattern: str) -> Any:
        if pattern not in self._known:
            self._known[pattern] = self._book.add_format({"num_format": pattern})
        return self._known[pattern]


def _write_cell(sheet: Any, row: int, column: int, value: Any, formats: _Formats) -> None:
    match value:
        case None | "":
            return
        case bool():
            sheet.write_boolean(row, column, value)
        case Money():
            sheet.write_number(row, column, value.major, formats[_money_pattern(value.currency)])
        case int() | Decimal():
            sheet.write_number(row, column, value, formats[PLAIN_NUMBER])
        case datetime():
            local = value.astimezone(get_timezone()).replace(tzinfo=None)
            sheet.write_datetime(row, column, local, formats["yyyy-mm-dd hh:mm"])
        case date():
            sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), formats["yyyy-mm-dd"])
        case _:
            sheet.write_string(row, column, str(value)[:32_767])


def _money_pattern(currency: str) -> str:
    decimals = exponent(currency)
    return f'#,##0{"." + "0" * decimals if decimals else ""}" {currency}"'
