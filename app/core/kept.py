"""Statements that are made once and executed many times: compiled once, then handed to the driver itself.

What SQLAlchemy does around each execution costs as much as a small statement does (70 of 130 µs under gevent). Nothing
is lost by passing it by: types, deferred values and the engine's listeners work as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

from psycopg import Error as DriverError
from psycopg.pq.abc import PGresult
from sqlalchemy import Connection, Executable, IteratorResult
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine.result import SimpleResultMetaData
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import ReturnsRows

from app.core import wire
from app.core.wire import Message

# What libpq reads: $1, $2, ... once for each name.
_DIALECT = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]

Process = Callable[[Any], Any]
Find = Callable[[dict[str, Any]], Any]


class Kept:
    """A statement that names columns only, no entities; lists of any length (`in`) go in as arrays."""

    def __init__(self, statement: Executable) -> None:
        self._statement: Any = statement
        self._processes: list[tuple[int, Process]] | None = None

    def execute(self, connection: Connection, values: dict[str, Any]) -> IteratorResult[Any]:
        """All of its rows. Raises DBAPIError, and KeyError for a value that is missing."""
        (result,) = send_now(connection, self.message(connection, values))
        return IteratorResult(self._names, iter(self._rows(connection, result)))

    def message(self, connection: Connection, values: dict[str, Any]) -> Message:
        """For whoever sends it; the engine's listeners hear of it now."""
        given = self._given(values)
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, None, self.sql, given, self, False)
        return Message(self._sent, given)

    @cached_property
    def compiled(self) -> SQLCompiler:
        compiled: SQLCompiler = self._statement.compile(dialect=_DIALECT)
        if compiled.post_compile_params or compiled.literal_execute_params:
            raise TypeError("a statement whose text depends on its values cannot be kept")
        return compiled

    @cached_property
    def sql(self) -> str:
        return str(self.compiled)

    @cached_property
    def _sent(self) -> bytes:
        return self.sql.encode()

    @cached_property
    def _parameters(self) -> list[Find]:
        """In the order of their numbers."""
        return [_source(self.compiled.binds[name]) for name in self.compiled.positiontup or ()]

    def _given(self, values: dict[str, Any]) -> list[Any]:
        return [find(values) for find in self._parameters]

    @cached_property
    def _columns(self) -> list[Any]:
        return list(self._statement.exported_columns) if isinstance(self._statement, ReturnsRows) else []

    @cached_property
    def _names(self) -> SimpleResultMetaData:
        return SimpleResultMetaData([column.key for column in self._columns])

    def _rows(self, connection: Connection, result: PGresult) -> Sequence[Any]:
        if not self._columns:
            return ()
        if self._processes is None:
            self._processes = _processes(self._columns, result)
        rows = wire.rows_of(driver_beneath(connection), result)
        return [self._processed(row) for row in rows] if self._processes else rows

    def _processed(self, row: Sequence[Any]) -> tuple[Any, ...]:
        values = list(row)
        for place, process in self._processes or ():
            values[place] = process(values[place])
        return tuple(values)


def _processes(columns: Sequence[Any], result: PGresult) -> list[tuple[int, Process]]:
    """The places whose values the driver does not bring as SQLAlchemy's types have them."""
    found = [
        column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, result.ftype(place))
        for place, column in enumerate(columns)
    ]
    return [(place, process) for place, process in enumerate(found) if process is not None]


def _source(bind: Any) -> Find:
    """What finds a parameter's value among those that are given, as the driver takes it."""
    find, process = _found(bind), bind.type.dialect_impl(_DIALECT).bind_processor(_DIALECT)
    return (lambda values: process(find(values))) if process else find


def _found(bind: Any) -> Find:
    if bind.callable:
        return lambda _values: bind.callable()
    if bind.required:
        return itemgetter(bind.key)
    return lambda _values: bind.value


def send_now(connection: Connection, *messages: Message) -> list[PGresult]:
    """Send them, after what waits for them. Raises DBAPIError; who is stopped while waiting loses the connection."""
    try:
        return wire.send(driver_beneath(connection), messages)
    except DriverError as error:
        raise refusal(connection, "; ".join(message.sql.decode() for message in messages), error) from error
    except BaseException:
        connection.invalidate()
        raise


def driver_of(connection: Connection) -> Any:
    """psycopg's own connection beneath ours, in the present transaction."""
    begin_now(connection)
    return driver_beneath(connection)


def begin_now(connection: Connection) -> None:
    """Send what waits for the first statement, before one that goes another way. Raises DBAPIError."""
    if not wire.has_begun(driver_beneath(connection)):
        send_now(connection)


def driver_beneath(connection: Connection) -> Any:
    """The same, wherever it is."""
    return connection.connection.driver_connection


def refusal(connection: Connection, sql: str, error: Any) -> DBAPIError:
    """The driver's error as SQLAlchemy tells it; a connection that was lost is taken out of the pool."""
    lost = connection.dialect.is_disconnect(error, driver_beneath(connection), None)
    if lost:
        connection.invalidate(error)
    told: Any = DBAPIError.instance(
        sql, None, error, DriverError, hide_parameters=True, connection_invalidated=lost, dialect=connection.dialect
    )
    return told
