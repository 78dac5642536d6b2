"""The schema of test databases: what the migrations make."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


def create_schema(url: str) -> None:
    """Bring the database behind DATABASE_URL (which is `url`) to the newest migration."""
    from app import SLICES
    from app.core.loader import load_declarations

    load_declarations(SLICES)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    command.upgrade(config, "head")
