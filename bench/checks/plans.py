"""The hot questions are answered from an index: no statement of theirs reads a large table whole (EXPLAIN)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from psycopg import RawCursor
from sqlalchemy import event

from bench.data import LOADED
from bench.figures import Effort, Figure
from bench.installation import Installation

WHOLE_TABLE = re.compile(rf"Seq Scan on ({'|'.join(LOADED)})\b")
# Kind of cursor, which says how parameters are written; SQL; values.
Asked = tuple[Any, str, Any]
TYPED = ("mee", "meera iy", "9800012345", "000123", "1985-03-02")


def plans(installation: Installation, _effort: Effort) -> list[Figure]:
    with installation.app.app_context():
        found = plans_of(installation)
    whole = [name for name, plan in found.items() if WHOLE_TABLE.search(plan)]
    detail = ", ".join(whole) or f"{len(found)} statements looked at"
    return [Figure("plans", "hot statements that read a large table whole", len(whole), "", "<", 1, detail)]


def plans_of(installation: Installation) -> dict[str, str]:
    """What PostgreSQL would do for each statement of the hot questions, as the restricted role in the clinic."""
    from app.core.tenant import tenant_scope

    found: dict[str, str] = {}
    for name, ask in _questions(installation.house.doctor_ids[0]).items():
        with tenant_scope(installation.house.clinic_id), _recorded() as statements:
            ask()
            for number, asked in enumerate(list(statements), 1):
                found[f"{name} {number}"] = _explain(*asked)
    return found


def _questions(doctor_id: str) -> dict[str, Callable[[], Any]]:
    from app.core import clock
    from app.core.api import ListQuery
    from app.core.paging import page
    from app.people.queries import search_patients
    from app.scheduling.api.shapes import show_row
    from app.scheduling.models import Appointment
    from app.scheduling.queries import appointment_rows, slots

    def visits(**asked: Any) -> Any:
        return page(appointment_rows(**asked), [Appointment.starts_at, Appointment.id], ListQuery(), show_row)

    today = clock.now().date()
    questions: dict[str, Callable[[], Any]] = {
        "visits": visits,
        "visits of a day": lambda: visits(first=today, last=today),
        "visits of a doctor": lambda: visits(doctor_id=doctor_id, first=today),
        "free slots": lambda: slots(doctor_id, today + timedelta(days=1), 7),
    }
    return questions | {f"search {typed!r}": lambda typed=typed: search_patients(typed, 8) for typed in TYPED}


@contextmanager
def _recorded() -> Iterator[list[Asked]]:
    """The selects that the block sends over the application's engine."""
    from app.core.tenant import db

    statements: list[Asked] = []

    def note(_connection: Any, cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if re.match(r"\s*(select|with)\b", statement, re.IGNORECASE):
            statements.append((type(cursor) if cursor else RawCursor, statement, values))  # none: sent past cursors

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(db.engine, "before_cursor_execute", note)


def _explain(cursor_type: Any, statement: str, values: Any) -> str:
    from app.core.kept import driver_of
    from app.core.tenant import db

    with cursor_type(driver_of(db.session.connection())) as cursor:
        return "\n".join(row[0] for row in cursor.execute(f"explain {statement}", values))
