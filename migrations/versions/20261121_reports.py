"""Sums of finished days for the reports, and indexes for what moved in a span."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_reports"
down_revision = "20261121_reconciliation"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Payments and refunds may be many: their indexes are built while everybody goes on writing."""
    run_statements(__file__)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_payment_completed", "payment", ["clinic_id", "completed_at", "id"], postgresql_concurrently=True
        )
        op.create_index(
            "ix_refund_settled", "refund", ["clinic_id", "settled_at", "id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    """The sums are made anew from the journal."""
    with op.get_context().autocommit_block():
        op.drop_index("ix_refund_settled", postgresql_concurrently=True)
        op.drop_index("ix_payment_completed", postgresql_concurrently=True)
    for table in ("takings_day", "revenue_day", "rolled_day"):
        op.drop_table(table)
