"""Waiting-room screens that open by a link."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_waiting_board"
down_revision = "20261121_saved_charges"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table: nobody waits for it."""
    run_statements(__file__)


def downgrade() -> None:
    """Screens on walls go dark."""
    op.drop_table("waiting_board")
