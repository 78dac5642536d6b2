"""Reports whose rows are sums by one key: a table, its total, and a bar for each row."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from flask_babel import gettext
from sqlalchemy import Date, cast, func, select

from app.core.tenant import db
from app.reports.base import Column, Filters, Report, Section
from app.reports.words import names_of
from app.tenancy.queries import settings_in_scope

KEYS = {
    "day": "booked_on",
    "method": "account_code",
    "provider": "provider",
    "service": "service_id",
    "doctor": "doctor_id",
    "location": "location_id",
}
IN_ORDER = ("day", "month")


@dataclass(frozen=True, slots=True)
class Sums:
    """What belongs to one key: its words, and the sums in the order that was asked."""

    key: Any
    label: str
    values: tuple[int, ...]


def sums_by(part: Any, filters: Filters, group_by: str, names: Sequence[str]) -> list[Sums]:
    """The columns `names` of a rollup's subquery in the clinic's currency, narrowed and grouped.

    Days and months ascend; of the others the one with the largest first sum comes first.
    """
    key = cast(func.date_trunc("month", part.c.booked_on), Date) if group_by == "month" else part.c[KEYS[group_by]]
    wanted: Any = select(key, *(func.sum(part.c[name]) for name in names))
    wanted = wanted.where(part.c.currency == settings_in_scope().currency).group_by(key)
    for name in ("location_id", "doctor_id"):
        value = getattr(filters, name)
        wanted = wanted.where(part.c[name] == value) if value else wanted
    rows = db.session.execute(wanted).all()
    label = names_of(group_by, [row[0] for row in rows])
    found = [Sums(row[0], label(row[0]), tuple(int(value) for value in row[1:])) for row in rows]
    return sorted(found, key=lambda item: item.key if group_by in IN_ORDER else (-item.values[0], str(item.key)))


class GroupedReport(Report):
    """`figures` are the columns after the key's words, by the rows' own names; the bars show `drawn`."""

    by_doctor = True
    figures: ClassVar[tuple[Column, ...]]
    drawn: ClassVar[str] = "net"

    @abstractmethod
    def rows(self, filters: Filters) -> Sequence[Any]:
        """Sums with a `label` each."""

    @abstractmethod
    def total(self, rows: Sequence[Any]) -> Any:
        """Their sum."""

    def sections(self, filters: Filters) -> list[Section]:
        rows = self.rows(filters)
        columns = (Column("label", self.groups[filters.group_by]), *self.figures)
        total = {**self._shown(self.total(rows)), "label": gettext("Total")}
        return [Section("", columns, [self._shown(row) for row in rows], total)]

    def chart(self, sections: list[Section]) -> dict[str, Any] | None:
        (section,) = sections
        name = next(str(column.label) for column in self.figures if column.name == self.drawn)
        return {
            "type": "bar",
            "labels": [row["label"] for row in section.rows],
            "series": [{"name": name, "data": [float(row[self.drawn].major) for row in section.rows]}],
            "format": {"currency": settings_in_scope().currency},
        }

    def _shown(self, row: Any) -> dict[str, Any]:
        return {name: getattr(row, name) for name in ("label", *(column.name for column in self.figures))}
