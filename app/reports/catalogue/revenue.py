"""Revenue: what was earned without tax, by day, month, service, doctor or location. Equal to the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import lazy_gettext as _

from app.core.money import Money
from app.reports.base import Column, Filters
from app.reports.earnings import earnings
from app.reports.grouped import GroupedReport, sums_by
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
    names = ("net_minor", "tax_minor", "invoice_count")
    return [
        Earned(str(row.key or ""), row.label, Money(net, currency), Money(tax, currency), count)
        for row in sums_by(earnings(filters.first, filters.last), filters, group_by, names)
        for net, tax, count in [row.values]
    ]


def total_earned(rows: Sequence[Earned]) -> Earned:
    currency = settings_in_scope().currency
    net, tax = (Money.total((getattr(row, name) for row in rows), currency) for name in ("net", "tax"))
    return Earned("", "", net, tax, sum(row.count for row in rows))


class Revenue(GroupedReport):
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
    figures = (
        Column("count", _("Invoices"), "number"),
        Column("net", _("Revenue"), "money"),
        Column("tax", _("Tax"), "money"),
        Column("average", _("Average"), "money"),
    )

    def rows(self, filters: Filters) -> Sequence[Earned]:
        return earned_by(filters, filters.group_by)

    def total(self, rows: Sequence[Earned]) -> Earned:
        return total_earned(rows)
