"""New rows in one statement: of several tables, where a flush sends one for each table, or many rows of one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache, lru_cache
from typing import Any, TypeVar, cast

import orjson
from sqlalchemy import Table, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session, class_mapper, make_transient_to_detached

from app.core.kept import Kept
from app.core.models import Base
from app.core.tenant import db

Row = TypeVar("Row", bound=Base)
Told = Callable[[Session, Base], None]
_told: list[Told] = []


def tell_of_inserts(function: Told) -> Told:
    """Call `function(session, row)` for each row that goes in this way: no flush hook hears of it."""
    _told.append(function)
    return function


def new_row(model: type[Row], **values: Any) -> Row:
    """A row with the values of columns, for what inserts here: set one by one, each would cost what a flush has to know
    of it. Raises TypeError for what is no column.
    """
    manager, names = _made_by(cast(Any, model))
    if not names.issuperset(values):
        raise TypeError(f"{model.__name__} has no {', '.join(sorted(values.keys() - names))}")
    row = manager.new_instance()
    row.__dict__.update(values)
    return cast(Row, row)


@cache
def _made_by(model: Any) -> tuple[Any, frozenset[str]]:
    mapper = class_mapper(model)
    return mapper.class_manager, frozenset(item.key for item in mapper.column_attrs)


def insert_together(*rows: Base) -> None:
    """Insert new rows and take them into the session as if they had been flushed (append-only ones it need not know).

    References among them are checked when the statement ends, so that their order does not matter. `before_insert`
    hooks of mappers do not run. Each row travels as one JSON value: a parameter costs more than a column.
    """
    session = db.session()
    session.flush()
    values = [_values(row) for row in rows]
    statement = _statement(tuple((type(row), tuple(found)) for row, found in zip(rows, values, strict=True)))
    statement.execute(session.connection(), {_name(n): as_json([found]) for n, found in enumerate(values)})
    for row in rows:
        take_in(session, row)


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
    _statement(((type(rows[0]), names),)).execute(session.connection(), {_name(0): as_json(values)})
    for row in rows:
        take_in(session, row)


@lru_cache(maxsize=256)
def _statement(shapes: tuple[tuple[Any, tuple[str, ...]], ...]) -> Kept:
    """Inserts into several tables, all but the last as parts of the last one's statement."""
    *others, last = (_insert(model, names, _name(n)) for n, (model, names) in enumerate(shapes))
    beside = ", ".join(f"{_name(n)} as ({insert})" for n, insert in enumerate(others))
    return Kept(text(f"with {beside} {last}" if others else last))


def _insert(model: Any, names: tuple[str, ...], parameter: str) -> str:
    table, columns = cast(Table, model.__table__), ", ".join(names)
    return f"insert into {table.name} ({columns}) select {columns} from {recordset(table, names, parameter)}"  # noqa: S608


def _name(n: int) -> str:
    return f"rows{n}"


def recordset(table: Table, names: Iterable[str], parameter: str = "rows") -> str:
    """SQL that spreads the parameter, made by as_json(), out into these columns of the table."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    columns = ", ".join(f"{name} {table.columns[name].type.compile(dialect)}" for name in names)
    return f"jsonb_to_recordset(cast(:{parameter} as jsonb)) as given({columns})"


def as_json(rows: Sequence[dict[str, Any]]) -> str:
    return orjson.dumps(rows, default=_as_text, option=orjson.OPT_PASSTHROUGH_DATACLASS).decode()


def _as_text(value: Any) -> str:
    """A range as PostgreSQL reads it; nothing else is without a form in JSON (TypeError)."""
    if not isinstance(value, Range):
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    if value.is_empty:
        return "empty"
    opens, closes = value.bounds
    lower, upper = ("" if end is None else str(end) for end in (value.lower, value.upper))
    return f"{opens}{lower},{upper}{closes}"


def take_in(session: Session, row: Base) -> None:
    """Take a new row, which went in by a plain statement, into the session, and tell whoever hears of inserts."""
    if not row.__append_only__:
        make_transient_to_detached(row)
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
            held[key] = default() if default else None
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
