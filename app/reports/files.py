"""Reports as files, each with an entry in the trail."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response

from app.audit.services import record
from app.core.money import Money
from app.core.spreadsheet import CSV, UTF8_MARK, XLSX, Sheet, csv_table, workbook
from app.core.transaction import unit_of_work
from app.reports.base import Filters, Report, Section
from app.reports.papers import report_pdf

KINDS = ("csv", "xlsx", "pdf")


def export_report(report: Report, filters: Filters, kind: str, *, mark: str = UTF8_MARK) -> Response:
    """`kind`: csv (the tables below each other), xlsx (a sheet for each) or pdf. Raises Invalid, too long for paper.

    `mark`: what a CSV begins with; empty for programs.
    """
    sections = report.sections(filters)
    paper = report_pdf(report, filters, sections) if kind == "pdf" else b""
    with unit_of_work():
        record("exported", f"report {report.name}", None)
    if kind == "pdf":
        response = Response(paper, mimetype="application/pdf")
    elif kind == "xlsx":
        name = str(report.title)
        sheets = [Sheet(_heads(section), _rows(section), str(section.title) or name) for section in sections]
        response = Response(b"".join(workbook(sheets)), mimetype=XLSX)
    else:
        tables = ["".join(csv_table(_heads(section), _rows(section, plain=True))) for section in sections]
        response = Response(mark + "\r\n".join(tables), mimetype=CSV)
    days = f"{filters.first}" if filters.first == filters.last else f"{filters.first}-{filters.last}"
    response.headers["Content-Disposition"] = f'attachment; filename="{report.name}-{days}.{kind}"'
    return response


def _heads(section: Section) -> list[str]:
    return [str(column.label) for column in section.columns]


def _rows(section: Section, *, plain: bool = False) -> Iterator[list[Any]]:
    """With the totals as the last row. `plain`: amounts as bare numbers, since a column has one currency."""
    names = [column.name for column in section.columns]
    for row in [*section.rows, *([section.totals] if section.totals else [])]:
        values = [row.get(name) for name in names]
        yield [value.major if plain and isinstance(value, Money) else value for value in values]
