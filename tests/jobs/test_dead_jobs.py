"""What a dead job's error is called, without the words of it."""

from __future__ import annotations

import traceback

from sqlalchemy import text

from app.core.tenant import all_tenants, db
from app.jobs.views.queues import exception_name


def _trace(statement: str) -> str:
    try:
        with all_tenants():
            db.session.execute(text(statement))
    except Exception:
        db.session.rollback()
        return traceback.format_exc()
    return ""


def test_the_error_is_named_though_the_trace_ends_with_other_lines(clinic: object) -> None:
    trace = _trace("select 'not an id'::uuid")
    assert trace.strip().splitlines()[-1].startswith("(Background")
    assert exception_name(trace) == "sqlalchemy.exc.DataError"


def test_nothing_is_told_of_its_words() -> None:
    assert exception_name("Traceback (most recent call last):\n  File 'x'\nKeyError: 'Meera Iyer'\n") == "KeyError"
    assert exception_name("") == ""
