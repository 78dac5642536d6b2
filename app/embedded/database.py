"""What the launcher asks of the database, whoever runs it."""

from __future__ import annotations

from typing import LiteralString

import psycopg

from app.embedded.checks import without_secrets
from app.embedded.errors import StartFailed
from migrations.history import newest_revision

DEMO_LOGIN = "super-admin@demo"


def is_current(url: str) -> bool:
    """Whether the database stands at the newest migration; then `flask db upgrade` would only cost time."""
    return _answer(url, "select version_num from alembic_version") == newest_revision()


def has_no_clinic(url: str) -> bool:
    """Whether nobody has worked here yet."""
    return _answer(url, "select count(*) from clinic") == 0


def has_demo_logins(url: str) -> bool:
    return _answer(url, "select count(*) from user_account where username = %s", DEMO_LOGIN) == 1


def _answer(url: str, query: LiteralString, *values: str) -> object:
    """The first column of the first row; None where the table does not exist yet. Raises StartFailed."""
    try:
        with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1), connect_timeout=5) as connection:
            row = connection.execute(query, values).fetchone()
    except psycopg.errors.UndefinedTable:
        return None
    except psycopg.Error as error:
        raise StartFailed(f"The database does not answer: {without_secrets(str(error).strip(), url)}") from None
    return row[0] if row else None
