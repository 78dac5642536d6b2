"""A table that a page offers as a file: streamed, in the scope and as the person that asked for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from flask import Response, stream_with_context

from app.core.money import Money
from app.core.principal import Principal, acting_as, find_principal
from app.core.spreadsheet import CSV, UTF8_MARK, XLSX, Sheet, csv_table, workbook
from app.core.tenant import require_clinic, tenant_scope


def table_file(name: str, kind: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """`kind` is csv or xlsx. The rows are read while they leave, after the request's own scope is over."""
    excel = kind == "xlsx"
    octets = _in_scope(excel, heads, rows, find_principal(), require_clinic())
    response = Response(stream_with_context(octets), mimetype=XLSX if excel else CSV)
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


def _in_scope(
    excel: bool, heads: Sequence[str], rows: Iterable[Sequence[Any]], reader: Principal | None, clinic_id: str
) -> Iterator[Any]:
    with acting_as(reader), tenant_scope(clinic_id):
        plain = (_plain(row) for row in rows)
        yield from workbook([Sheet(heads, rows)]) if excel else csv_table(heads, plain, mark=UTF8_MARK)


def _plain(row: Sequence[Any]) -> list[Any]:
    """Amounts as numbers in major units: the currency has a column of its own."""
    return [cell.major if isinstance(cell, Money) else cell for cell in row]
