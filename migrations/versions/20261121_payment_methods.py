"""Patients as customers of the gateways, and the instruments that they left there."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_payment_methods"
down_revision = "20261121_reports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """New tables only."""
    run_statements(__file__)


def downgrade() -> None:
    """The instruments stay at the gateways."""
    for table in ("payment_method", "gateway_customer"):
        op.drop_table(table)
