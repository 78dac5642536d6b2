"""The file of an import: UTF-8, comma separated, one patient a row. Read in pieces, whatever its size."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_babel import gettext as _

from app.core.errors import Invalid

REQUIRED = ("source_id", "first_name", "last_name", "gender", "date_of_birth")
OPTIONAL = ("deceased_on", "phone", "email", "address", "city", "state", "postal_code", "country", "language")
LONGEST_LINE = 1_000_000


class UnusableFile(Invalid):
    """The file as a whole cannot be imported; nothing of it was."""

    code = "UNUSABLE_FILE"


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row by its number (the first after the header is 1); None where it has not as many cells as the header."""

    number: int
    cells: dict[str, str] | None


def count_rows(path: Path) -> int:
    """Read the whole file once. Raises UnusableFile for what would stop an import half-way, and for an empty file."""
    rows = sum(1 for _row in read_rows(path))
    if not rows:
        raise UnusableFile(_("The file has a header but no rows."))
    return rows


def read_rows(path: Path) -> Iterator[CsvRow]:
    """The rows in order. Raises UnusableFile."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            yield from _rows(csv.reader(_lines(handle), strict=True))
    except UnicodeDecodeError:
        raise UnusableFile(_("The file is not UTF-8 text. Save it as “CSV UTF-8” and try again.")) from None
    except OSError as error:
        raise UnusableFile(_("The file cannot be read: %(reason)s.", reason=error.strerror or error)) from None


def rows_of(content: bytes) -> Iterator[CsvRow]:
    """The rows of a file that was handed in. Raises UnusableFile."""
    try:
        with io.TextIOWrapper(io.BytesIO(content), encoding="utf-8-sig", newline="") as handle:
            yield from _rows(csv.reader(_lines(handle), strict=True))
    except UnicodeDecodeError:
        raise UnusableFile(_("The file is not UTF-8 text. Save it as “CSV UTF-8” and try again.")) from None


def _lines(handle: Iterator[str]) -> Iterator[str]:
    """Lines, but never one that fills the memory."""
    while line := handle.readline(LONGEST_LINE):  # type: ignore[attr-defined]
        if len(line) == LONGEST_LINE:
            raise UnusableFile(_("The file has a line of more than %(limit)s characters.", limit=LONGEST_LINE))
        yield line


def _rows(reader: Iterator[list[str]]) -> Iterator[CsvRow]:
    try:
        header = _header(next(reader, None))
        filled = (cells for cells in reader if cells)
        for number, cells in enumerate(filled, 1):
            yield CsvRow(number, dict(zip(header, cells, strict=True)) if len(cells) == len(header) else None)
    except csv.Error as error:
        line = getattr(reader, "line_num", 0)
        raise UnusableFile(_("Line %(line)s is no proper CSV: %(reason)s.", line=line, reason=error)) from None


def _header(cells: list[str] | None) -> list[str]:
    if cells is None:
        raise UnusableFile(_("The file is empty."))
    names = [cell.strip().lower() for cell in cells]
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UnusableFile(_("The header lacks: %(names)s.", names=", ".join(missing)))
    unknown = [name for name in names if name not in REQUIRED + OPTIONAL]
    if unknown:
        raise UnusableFile(_("The header has unknown columns: %(names)s.", names=", ".join(map(_short, unknown))))
    if len(set(names)) < len(names):
        raise UnusableFile(_("The header names a column twice."))
    return names


def _short(name: str) -> str:
    printable = "".join(letter for letter in name if letter.isprintable())
    return repr(printable[:30])
