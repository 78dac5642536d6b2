"""Statements that are always prepared, several in one message, handed to libpq past psycopg's cursors.

psycopg looks up, counts and adapts anew what never changes of such a statement: a third of what a small one costs in
this process. Values go as text, whose types PostgreSQL knows from the statement; answers and errors are psycopg's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from psycopg import Connection, errors, generators
from psycopg._preparing import PrepareManager
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

_ANSWERED = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


class Message(NamedTuple):
    """A statement with $1, $2, ..., and its values as SQLAlchemy's types hand them on."""

    sql: bytes
    values: Sequence[Any] = ()


class Line(PrepareManager):
    """What a connection has prepared. psycopg drops everything after some commands (DEALLOCATE ALL), ours as well."""

    def __init__(self, driver: Connection[Any]) -> None:
        super().__init__()
        self._names_of_ours: dict[bytes, bytes] = {}
        self._made = 0
        self.first: list[Message] = []
        self.transformer = Transformer(driver)

    def clear(self) -> bool:
        drops = super().clear()
        if drops:
            self._names_of_ours.clear()
        return drops

    def name_of(self, sql: bytes) -> bytes | None:
        return self._names_of_ours.get(sql)

    def new_name(self) -> bytes:
        """Never one that was there before: what failed may have been prepared all the same, and stays so unused."""
        self._made += 1
        return f"kept_{self._made}".encode()

    def note(self, names: dict[bytes, bytes]) -> None:
        self._names_of_ours.update(names)


def open_line(driver: Connection[Any]) -> None:
    """For a new connection."""
    driver._prepared = Line(driver)


def send_later(driver: Connection[Any], messages: Iterable[Message]) -> None:
    """Let them go ahead of what is sent next, in one message with it: BEGIN, most times."""
    line: Any = driver._prepared
    line.first += messages


def has_begun(driver: Connection[Any]) -> bool:
    """Whether nothing waits for what is sent next; so it is on a connection of somebody else's engine."""
    line = driver._prepared
    return not (isinstance(line, Line) and line.first)


def never_send(driver: Connection[Any]) -> None:
    """Forget what waits; what it would have gone ahead of did not come."""
    if isinstance(driver._prepared, Line):
        driver._prepared.first = []


def send(driver: Connection[Any], messages: Sequence[Message]) -> list[PGresult]:
    """What each of them answers, of all after one round trip. Each sees what was committed until it began.

    After the first that fails nothing is executed. Raises psycopg's error.
    """
    line: Any = driver._prepared
    first = len(line.first)
    given = [(message.sql, _dumped(line, message)) for message in (*line.first, *messages)]
    line.first = []  # not before: where a value cannot be sent, what waits goes on waiting
    made: dict[bytes, bytes] = {}
    try:
        if len(given) == 1 and (name := line.name_of(given[0][0])):
            driver.pgconn.send_query_prepared(name, given[0][1])
            answers = driver.wait(generators.execute(driver.pgconn))
        else:
            answers = _send_together(driver, line, given, made)
    except BaseException:
        driver.close()  # nobody knows what it still has to tell
        raise
    for answer in answers:
        if answer.status not in _ANSWERED:
            raise errors.error_from_result(answer, encoding=driver.info.encoding)
    line.note(made)
    return answers[first:]


def _send_together(
    driver: Connection[Any], line: Line, given: Sequence[tuple[bytes, Any]], made: dict[bytes, bytes]
) -> list[PGresult]:
    """Each is prepared just before it, where it is not yet: BEGIN comes first of all. `made` takes the new names.

    A statement that could not be prepared answers with that.
    """
    pgconn = driver.pgconn
    pgconn.enter_pipeline_mode()
    numbers = []
    for sql, values in given:
        name = line.name_of(sql) or made.get(sql)
        numbers.append(1 if name else 2)
        if name is None:
            name = made[sql] = line.new_name()
            pgconn.send_prepare(name, sql)
        pgconn.send_query_prepared(name, values)
    pgconn.pipeline_sync()
    answers = driver.wait(_answers(pgconn, numbers))
    pgconn.exit_pipeline_mode()
    return answers


def _answers(pgconn: PGconn, numbers: Sequence[int]) -> PQGen[list[PGresult]]:
    """Of each statement one: the last, or what refused it."""
    yield from generators.send(pgconn)
    found = []
    for number in numbers:
        told: list[PGresult] = []
        for _ in range(number):
            told += yield from generators.fetch_many(pgconn)
        refused = [answer for answer in told if answer.status == ExecStatus.FATAL_ERROR]
        found += (refused or told)[-1:]
    yield from generators.fetch_many(pgconn)
    return found


def _dumped(line: Line, message: Message) -> Sequence[Any] | None:
    values = message.values
    return line.transformer.dump_sequence(values, [PyFormat.TEXT] * len(values)) if values else None


def rows_of(driver: Connection[Any], result: PGresult) -> list[tuple[Any, ...]]:
    """The rows of an answer, as psycopg's loaders read them."""
    line: Any = driver._prepared
    line.transformer.set_pgresult(result)
    rows: list[tuple[Any, ...]] = line.transformer.load_rows(0, result.ntuples, tuple)
    return rows
