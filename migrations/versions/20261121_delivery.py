"""How messages are delivered: suppressed addresses."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_delivery"
down_revision = "20261121_channels"
branch_labels = None
depends_on = None

TABLES = ("suppressed_address",)


def upgrade() -> None:
    """New tables only."""
    run_statements(__file__)


def downgrade() -> None:
    """What was suppressed is sent to again."""
    for table in TABLES:
        op.drop_table(table)
