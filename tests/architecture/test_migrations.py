"""Models equal migrations, and the history is one line."""

from __future__ import annotations

import re
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_appbuilder import Model
from sqlalchemy import create_engine, text

from migrations.history import newest_revision
from tests.schema import MIGRATIONS


def script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_the_newest_migration_is_known_without_alembic() -> None:
    assert newest_revision() == script().get_current_head()


def test_the_migrations_make_what_the_models_say(app: Any, settings: Any) -> None:
    engine = create_engine(settings.database_url)
    with engine.connect() as connection:
        differences = compare_metadata(
            MigrationContext.configure(connection, opts={"compare_type": True}), Model.metadata
        )
    engine.dispose()
    assert differences == []


def test_rules_beyond_tables_are_those_of_the_models(app: Any, settings: Any, own_empty_database: str) -> None:
    """Policies, triggers, functions, checks and exclusion constraints: a database made from the models has the same."""
    from app.core.row_security import prepare_database

    made = create_engine(own_empty_database)
    with made.begin() as connection:
        prepare_database(connection)
        Model.metadata.create_all(connection)
    migrated = create_engine(settings.database_url)
    try:
        assert _rules(migrated) == _rules(made)
    finally:
        made.dispose()
        migrated.dispose()


RULES = (
    "select polname || pg_get_expr(polqual, polrelid) || coalesce(pg_get_expr(polwithcheck, polrelid), '') "
    "|| polrelid::regclass from pg_policy",
    "select tgrelid::regclass || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal",
    "select conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint "
    "where connamespace = 'public'::regnamespace",
    "select pg_get_functiondef(oid) from pg_proc where pronamespace = 'public'::regnamespace",
    "select indexdef from pg_indexes where schemaname = 'public'",
    "select table_name || grantee || privilege_type from information_schema.role_table_grants "
    "where table_schema = 'public' and grantee like 'clinic_console%'",
)


def _rules(engine: Any) -> set[str]:
    with engine.connect() as connection:
        found = {row[0] for rule in RULES for row in connection.execute(text(rule))}
    return {item for item in found if "alembic_version" not in item}


def test_the_history_is_linear_and_named_by_date_and_purpose() -> None:
    revisions = list(script().walk_revisions())
    assert len(script().get_heads()) == 1
    assert all(re.fullmatch(r"20\d{6}_[a-z0-9_]+", item.revision) for item in revisions)
    assert all(not item.is_merge_point and not item.is_branch_point for item in revisions)
