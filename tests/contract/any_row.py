"""One row of any table in any clinic, made from the table's own definition: a new model needs no factory to be tested.

Rows are inserted past foreign keys and triggers (`session_replication_role`), so that they stand alone; constraints on
the values themselves hold. A table whose checks a generic value cannot meet says what it needs in SPECIAL.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import count
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.engine import make_url

from app.core.ids import new_id

MOMENT = datetime(2026, 1, 5, 9, tzinfo=UTC)
_numbers = count(1)

SPECIAL: dict[str, dict[str, Any]] = {
    "appointment": {
        "busy": "[2026-01-05 09:00+00,2026-01-05 09:15+00)",
        "ends_at": MOMENT.replace(minute=15),
        "seats": "(,)",
    },
    "slot_hold": {
        "busy": "[2026-01-05 09:00+00,2026-01-05 09:15+00)",
        "ends_at": MOMENT.replace(minute=15),
        "seats": "(,)",
    },
    "appointment_series": {"visits_wanted": 2},
    "leave_visit": {"action": "KEEP"},
    "slot_offer": {"ends_at": MOMENT.replace(minute=15)},
    "waiting_list_entry": {"from_time": time(9), "until_time": time(12)},
    "doctor_leave": {"ends_at": MOMENT.replace(minute=15)},
    "availability_rule": {"opens": time(9), "closes": time(12), "weekday": 0, "slot_minutes": 15, "capacity": 1},
    "availability_exception": {"kind": "REMOVE", "slot_minutes": 15, "capacity": 1},
    "journal_entry": {"line_count": 2},
    "journal_line": {"debit_minor": 1, "credit_minor": 0},
    "credit_note": {"net_minor": 1, "tax_minor": 0, "total_minor": 1},
    "tax_rate": {"kind": "EXEMPT", "percent": 0},
    "invoice": {"status": "DRAFT"},
    "invoice_approval": {"amount_minor": 1, "basis_minor": 1},
    "payment_plan": {"total_minor": 1},
    "instalment": {"amount_minor": 1},
    "planned_allocation": {"amount_minor": 1},
    "bulk_invoice_run": {"total_count": 1, "done_count": 0, "failed_count": 0},
    "job_run": {"total_count": 1, "done_count": 0, "failed_count": 0},
    "money_movement": {"amount_minor": 1},
    "payment": {"amount_minor": 100},
    "refund": {"amount_minor": 100},
    "subscription": {"status": "CANCELLED"},
}


def make_any_row(url: str, table: Table, clinic_id: str) -> str:
    """A row of the table for the clinic, the one that is there already or a new one; its id."""
    row_id = new_id()
    values = _values(table, clinic_id, row_id)
    columns = ", ".join(f'"{name}"' for name in values)
    slots = ", ".join(f"%({name})s" for name in values)
    target = make_url(url)
    connection = psycopg.connect(
        host=str(target.query.get("host", target.host)), user=target.username, dbname=target.database, autocommit=True
    )
    with connection:
        known = connection.execute(
            f'select id from "{table.name}" where clinic_id = %s limit 1', [clinic_id]
        ).fetchone()
        if known:
            return str(known[0])
        connection.execute("set session_replication_role = replica")
        connection.execute(f'insert into "{table.name}" ({columns}) values ({slots})', values)
    return row_id


def _values(table: Table, clinic_id: str, row_id: str) -> dict[str, Any]:
    special = SPECIAL.get(table.name, {})
    values: dict[str, Any] = {}
    for column in table.columns:
        if column.computed is not None:
            continue
        if column.name in special:
            values[column.name] = special[column.name]
        elif column.name == "id":
            values["id"] = row_id
        elif column.name == "clinic_id":
            values["clinic_id"] = clinic_id
        elif not column.nullable:
            values[column.name] = _value(table, column)
    return values


def _value(table: Table, column: Column[Any]) -> Any:
    allowed = _allowed(table, column.name)
    if allowed:
        return allowed[0]
    kind = type(column.type).__name__
    if column.name.endswith("_minor"):
        return 0
    if kind == "Uuid":
        return new_id()
    if kind in ("String", "Text"):
        text = f"contract {next(_numbers)}"
        return text[: column.type.length] if getattr(column.type, "length", None) else text  # type: ignore[attr-defined]
    return _SIMPLE[kind]()


_SIMPLE: dict[str, Any] = {
    "Integer": lambda: 1,
    "BigInteger": lambda: next(_numbers),
    "SmallInteger": lambda: 1,
    "Boolean": lambda: False,
    "DateTime": lambda: MOMENT,
    "Date": lambda: date(2026, 1, 5),
    "Time": lambda: time(9),
    "Numeric": lambda: Decimal(1),
    "JSONB": lambda: Jsonb({}),
    "LargeBinary": lambda: b"",
    "ARRAY": lambda: ["IN_PERSON"],
}


def _allowed(table: Table, column: str) -> list[str]:
    """The values that a `one_of` check lists for the column."""
    for constraint in table.constraints:
        if isinstance(constraint, CheckConstraint):
            found = re.fullmatch(rf"{column} in \((.*)\)", str(constraint.sqltext))
            if found:
                return re.findall(r"'([^']*)'", found[1])
    return []
