"""Counts of the safe, whose differences a second person approves."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_safe_count"
down_revision = "20261121_stop_reconciliation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table: nobody waits for it."""
    run_statements(__file__)


def downgrade() -> None:
    """What was booked stays in the journal."""
    op.drop_table("safe_count")
