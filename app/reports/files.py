"""Reports as files, each with an entry in the trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response

from app.audit.services import record
from app.core.spreadsheet import CSV, XLSX, to_csv, to_xlsx
from app.core.transaction import unit_of_work
from app.reports.base import Filters, Report, Section


def export_report(report: Report, filters: Filters, kind: str) -> Response:
    """`kind`: csv (the tables below each other) or xlsx (a sheet for each)."""
    with unit_of_work():
        record("exported", f"report {report.name}", None)
    sections = report.sections(filters)
    if kind == "xlsx":
        name = str(report.title)
        sheets = [(str(section.title) or name, _heads(section), list(_rows(section))) for section in sections]
        response = Response(to_xlsx(sheets), mimetype=XLSX)
    else:
        tables = [to_csv(_heads(section), _rows(section)) for section in sections]
        response = Response("\r\n".join(tables), mimetype=CSV)
    days = f"{filters.first}" if filters.first == filters.last else f"{filters.first}-{filters.last}"
    response.headers["Content-Disposition"] = f'attachment; filename="{report.name}-{days}.{kind}"'
    return response


def _heads(section: Section) -> list[str]:
    return [str(column.label) for column in section.columns]


def _rows(section: Section) -> Iterator[list[Any]]:
    names = [column.name for column in section.columns]
    yield from ([row.get(name) for name in names] for row in section.rows)
    if section.totals:
        yield [section.totals.get(name) for name in names]
