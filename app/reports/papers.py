"""A report on paper: A4 across, the same rows and totals as on screen and in the other files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from flask_babel import gettext as _

from app.core import clock
from app.core.errors import Invalid
from app.core.formatting import full_date, moment, money, number, plain
from app.core.i18n import current_language
from app.core.money import Money
from app.core.tenant import db
from app.core.vocabulary import kind_name, label_of
from app.people.models import Doctor
from app.reports.base import Column, Filters, Report, Section
from app.tenancy.models import Location
from app.tenancy.queries import clinic_in_scope, settings_in_scope

MOST_ROWS = 500  # as many as on screen, some ten pages; who wants more wants a file to count in
ENDS = ("money", "number")
LEAST, MOST_LETTERS = 6, 36


@dataclass(frozen=True)
class PaperColumn:
    """`width` in per cent of the table; `end`: set flush right."""

    label: str
    width: float
    end: bool


@dataclass(frozen=True)
class PaperTable:
    """Cells as texts; `totals` is empty where there are none."""

    title: str
    columns: Sequence[PaperColumn]
    rows: Sequence[Sequence[str]]
    totals: Sequence[str]


def report_pdf(report: Report, filters: Filters, sections: Sequence[Section]) -> bytes:
    """Raises Invalid for what is too long for paper. The engine is imported here: other processes need no 40 MB."""
    from app.core.pdf import PdfDocument, PdfTemplates, render_pdf

    if sum(len(section.rows) for section in sections) > MOST_ROWS:
        raise Invalid(
            fields={"format": _("More than %(count)s rows are too long for paper; take CSV or XLSX.", count=MOST_ROWS)}
        )
    clinic, title = clinic_in_scope(), str(report.title)
    html = PdfTemplates().render(
        "reports/report_pdf.html",
        _,
        clinic=clinic.name,
        colour=clinic.settings.brand_colour,
        title=title,
        about=_about(report, filters),
        printed=plain(moment(clock.now())),
        tables=[_table(section) for section in sections],
        language=current_language(),
    )

    def label(page: int, pages: int) -> str:
        return f"{title}  ·  " + _("Page %(page)s of %(pages)s", page=page, pages=pages)

    return render_pdf(PdfDocument(html, title=title, author=clinic.name, language=current_language(), page_label=label))


def _about(report: Report, filters: Filters) -> str:
    """What was asked for: '1 Nov 2026 – 21 Nov 2026 · By doctor · Residency Road'."""
    days = [_day(filters.first), _day(filters.last)] if report.dated else [_day(clock.today(settings_in_scope().zone))]
    asked = [" – ".join(dict.fromkeys(days))]
    if filters.group_by:
        asked.append(str(report.groups[filters.group_by]))
    for model, row_id in ((Location, filters.location_id), (Doctor, filters.doctor_id)):
        found = db.session.get(model, row_id) if row_id else None
        asked += [str(found)] if found is not None else []
    return " · ".join(asked)


def _day(on: date) -> str:
    return plain(full_date(on))


def _table(section: Section) -> PaperTable:
    rows = [_cells(section.columns, row) for row in section.rows]
    totals = _cells(section.columns, section.totals, blank="") if section.totals else []
    return PaperTable(str(section.title), _columns(section, [*rows, totals] if totals else rows), rows, totals)


def _columns(section: Section, rows: Sequence[Sequence[str]]) -> list[PaperColumn]:
    """As wide as their longest word of text is long, within reason."""
    labels = [str(column.label) for column in section.columns]
    letters = [
        min(max(LEAST, len(label), *(len(row[at]) for row in rows)), MOST_LETTERS) if rows else len(label)
        for at, label in enumerate(labels)
    ]
    whole = sum(letters) or 1
    return [
        PaperColumn(label, round(100 * count / whole, 2), column.kind in ENDS)
        for label, count, column in zip(labels, letters, section.columns, strict=True)
    ]


def _cells(columns: Sequence[Column], row: Mapping[str, Any], *, blank: str = "–") -> list[str]:
    return [_cell(column, row.get(column.name), blank) for column in columns]


def _cell(column: Column, value: Any, blank: str) -> str:
    if value is None or value == "":
        return blank
    if isinstance(value, Money):
        return money(value)
    if isinstance(value, datetime):
        return plain(moment(value))
    if isinstance(value, date):
        return _day(value)
    if column.kind == "number":
        return number(value)
    if column.kind == "code":
        return str(kind_name(value))
    return str(label_of(value)) if column.kind == "status" and str(value).isupper() else str(value)
