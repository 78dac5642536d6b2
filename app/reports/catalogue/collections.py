"""Collections: what was taken and given back, by day, month, tender, doctor or location. Equal to the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Date, Select, cast, func, select

from app.core.money import Money
from app.core.tenant import db
from app.reports.base import Column, Filters, Report, Section
from app.reports.takings import takings
from app.reports.words import names_of
from app.tenancy.queries import settings_in_scope

METHODS = {
    "CASH": "CASH",
    "UPI_CLEARING": "UPI",
    "CARD_CLEARING": "CARD_TERMINAL",
    "GATEWAY_CLEARING": "ONLINE",
    "CHEQUE_CLEARING": "CHEQUE",
    "BANK": "BANK",
}


@dataclass(frozen=True, slots=True)
class Takings:
    """What came and went for one key of a grouping; `count` counts what came."""

    key: str
    label: str
    came: Money
    went: Money
    count: int

    @property
    def net(self) -> Money:
        return self.came - self.went

    @property
    def average(self) -> Money:
        """Of what came; zero without any."""
        return self.came.average(self.count) if self.count else self.came


def takings_by(filters: Filters, group_by: str) -> list[Takings]:
    """Takings in the clinic's currency, grouped; days and months ascending, everything else the most first."""
    currency = settings_in_scope().currency
    part = takings(filters.first, filters.last)
    key = _key(part, group_by)
    sums = (func.sum(part.c[name]) for name in ("came_minor", "went_minor", "came_count"))
    wanted: Select[Any] = select(key, *sums).where(part.c.currency == currency).group_by(key)
    if filters.location_id:
        wanted = wanted.where(part.c.location_id == filters.location_id)
    if filters.doctor_id:
        wanted = wanted.where(part.c.doctor_id == filters.doctor_id)
    rows = db.session.execute(wanted).all()
    label = names_of(group_by, [row[0] for row in rows])
    found = [
        Takings(_code(group_by, row[0]), label(row[0]), Money(int(row[1]), currency), Money(int(row[2]), currency),
                int(row[3]))
        for row in rows
    ]  # fmt: skip
    return sorted(found, key=lambda item: item.key if group_by in ("day", "month") else (-item.net.minor, item.key))


def total_of(rows: list[Takings]) -> Takings:
    currency = settings_in_scope().currency
    came, went = (Money.total((getattr(row, name) for row in rows), currency) for name in ("came", "went"))
    return Takings("", "", came, went, sum(row.count for row in rows))


def _key(part: Any, group_by: str) -> Any:
    if group_by == "month":
        return cast(func.date_trunc("month", part.c.booked_on), Date)
    return {
        "day": part.c.booked_on,
        "method": part.c.account_code,
        "provider": part.c.provider,
        "doctor": part.c.doctor_id,
        "location": part.c.location_id,
    }[group_by]


def _code(group_by: str, key: Any) -> str:
    return METHODS[key] if group_by == "method" else str(key or "")


class Collections(Report):
    """Money in and out, as the journal has it."""

    name = "collections"
    title = _("Collections")
    lede = _("What was taken and given back, equal to the ledger.")
    groups = {
        "day": _("Day"),
        "month": _("Month"),
        "method": _("Tender"),
        "provider": _("Gateway"),
        "doctor": _("Doctor"),
        "location": _("Location"),
    }
    by_doctor = True

    def sections(self, filters: Filters) -> list[Section]:
        rows = takings_by(filters, filters.group_by)
        columns = (
            Column("label", self.groups[filters.group_by]),
            Column("count", _("Payments"), "number"),
            Column("came", _("Taken"), "money"),
            Column("went", _("Given back"), "money"),
            Column("net", _("Net"), "money"),
            Column("average", _("Average"), "money"),
        )
        return [Section("", columns, [_shown(row) for row in rows], _shown(total_of(rows)))]

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        (section,) = sections
        return {
            "type": "bar",
            "labels": [row["label"] for row in section.rows],
            "series": [{"name": gettext("Net"), "data": [float(row["net"].major) for row in section.rows]}],
            "format": {"currency": settings_in_scope().currency},
        }


def _shown(row: Takings) -> dict[str, Any]:
    shown = {name: getattr(row, name) for name in ("label", "count", "came", "went", "net", "average")}
    return {**shown, "label": row.label or gettext("Total")}
