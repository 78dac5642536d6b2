"""The schema of test databases: what the migrations make."""

from __future__ import annotations

from sqlalchemy import create_engine


def create_schema(url: str) -> None:
    """Create roles, tables, constraints and policies from the models."""
    from flask_appbuilder import Model

    from app import SLICES
    from app.core.loader import load_declarations
    from app.core.row_security import prepare_database

    load_declarations(SLICES)
    engine = create_engine(url)
    with engine.begin() as connection:
        prepare_database(connection)
        Model.metadata.create_all(connection)
    engine.dispose()
