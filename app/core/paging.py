"""Keyset pages: the cursor is the sort key of the last row, so that page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import orjson
from flask_babel import gettext as _
from sqlalchemy import Integer, Select, Uuid, bindparam, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.core.api import ListQuery
from app.core.errors import BadRequest
from app.core.ids import is_id
from app.core.tenant import db, scoped

Keys = tuple[InstrumentedAttribute[Any], ...]

# A number in the text, not a parameter: PostgreSQL plans a prepared statement anew for each execution as long as it
# cannot see that only few rows are asked for.
_PAGE_LIMIT: Any = bindparam("page_limit", type_=Integer(), literal_execute=True)


@dataclass(frozen=True)
class Rows:
    """A select that is built once for each shape of a question, and the values that this one asks with.

    To put a select together and to find its cached SQL costs as much as to run it: hot lists keep theirs.
    """

    statement: Select[Any]
    values: dict[str, Any]

    def filled(self) -> Select[Any]:
        return self.statement.params(self.values)


def page(
    rows: Select[*tuple[Any, ...]] | Rows,
    keys: Sequence[InstrumentedAttribute[Any]],
    query: ListQuery,
    show: Callable[[Any], dict[str, Any]],
    *,
    descending: bool = False,
) -> dict[str, Any]:
    """`{"items", "nextCursor"}` of a select whose rows carry the key columns under their own names.

    The last key must be unique (the id). Raises BadRequest for a cursor that is not ours.
    """
    answer: dict[str, Any] = {}
    if query.count:
        whole = rows.filled() if isinstance(rows, Rows) else rows
        answer["count"] = db.session.scalar(select(func.count()).select_from(whole.subquery()))
    found = _execute(rows, tuple(keys), query, descending)
    shown = found[: query.limit]
    answer["items"] = [show(row) for row in shown]
    answer["nextCursor"] = _encode(shown[-1], keys) if len(found) > query.limit else None
    return answer


def _execute(rows: Select[Any] | Rows, keys: Keys, query: ListQuery, descending: bool) -> Sequence[Any]:
    """One row more than is shown tells whether there is a next page."""
    values = _decode(query.cursor, keys) if query.cursor else {}
    if isinstance(rows, Rows):
        statement = _kept_page(rows.statement, keys, descending, bool(values))
        values.update(rows.values)
    else:
        statement = _page_of(rows, keys, descending, bool(values))
    return db.session.execute(statement, {**values, "page_limit": query.limit + 1}).all()


def _page_of(statement: Select[Any], keys: Keys, descending: bool, later: bool) -> Select[Any]:
    """In the order of the keys; `later` begins after the values of the parameters page_after_0, 1 ..."""
    if later:
        place = tuple_(*keys)
        last = tuple_(*(bindparam(f"page_after_{n}", type_=key.type) for n, key in enumerate(keys)))
        statement = statement.where(place < last if descending else place > last)
    order = [key.desc() for key in keys] if descending else [key.asc() for key in keys]
    return statement.order_by(*order).limit(_PAGE_LIMIT)


@lru_cache(maxsize=512)
def _kept_page(statement: Select[Any], keys: Keys, descending: bool, later: bool) -> Select[Any]:
    return scoped(_page_of(statement, keys, descending, later))


def is_first_page(query: ListQuery) -> bool:
    """Whether nothing but the length is asked of a list: the page that everybody asks for."""
    return not query.model_dump(exclude={"limit"}, exclude_defaults=True)


def _encode(row: Any, keys: Sequence[InstrumentedAttribute[Any]]) -> str:
    values = [getattr(row, key.key) for key in keys]
    return base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")


def _decode(cursor: str, keys: Keys) -> dict[str, Any]:
    """Values for the parameters of _page_of."""
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError
        pairs = enumerate(zip(values, keys, strict=True))
        return {f"page_after_{number}": _typed(value, key) for number, (value, key) in pairs}
    except (ValueError, TypeError):
        raise BadRequest(_("The cursor is not valid."), code="BAD_CURSOR") from None


def _typed(value: Any, key: InstrumentedAttribute[Any]) -> Any:
    python_type = key.type.python_type
    if python_type is datetime:
        return datetime.fromisoformat(value)
    if python_type is date:
        return date.fromisoformat(value)
    if python_type is str and (not isinstance(value, str) or "\x00" in value):
        raise ValueError
    if isinstance(key.type, Uuid) and not is_id(value):
        raise ValueError
    return value
