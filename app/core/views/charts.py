"""Charts over a model, aggregated in SQL and kept for some minutes; drawn in the browser from our own origin (SPEC
REP-2).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import ColumnElement, Date, cast, func, select
from sqlalchemy.orm import InstrumentedAttribute

from app.core import clock
from app.core.formatting import day_mark, month_mark
from app.core.tenant import db
from app.core.views.datamodel import own_rows
from app.core.vocabulary import label_of

LAST_MONTHS = 12
MOST_GROUPS = 24
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Chart:
    """One chart: rows of the view's model grouped by an expression.

    group_by: a column or SQL expression over it. few: a column with few different values: its rows are counted first,
    and `group_by` is called with what stands for it. value: what is aggregated (default: the number of rows). minor:
    the value is
    money in minor units of the clinic's currency. only: a criterion. words: turns a group's value into its label.
    """

    name: str
    title: Any
    group_by: Callable[..., Any]
    value: Callable[[], ColumnElement[Any]] = lambda: func.count()
    value_name: Any = _("Number")
    kind: str = "bar"
    only: Callable[[], ColumnElement[bool]] | None = None
    few: InstrumentedAttribute[Any] | None = None
    minor: bool = False
    chronological: bool = False
    words: Callable[[Any], str] = lambda value: _words(value)


def _words(value: Any) -> str:
    """A day as people write it, a code in words, anything else as it is."""
    if not isinstance(value, str):
        return str(value)
    return day_mark(date.fromisoformat(value)) if _DAY.fullmatch(value) else label_of(value)


def monthly(name: str, title: Any, column: InstrumentedAttribute[Any], **options: Any) -> Chart:
    """A chart of the last twelve months by a time or date column."""
    return Chart(
        name,
        title,
        group_by=lambda: cast(func.date_trunc("month", column), Date),
        only=lambda: column >= _year_ago(column),
        chronological=True,
        words=lambda value: month_mark(date.fromisoformat(value)),
        **options,
    )


def _year_ago(column: InstrumentedAttribute[Any]) -> date | datetime:
    moment = (clock.now() - timedelta(days=31 * (LAST_MONTHS - 1))).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    return moment if column.type.python_type is datetime else moment.date()


def chart_rows(chart: Chart, model: Any) -> list[list[Any]]:
    """Group and value as plain JSON, at most MOST_GROUPS: in time order, or the largest first."""
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
    # Asked rarely, its rows are kept: a compiled statement that waits for the next time would only take memory.
    rows = db.session.execute(wanted.order_by(order).limit(MOST_GROUPS), execution_options={"compiled_cache": None})
    return [[_plain(row.group), _plain(row.value)] for row in rows]


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
