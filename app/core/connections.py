"""How a connection of ours begins, idles and reads ids, with as few round trips as the two walls allow.

A request that reads one list spends more time on the way to the database and back than in it. So BEGIN and the
clinic of the second wall (app/core/row_security.py) travel with the first statement, a connection that was just used is
not asked whether it lives, and ids arrive as the text that we hand on.
"""

from __future__ import annotations

import time
from typing import Any

from psycopg import Error as DriverError
from psycopg.pq import TransactionStatus
from psycopg.types.string import TextLoader
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import InvalidatePoolError, OperationalError
from sqlalchemy.orm import Session

from app.core import wire
from app.core.kept import Kept, begin_now, driver_beneath, driver_of, refusal, send_now
from app.core.tenant import SCOPE_AT_BEGIN, clinic_setting, current_scope
from app.core.wire import Message

# A server that restarts is away for longer than this.
TRUSTED_SECONDS = 1.0
_RETURNED_AT = "returned_at"
_MAY_HAVE_WRITTEN = "may_have_written"
_WITH_COMMIT = "with_commit"
_BEGIN, _BEGIN_SNAPSHOT = Message(b"begin"), Message(b"begin isolation level repeatable read")
_SET_CLINIC = b"select set_config('app.clinic_id', $1, true)"
_COMMIT = Message(b"commit")


# How PostgreSQL says that it stops, was killed, or is only starting; classes of states, or whole ones.
_AWAY = ("08", "57P01", "57P02", "57P03")


def is_away(error: OperationalError) -> bool:
    """Whether it means that there is no database, and not that a statement met a deadlock or its time-out."""
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or state is None or state.startswith(_AWAY)


def prepare_engine(engine: Engine, role: str) -> None:
    """Every connection of the engine acts as `role`, which row-level security knows."""

    @event.listens_for(engine, "connect")
    def _enter(connection: Any, _record: Any) -> None:
        connection.autocommit = True  # psycopg leaves BEGIN to us
        connection.adapters.register_loader("uuid", TextLoader)
        wire.open_line(connection)
        with connection.cursor() as cursor:
            cursor.execute(f"set role {role}")

    @event.listens_for(engine, "checkin")
    def _note_return(_connection: Any, record: Any) -> None:
        record.info[_RETURNED_AT] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _ask_whether_it_lives(connection: Any, record: Any, _proxy: Any) -> None:
        """Stands for the pool's own ping, which costs every request a round trip."""
        idle_since = record.info.get(_RETURNED_AT)
        if idle_since is None or time.monotonic() - idle_since < TRUSTED_SECONDS:
            return
        try:
            engine.dialect.do_ping(connection)
        except engine.dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    @event.listens_for(engine, "before_cursor_execute")
    def _note_write(
        connection: Any, _cursor: Any, _statement: Any, _values: Any, context: Any, _executemany: bool
    ) -> None:
        if not isinstance(context, Kept):
            begin_now(connection)
        if not getattr(getattr(context.compiled, "statement", None), "is_select", False):
            connection.connection.record_info[_MAY_HAVE_WRITTEN] = True

    engine.dialect.do_begin = _begin  # type: ignore[method-assign, assignment]
    engine.dialect.do_commit = _commit  # type: ignore[method-assign, assignment]
    engine.dialect.do_rollback = _roll_back  # type: ignore[method-assign, assignment]


def _begin(connection: Any) -> None:
    """BEGIN and the clinic in scope go with the first statement; what they set ends with the transaction."""
    scope = current_scope()
    begin = _BEGIN_SNAPSHOT if scope.snapshot else _BEGIN
    setting = () if scope.system else (Message(_SET_CLINIC, [clinic_setting(scope)]),)
    wire.send_later(connection.driver_connection, (begin, *setting))
    connection.info[SCOPE_AT_BEGIN] = scope
    connection.record_info.update({_MAY_HAVE_WRITTEN: False, _WITH_COMMIT: []})


def execute_with_begin(session: Session, *messages: Message) -> None:
    """Send statements whose rows nobody needs together with BEGIN and the first statement, which hears of them; where
    something was sent already, at once.

    Each statement sees what was committed until it began.
    """
    connection = session.connection()
    driver = driver_beneath(connection)
    if wire.has_begun(driver):
        send_now(connection, *messages)
    else:
        wire.send_later(driver, messages)


def execute_with_commit(connection: Connection, statement: Kept, values: dict[str, Any]) -> None:
    """Send the statement, which returns no rows, as one message with the COMMIT of the present transaction.

    For what is written under a lock that everybody waits for: the lock ends a round trip earlier. If the statement
    fails, the commit fails.
    """
    info: Any = connection.connection.record_info
    info[_WITH_COMMIT].append((connection, statement, values))


def execute_in_turn(connection: Connection, *statements: str) -> list[Any]:
    """Send SQL without parameters as one message; each statement sees what was committed until it began.

    The rows of the last one. Raises DBAPIError.
    """
    sql = "; ".join(statements)
    try:
        with driver_of(connection).cursor() as cursor:
            cursor.execute(sql, prepare=False)
            while cursor.nextset():
                pass
            return list(cursor.fetchall()) if cursor.description else []
    except DriverError as error:
        raise refusal(connection, sql, error) from error


def _commit(connection: Any) -> None:
    waiting = connection.record_info.get(_WITH_COMMIT)
    if not waiting:
        _end(connection)
        return
    messages = [statement.message(sender, values) for sender, statement, values in waiting]
    wire.send(connection.driver_connection, [*messages, _COMMIT])


def _roll_back(connection: Any) -> None:
    """After ROLLBACK psycopg forgets all prepared statements: what only selected ends by COMMIT. The pool asks for one
    also after a commit.
    """
    status = connection.dbapi_connection.info.transaction_status
    if status == TransactionStatus.IDLE:
        wire.never_send(connection.driver_connection)
    elif status == TransactionStatus.INERROR or connection.record_info.get(_MAY_HAVE_WRITTEN, True):
        wire.never_send(connection.driver_connection)
        connection.rollback()
    else:
        _end(connection)


def _end(connection: Any) -> None:
    """By COMMIT, where anything was sent."""
    driver = connection.driver_connection
    wire.never_send(driver)
    if driver.info.transaction_status != TransactionStatus.IDLE:
        wire.send(driver, [_COMMIT])
