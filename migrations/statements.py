"""Runs the statements that a migration keeps in a file of its own name: tables, policies, grants as they were then."""

from __future__ import annotations

from pathlib import Path

from alembic import op

DIVIDER = "\n-- statement\n"


def run_statements(migration: str) -> None:
    """Execute the .sql file beside `migration` (its `__file__`), statement by statement."""
    connection = op.get_bind()
    for statement in Path(migration).with_suffix(".sql").read_text().split(DIVIDER):
        connection.exec_driver_sql(statement.replace("%", "%%"))
