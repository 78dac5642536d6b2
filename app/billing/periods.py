"""Calendar arithmetic of plans: when a period ends by the clinic's clock, and how many of its days are left."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from flask_babel import lazy_gettext as _

from app.billing.models import BillingPeriod
from app.core.money import Money

MONTHS = {BillingPeriod.MONTH: 1, BillingPeriod.YEAR: 12}
DAYS = {BillingPeriod.DAY: 1, BillingPeriod.WEEK: 7}
WORDS = {
    BillingPeriod.DAY: _("Day"),
    BillingPeriod.WEEK: _("Week"),
    BillingPeriod.MONTH: _("Month"),
    BillingPeriod.YEAR: _("Year"),
}
# How many periods a month has, over a common year.
PER_MONTH = {
    BillingPeriod.DAY: Decimal(365) / 12,
    BillingPeriod.WEEK: Decimal(365) / 84,
    BillingPeriod.MONTH: Decimal(1),
    BillingPeriod.YEAR: Decimal(1) / 12,
}


def add_periods(moment: datetime, period: str, count: int, zone: str) -> datetime:
    """The same time of day `count` periods later; a day that a month lacks becomes its last (31 Jan → 28 Feb).

    Count from one anchor, not from one end to the next, or the 31st is lost for good.
    """
    unit = BillingPeriod(period)
    local = moment.astimezone(ZoneInfo(zone))
    day = (
        _months_later(local.date(), MONTHS[unit] * count) if unit in MONTHS else _days_later(local.date(), unit, count)
    )
    return local.replace(year=day.year, month=day.month, day=day.day).astimezone(moment.tzinfo)


def _days_later(day: date, unit: BillingPeriod, count: int) -> date:
    return day + timedelta(days=DAYS[unit] * count)


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def days_between(first: datetime, last: datetime, zone: str) -> int:
    """Midnights of the clinic between two moments."""
    local = ZoneInfo(zone)
    return (last.astimezone(local).date() - first.astimezone(local).date()).days


def share(amount: Money, part: int, whole: int) -> Money:
    """`part` of `whole` of an amount; with the share of the rest it adds up to it, to the minor unit."""
    if whole <= 0:
        return Money.zero(amount.currency)
    part = min(max(part, 0), whole)
    return amount.allocate([part, whole - part])[0]


def per_month(price: Money, period: str) -> Money:
    """What a price per period comes to in a month, rounded half up."""
    return price.times(PER_MONTH[BillingPeriod(period)])


def period_name(period: str) -> str:
    """'Month'."""
    return str(WORDS[BillingPeriod(period)])
