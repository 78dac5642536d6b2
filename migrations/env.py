"""Runs migrations as the owner of the tables: the engines of the application act as restricted roles."""

from __future__ import annotations

from alembic import context
from flask_appbuilder import Model
from sqlalchemy import create_engine, text

from app.core.row_security import prepare_database
from config import get_settings

# One migration at a time, whatever number of releases start at once.
LOCK = 7260418


def run() -> None:
    engine = create_engine(get_settings().database_url)
    with engine.connect() as connection:
        connection.execute(text("select pg_advisory_lock(:lock)"), {"lock": LOCK})
        prepare_database(connection)
        connection.commit()
        context.configure(
            connection=connection, target_metadata=Model.metadata, compare_type=True, transaction_per_migration=True
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.commit()
    engine.dispose()


if context.is_offline_mode():
    raise SystemExit("Migrations need a database; there is no offline mode.")
run()
