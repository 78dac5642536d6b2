"""What a block of code sends to the database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from app.core.tenant import db


@contextmanager
def recorded_statements() -> Iterator[list[str]]:
    """The statements of all engines of the application, without BEGIN and COMMIT."""
    with _heard(lambda statement, _values: statement) as sent:
        yield sent


@contextmanager
def recorded_values() -> Iterator[list[Any]]:
    """What was sent with these statements."""
    with _heard(lambda _statement, values: values) as sent:
        yield sent


@contextmanager
def _heard(kept: Callable[[str, Any], Any]) -> Iterator[list[Any]]:
    sent: list[Any] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        sent.append(kept(statement, values))

    engines = list(db.engines.values())
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        for engine in engines:
            event.remove(engine, "before_cursor_execute", note)
