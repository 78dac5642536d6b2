"""What a report is: a name, what may be chosen, and sections of rows. One screen and one export serve them all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, ClassVar

from flask_babel import gettext as _

from app.core import clock
from app.core.errors import Invalid
from app.core.ids import is_id
from app.core.our_time import read_day
from app.core.principal import own_location_id
from app.tenancy.queries import settings_in_scope

LONGEST = timedelta(days=5 * 366)
USUAL_DAYS = 30


@dataclass(frozen=True)
class Filters:
    """What somebody asks of a report: dates of the clinic (both included), and what narrows or groups it."""

    first: date
    last: date
    group_by: str = ""
    location_id: str | None = None
    doctor_id: str | None = None


@dataclass(frozen=True)
class Column:
    """`kind`: text, money, number, date, time, status or code (a tender, a provider), which decides how it is shown."""

    name: str
    label: Any
    kind: str = "text"


@dataclass(frozen=True)
class Section:
    """A table of a report. `rows` are mappings by column name; `url` in a row leads to what is behind it."""

    title: Any
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, Any]]
    totals: Mapping[str, Any] = field(default_factory=dict)


class Report(ABC):
    """One report. `groups` are what its rows may be grouped by, the first is the usual one."""

    name: ClassVar[str]
    title: ClassVar[Any]
    lede: ClassVar[Any] = ""
    groups: ClassVar[Mapping[str, Any]] = {}
    # Whether it is about a span of days, or about how things stand today.
    dated: ClassVar[bool] = True
    by_doctor: ClassVar[bool] = False
    # It cannot be narrowed to a location.
    clinic_wide: ClassVar[bool] = False
    # Only the last of the asked days counts.
    one_day: ClassVar[bool] = False

    @abstractmethod
    def sections(self, filters: Filters) -> list[Section]:
        """The tables."""

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        """What app/static/js/charts.js draws above them."""
        return None


def filters_of(report: Report, asked: Mapping[str, Any]) -> Filters:
    """The filters in what was asked (`from`, `to`, `groupBy`, `locationId`, `doctorId`). Raises Invalid.

    A LOCATION_HEAD sees their own location, whatever they ask.
    """
    today = clock.today(settings_in_scope().zone)
    last = _date(asked, "to") or today
    first = last if report.one_day else _date(asked, "from") or last - timedelta(days=USUAL_DAYS - 1)
    if not first <= last <= first + LONGEST:
        raise Invalid(fields={"from": _("The first day comes before the last, at most five years.")})
    group_by = str(asked.get("groupBy") or next(iter(report.groups), ""))
    if group_by and group_by not in report.groups:
        raise Invalid(fields={"groupBy": _("One of: %(names)s.", names=", ".join(report.groups))})
    return Filters(first, last, group_by, own_location_id() or _id(asked, "locationId"), _id(asked, "doctorId"))


def _date(asked: Mapping[str, Any], name: str) -> date | None:
    value = asked.get(name)
    if not value:
        return None
    day = read_day(str(value))
    if day is None:
        raise Invalid(fields={name: _("A date as 2026-03-31.")})
    return day


def _id(asked: Mapping[str, Any], name: str) -> str | None:
    value = asked.get(name)
    if not value:
        return None
    if not is_id(value):
        raise Invalid(fields={name: _("This is not an id.")})
    return str(value)
