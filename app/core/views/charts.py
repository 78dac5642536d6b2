"""Charts over a model, aggregated in SQL and kept for some minutes; drawn in the browser from our own origin (SPEC
REP-2).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from flask_babel import get_timezone
from flask_babel import lazy_gettext as _
from sqlalchemy import ARRAY, ColumnElement, Integer, Select, func, literal, select, values
from sqlalchemy import column as sql_column
from sqlalchemy.orm import InstrumentedAttribute

from app.core import clock
from app.core.formatting import day_mark, month_mark
from app.core.tenant import db
from app.core.views.datamodel import own_rows
from app.core.vocabulary import label_of

LAST_MONTHS = MONTHS_OF_A_YEAR = 12
MOST_GROUPS = 24
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def _count() -> ColumnElement[Any]:
    return func.count()


@dataclass(frozen=True)
class Chart:
    """One chart: rows of the view's model grouped by an expression.

    group_by: a column or SQL expression over it. few: a column with few different values: its rows are counted first,
    and `group_by` is called with what stands for it. value: what is aggregated (default: the number of rows). minor:
    the value is
    money in minor units of the clinic's currency. only: a criterion. months: the column that says in which of the last
    months a row belongs, instead of grouping. words: turns a group's value into its label.
    """

    name: str
    title: Any
    group_by: Callable[..., Any]
    value: Callable[[], ColumnElement[Any]] = _count
    value_name: Any = _("Number")
    kind: str = "bar"
    only: Callable[[], ColumnElement[bool]] | None = None
    few: InstrumentedAttribute[Any] | None = None
    months: InstrumentedAttribute[Any] | None = None
    minor: bool = False
    chronological: bool = False
    words: Callable[[Any], str] = lambda value: _words(value)


def _words(value: Any) -> str:
    """A day as people write it, a code in words, anything else as it is."""
    if not isinstance(value, str):
        return str(value)
    return day_mark(date.fromisoformat(value)) if _DAY.fullmatch(value) else label_of(value)


def monthly(name: str, title: Any, column: InstrumentedAttribute[Any], **options: Any) -> Chart:
    """A chart of the clinic's last twelve months, this one included, by a time or date column."""
    return Chart(
        name,
        title,
        group_by=lambda: column,
        months=column,
        chronological=True,
        words=lambda value: month_mark(date.fromisoformat(value)),
        **options,
    )


def chart_rows(chart: Chart, model: Any) -> list[list[Any]]:
    """Group and value as plain JSON: each of the last months, or at most MOST_GROUPS, in time order or the largest
    first.
    """
    if chart.months is not None:
        return _monthly_rows(chart, model, chart.months)
    criteria = [criterion for criterion in (chart.only and chart.only(), own_rows(model)) if criterion is not None]
    source: Any = model
    value: ColumnElement[Any]
    if chart.few is not None:
        source = select(chart.few, func.count().label("rows")).where(*criteria).group_by(chart.few).subquery()
        group, value, criteria = chart.group_by(source.c[chart.few.key]), func.sum(source.c.rows), []
    else:
        group, value = chart.group_by(), chart.value()
    wanted = select(group.label("group"), value.label("value")).select_from(source).where(*criteria).group_by(group)
    order = group.asc() if chart.chronological else value.desc()
    return [[_plain(group), _plain(value)] for group, value in _asked(wanted.order_by(order).limit(MOST_GROUPS))]


def _asked(wanted: Select[Any]) -> Sequence[Any]:
    """Asked rarely, its rows are kept: a compiled statement that waits for the next time would only take memory."""
    return db.session.execute(wanted, execution_options={"compiled_cache": None}).all()


def _monthly_rows(chart: Chart, model: Any, column: InstrumentedAttribute[Any]) -> list[list[Any]]:
    firsts = month_firsts(clock.now().astimezone(get_timezone()).date())
    begins = [_begin_of(day, column) for day in firsts]
    counted = _rows_by_index if chart.value is _count and _is_indexed(column) else _rows_by_bucket
    found: dict[int, Any] = dict(counted(chart, model, column, begins))
    return [[day.isoformat(), _plain(found.get(number) or 0)] for number, day in enumerate(firsts[:-1], 1)]


def month_firsts(today: date) -> list[date]:
    """The first days of the last months, this one included, and of the next one."""
    last = today.year * MONTHS_OF_A_YEAR + today.month
    numbers = range(last - LAST_MONTHS, last + 1)
    return [date(number // MONTHS_OF_A_YEAR, number % MONTHS_OF_A_YEAR + 1, 1) for number in numbers]


def _begin_of(day: date, column: InstrumentedAttribute[Any]) -> date | datetime:
    if column.type.python_type is not datetime:
        return day
    return datetime.combine(day, time(), ZoneInfo(str(get_timezone())))


def _is_indexed(column: InstrumentedAttribute[Any]) -> bool:
    """Whether the rows of a clinic and a span of time are neighbours in an index."""
    wanted = ["clinic_id", column.key]
    whole = [item for item in column.class_.__table__.indexes if item.dialect_options["postgresql"]["where"] is None]
    return any(list(index.columns.keys())[:2] == wanted for index in whole)


def _rows_by_index(chart: Chart, model: Any, column: InstrumentedAttribute[Any], begins: list[Any]) -> Sequence[Any]:
    """Number of the month and of its rows: twelve looks into the index, a fifth of the time that grouping takes."""
    names = sql_column("number", Integer), sql_column("begins", column.type), sql_column("ends", column.type)
    spans = values(*names, name="spans").data(
        [(number, *span) for number, span in enumerate(pairwise(begins), 1)],
    )
    inside = column >= spans.c.begins, column < spans.c.ends
    rows = select(func.count()).select_from(model).where(*inside, *_own(model)).scalar_subquery()
    return _asked(select(spans.c.number, rows))


def _rows_by_bucket(chart: Chart, model: Any, column: InstrumentedAttribute[Any], begins: list[Any]) -> Sequence[Any]:
    number = func.width_bucket(column, literal(begins, ARRAY(column.type)))
    inside = column >= begins[0], column < begins[-1]
    return _asked(select(number, chart.value()).select_from(model).where(*inside, *_own(model)).group_by(number))


def _own(model: Any) -> tuple[ColumnElement[bool], ...]:
    own = own_rows(model)
    return () if own is None else (own,)


def _plain(value: Any) -> Any:
    """A key or figure as the cache can hold it; a date becomes its ISO text."""
    if isinstance(value, Decimal):
        return float(value)
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def chart_data(chart: Chart, rows: list[list[Any]], currency: str) -> dict[str, Any]:
    """What app/static/js/charts.js draws."""
    from app.core.money import Money

    values = [float(Money(int(value or 0), currency).major) if chart.minor else float(value or 0) for _, value in rows]
    data: dict[str, Any] = {
        "type": chart.kind,
        "labels": [str(chart.words(group)) if group is not None else "–" for group, _ in rows],
        "series": [{"name": str(chart.value_name), "data": values}],
    }
    if chart.minor:
        data["format"] = {"currency": currency}
    return data
