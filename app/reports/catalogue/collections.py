"""Collections: what was taken and given back, by day, month, tender, doctor or location. Equal to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from app.core.money import Money
from app.reports.base import Column, Filters
from app.reports.grouped import GroupedReport, sums_by
from app.reports.takings import takings
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
    names = ("came_minor", "went_minor", "came_count")
    return [
        Takings(_code(group_by, row.key), row.label, Money(came, currency), Money(went, currency), count)
        for row in sums_by(takings(filters.first, filters.last), filters, group_by, names)
        for came, went, count in [row.values]
    ]


def total_of(rows: Sequence[Takings]) -> Takings:
    currency = settings_in_scope().currency
    came, went = (Money.total((getattr(row, name) for row in rows), currency) for name in ("came", "went"))
    return Takings("", "", came, went, sum(row.count for row in rows))


def _code(group_by: str, key: Any) -> str:
    return METHODS[key] if group_by == "method" else str(key or "")


class Collections(GroupedReport):
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
    figures = (
        Column("count", _("Payments"), "number"),
        Column("came", _("Taken"), "money"),
        Column("went", _("Given back"), "money"),
        Column("net", _("Net"), "money"),
        Column("average", _("Average"), "money"),
    )

    def rows(self, filters: Filters) -> Sequence[Takings]:
        return takings_by(filters, filters.group_by)

    def total(self, rows: Sequence[Takings]) -> Takings:
        return total_of(rows)
