"""The reports. A new one is its file and its name here."""

from __future__ import annotations

from app.core.errors import NotFound
from app.reports.base import Report
from app.reports.catalogue.collections import Collections
from app.reports.catalogue.day_sheet import DaySheet
from app.reports.catalogue.receivables import Receivables
from app.reports.catalogue.refunds import Refunds
from app.reports.catalogue.revenue import Revenue
from app.reports.catalogue.tax import Tax
from app.reports.catalogue.transactions import Transactions

REPORTS: tuple[Report, ...] = (
    DaySheet(),
    Revenue(),
    Collections(),
    Transactions(),
    Refunds(),
    Receivables(),
    Tax(),
)


def report_named(name: str) -> Report:
    """Raises NotFound."""
    for report in REPORTS:
        if report.name == name:
            return report
    raise NotFound
