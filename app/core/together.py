"""New rows in one statement: of several tables, where a flush sends one for each table, or many rows of one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, cast

import orjson
from sqlalchemy import Insert, Table, TextClause, bindparam, insert, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session, make_transient_to_detached
from sqlalchemy.orm.attributes import set_committed_value

from app.core.models import Base
from app.core.tenant import db

Told = Callable[[Session, Base], None]
_told: list[Told] = []


def tell_of_inserts(function: Told) -> Told:
    """Call `function(session, row)` for each row that goes in this way: no flush hook hears of it."""
    _told.append(function)
    return function


def insert_together(*rows: Base) -> None:
    """Insert new rows and take them into the session as if they had been flushed.

    References among them are checked when the statement ends, so that their order does not matter. `before_insert`
    hooks of mappers do not run.
    """
    session = db.session()
    session.flush()
    values = [_values(row) for row in rows]
    statement = _statement(tuple((type(row), tuple(found)) for row, found in zip(rows, values, strict=True)))
    named = {_name(n, key): value for n, found in enumerate(values) for key, value in found.items()}
    session.connection().execute(statement, named)
    for row in rows:
        make_transient_to_detached(row)
        told_of(session, row)


def insert_many(rows: Sequence[Base]) -> None:
    """Insert any number of new rows of one table, otherwise as insert_together().

    They travel as one JSON value: an executemany sends a statement for each row, and a list of VALUES is another
    statement for each length.
    """
    if not rows:
        return
    session = db.session()
    session.flush()
    values = [_values(row) for row in rows]
    names = tuple(dict.fromkeys(name for found in values for name in found))
    model: Any = type(rows[0])
    session.connection().execute(_insert_many(model, names), {"rows": as_json(values)})
    for row in rows:
        make_transient_to_detached(row)
        told_of(session, row)


@lru_cache(maxsize=256)
def _insert_many(model: Any, names: tuple[str, ...]) -> TextClause:
    table, columns = cast(Table, model.__table__), ", ".join(names)
    return text(f"insert into {table.name} ({columns}) select {columns} from {recordset(table, names)}")  # noqa: S608


def recordset(table: Table, names: Iterable[str]) -> str:
    """SQL that spreads the parameter `rows`, made by as_json(), out into these columns of the table."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    columns = ", ".join(f"{name} {table.columns[name].type.compile(dialect)}" for name in names)
    return f"jsonb_to_recordset(cast(:rows as jsonb)) as given({columns})"


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows).decode()


def told_of(session: Session, row: Base) -> None:
    """Take a detached row, which went in by a plain statement, into the session, and tell whoever hears of inserts."""
    session.add(row)
    for function in _told:
        function(session, row)


def _values(row: Base) -> dict[str, Any]:
    """What the row's columns hold, filled up with their defaults; a column that has neither is left out."""
    held: dict[str, Any] = inspect(row).dict
    found: dict[str, Any] = {}
    model: Any = type(row)
    for key, default in _columns(model):
        if key not in held:
            set_committed_value(row, key, default() if default else None)
        if default or held[key] is not None:
            found[key] = held[key]
    return found


@cache
def _columns(model: Any) -> list[tuple[str, Callable[[], Any] | None]]:
    """The columns' attributes, each with what makes its default."""
    return [(item.key, _default_of(item.columns[0])) for item in inspect(model).column_attrs]


def _default_of(column: Any) -> Callable[[], Any] | None:
    default = column.default
    if default is None:
        return None
    return (lambda: default.arg(None)) if default.is_callable else (lambda: default.arg)


@lru_cache(maxsize=256)
def _statement(shapes: tuple[tuple[Any, tuple[str, ...]], ...]) -> Insert:
    *others, last = (_insert(n, model, keys) for n, (model, keys) in enumerate(shapes))
    return last.add_cte(*(other.cte(f"rows_{n}") for n, other in enumerate(others)))


def _insert(n: int, model: Any, keys: tuple[str, ...]) -> Insert:
    return insert(model.__table__).values({key: bindparam(_name(n, key)) for key in keys})


def _name(n: int, key: str) -> str:
    """Parameters must not be named as columns: SQLAlchemy would set these columns in each of the tables."""
    return f"row{n}_{key}"
