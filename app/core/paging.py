"""Keyset pages: the cursor is the sort key of the last row, so that page 1,000 costs what page 1 costs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

import orjson
from flask_babel import gettext as _
from sqlalchemy import Select, Uuid, func, literal, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.core.api import ListQuery
from app.core.errors import BadRequest
from app.core.ids import is_id
from app.core.tenant import db


def page(
    statement: Select[*tuple[Any, ...]],
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
        answer["count"] = db.session.scalar(select(func.count()).select_from(statement.subquery()))
    if query.cursor:
        place, last = tuple_(*keys), _decode(query.cursor, keys)
        statement = statement.where(place < last if descending else place > last)
    order = [key.desc() for key in keys] if descending else [key.asc() for key in keys]
    rows = db.session.execute(statement.order_by(*order).limit(query.limit + 1)).all()
    shown = rows[: query.limit]
    answer["items"] = [show(row) for row in shown]
    answer["nextCursor"] = _encode(shown[-1], keys) if len(rows) > query.limit else None
    return answer


def is_first_page(query: ListQuery) -> bool:
    """Whether nothing but the length is asked of a list: the page that everybody asks for."""
    return not query.model_dump(exclude={"limit"}, exclude_defaults=True)


def _encode(row: Any, keys: Sequence[InstrumentedAttribute[Any]]) -> str:
    values = [getattr(row, key.key) for key in keys]
    return base64.urlsafe_b64encode(orjson.dumps(values, default=str)).decode().rstrip("=")


def _decode(cursor: str, keys: Sequence[InstrumentedAttribute[Any]]) -> Any:
    try:
        values = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if not isinstance(values, list) or len(values) != len(keys):
            raise ValueError
        return tuple_(*(literal(_typed(value, key), key.type) for value, key in zip(values, keys, strict=True)))
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
