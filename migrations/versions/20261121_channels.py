"""What message providers tell, and devices that push messages go to."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_channels"
down_revision = "20261121_patient_merge"
branch_labels = None
depends_on = None

TABLES = ("provider_notice", "device_token")


def upgrade() -> None:
    """New tables only."""
    run_statements(__file__)


def downgrade() -> None:
    """Receipts that were not taken in yet are lost; apps register their devices again."""
    for table in TABLES:
        op.drop_table(table)
