"""Revenue: what was earned without tax, by day, month, service, doctor or location. Equal to the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Date, cast, func, select

from app.core.money import Money
from app.core.tenant import db
from app.reports.base import Column, Filters, Report, Section
from app.reports.earnings import earnings
from app.reports.words import names_of
from app.tenancy.queries import settings_in_scope


@dataclass(frozen=True, slots=True)
class Earned:
    """What one key of a grouping earned; `count` counts invoices."""

    key: str
    label: str
    net: Money
    tax: Money
    count: int

    @property
    def average(self) -> Money:
        return self.net.average(self.count) if self.count else Money.zero(self.net.currency)


def earned_by(filters: Filters, group_by: str) -> list[Earned]:
    """Revenue in the clinic's currency; days and months ascending, everything else the most first."""
    currency = settings_in_scope().currency
    part = earnings(filters.first, filters.last)
    key = _key(part, group_by)
    sums = (func.sum(part.c[name]) for name in ("net_minor", "tax_minor", "invoice_count"))
    wanted: Any = select(key, *sums).where(part.c.currency == currency).group_by(key)
    if filters.location_id:
        wanted = wanted.where(part.c.location_id == filters.location_id)
    if filters.doctor_id:
        wanted = wanted.where(part.c.doctor_id == filters.doctor_id)
    rows = db.session.execute(wanted).all()
    label = names_of(group_by, [row[0] for row in rows])
    found = [
        Earned(str(row[0] or ""), label(row[0]), Money(int(row[1]), currency), Money(int(row[2]), currency), row[3])
        for row in rows
    ]
    return sorted(found, key=lambda item: item.key if group_by in ("day", "month") else (-item.net.minor, item.key))


def total_earned(rows: list[Earned]) -> Earned:
    currency = settings_in_scope().currency
    net, tax = (Money.total((getattr(row, name) for row in rows), currency) for name in ("net", "tax"))
    return Earned("", "", net, tax, sum(row.count for row in rows))


def _key(part: Any, group_by: str) -> Any:
    if group_by == "month":
        return cast(func.date_trunc("month", part.c.booked_on), Date)
    names = {"day": "booked_on", "service": "service_id", "doctor": "doctor_id", "location": "location_id"}
    return part.c[names[group_by]]


class Revenue(Report):
    """What was earned, as the journal has it."""

    name = "revenue"
    title = _("Revenue")
    lede = _("What invoices earned without tax, credit notes taken off; equal to the ledger.")
    groups = {
        "day": _("Day"),
        "month": _("Month"),
        "service": _("Service"),
        "doctor": _("Doctor"),
        "location": _("Location"),
    }
    by_doctor = True

    def sections(self, filters: Filters) -> list[Section]:
        rows = earned_by(filters, filters.group_by)
        columns = (
            Column("label", self.groups[filters.group_by]),
            Column("count", _("Invoices"), "number"),
            Column("net", _("Revenue"), "money"),
            Column("tax", _("Tax"), "money"),
            Column("average", _("Average"), "money"),
        )
        return [Section("", columns, [_shown(row) for row in rows], _shown(total_earned(rows)))]

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        (section,) = sections
        return {
            "type": "bar",
            "labels": [row["label"] for row in section.rows],
            "series": [{"name": gettext("Revenue"), "data": [float(row["net"].major) for row in section.rows]}],
            "format": {"currency": settings_in_scope().currency},
        }


def _shown(row: Earned) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in ("count", "net", "tax", "average")}
    return {**shown, "label": row.label or gettext("Total")}
