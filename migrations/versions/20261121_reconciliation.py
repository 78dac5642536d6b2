"""Settlements, the runs that compare them with the books, what does not fit, disputes, and payments under review."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_reconciliation"
down_revision = "20261121_cash_desk"
branch_labels = None
depends_on = None

# In the order in which they may be dropped.
TABLES = ("payment_hold", "reconciliation_exception", "reconciliation_run", "settlement_entry", "settlement", "dispute")


def upgrade() -> None:
    """New tables only."""
    run_statements(__file__)


def downgrade() -> None:
    """What was fetched can be fetched again."""
    for table in TABLES:
        op.drop_table(table)
