"""The reports. A new one is its file and its name here."""

from __future__ import annotations

from app.core.errors import NotFound
from app.core.principal import own_location_id
from app.reports.base import Report
from app.reports.catalogue.collections import Collections
from app.reports.catalogue.day_sheet import DaySheet
from app.reports.catalogue.receivables import Receivables
from app.reports.catalogue.refunds import Refunds
from app.reports.catalogue.revenue import Revenue
from app.reports.catalogue.subscriptions import Subscriptions
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
    Subscriptions(),
)


def known_reports() -> list[Report]:
    """What the reader may ask for: who is kept to a location sees nothing of the whole clinic."""
    return [report for report in REPORTS if not (report.clinic_wide and own_location_id())]


def report_named(name: str) -> Report:
    """Raises NotFound."""
    for report in known_reports():
        if report.name == name:
            return report
    raise NotFound
