"""The filters that a list offers: few, typed, and such that an index or a human can use them.

What cannot be read as a value of the column (a word for a date, a number beyond 64 bits) matches nothing: an address
that somebody mistyped or made up shows an empty list, never an error and never the unfiltered rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from dateutil import parser
from flask_appbuilder.models.filters import BaseFilter
from flask_appbuilder.models.sqla.filters import SQLAFilterConverter
from flask_babel import get_timezone
from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, literal

from app.core.ids import is_id

LARGEST_INTEGER = 2**63 - 1
YES, NO = ("y", "yes", "true", "1", "on"), ("n", "no", "false", "0", "off")


class ColumnFilter(BaseFilter):
    """A comparison of one column of the list's own model with what the address says."""

    def apply(self, query: Any, value: Any) -> Any:
        known = None if "\x00" in str(value) else read_value(self.datamodel, self.column_name, str(value))
        return query.filter(literal(False) if known is None else self.compare(self._column(), known))

    def _column(self) -> Any:
        return getattr(self.model, self.column_name)

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        raise NotImplementedError


class FilterEqual(ColumnFilter):
    name, arg_name = _("Equal to"), "eq"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column == value  # type: ignore[no-any-return]


class FilterNotEqual(ColumnFilter):
    name, arg_name = _("Not Equal to"), "neq"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column != value  # type: ignore[no-any-return]


class FilterGreater(ColumnFilter):
    name, arg_name = _("Greater than"), "gt"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column > value  # type: ignore[no-any-return]


class FilterSmaller(ColumnFilter):
    name, arg_name = _("Smaller than"), "lt"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column < value  # type: ignore[no-any-return]


class FilterStartsWith(ColumnFilter):
    name, arg_name = _("Starts with"), "sw"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column.istartswith(value, autoescape=True)  # type: ignore[no-any-return]


class FilterContains(ColumnFilter):
    name, arg_name = _("Contains"), "ct"

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column.icontains(value, autoescape=True)  # type: ignore[no-any-return]


class FilterRelated(ColumnFilter):
    """Rows that refer to the entry chosen in a look-up."""

    name, arg_name = _("Is"), "rel_o_m"

    def _column(self) -> Any:
        return next(iter(self.datamodel.list_properties[self.column_name].local_columns))

    def compare(self, column: Any, value: Any) -> ColumnElement[bool]:
        return column == value  # type: ignore[no-any-return]


class FilterConverter(SQLAFilterConverter):
    """Few filters instead of Flask-AppBuilder's dozen per column."""

    conversion_table = (
        ("is_relation_many_to_one", [FilterRelated]),
        ("is_boolean", [FilterEqual]),
        ("is_datetime", [FilterGreater, FilterSmaller]),
        ("is_date", [FilterGreater, FilterSmaller, FilterEqual]),
        ("is_integer", [FilterEqual, FilterGreater, FilterSmaller]),
        ("is_numeric", [FilterEqual, FilterGreater, FilterSmaller]),
        ("is_text", [FilterContains]),
        ("is_string", [FilterStartsWith, FilterContains, FilterEqual, FilterNotEqual]),
    )

    def convert(self, col_name: str) -> list[Any] | None:
        """The filters of a column; None, without FAB's warning, for a kind that has none."""
        for test, filters in self.conversion_table:
            if getattr(self.datamodel, test)(col_name):
                return [item(col_name, self.datamodel) for item in filters]
        return None


def read_value(datamodel: Any, column: str, text: str) -> Any:
    """The text as a value of the column; None where it is none."""
    for test, read in READERS:
        if getattr(datamodel, test)(column):
            return read(text.strip())
    return text


def _read_id(text: str) -> str | None:
    return text if is_id(text) else None


def _read_boolean(text: str) -> bool | None:
    return True if text.lower() in YES else False if text.lower() in NO else None


def _read_integer(text: str) -> int | None:
    try:
        number = int(text)
    except ValueError:
        return None
    return number if abs(number) <= LARGEST_INTEGER else None


def _read_decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number) <= LARGEST_INTEGER else None


def _read_date(text: str) -> date | None:
    moment = _parse(text)
    return moment.date() if moment else None


def _read_time(text: str) -> datetime | None:
    """A moment in the clinic's zone, unless it names its own."""
    moment = _parse(text)
    if moment is None:
        return None
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(str(get_timezone())))).astimezone(UTC)
    except OverflowError:
        return None


def _parse(text: str) -> datetime | None:
    try:
        return parser.parse(text)
    except (ValueError, OverflowError):
        return None


# The first test that holds decides; a datetime is a date to Flask-AppBuilder, too.
READERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("is_relation_many_to_one", _read_id),
    ("is_boolean", _read_boolean),
    ("is_datetime", _read_time),
    ("is_date", _read_date),
    ("is_integer", _read_integer),
    ("is_numeric", _read_decimal),
)
