"""What the visit charts count by, read from the index alone."""

from __future__ import annotations

from alembic import op

revision = "20261121_visit_chart"
down_revision = "20261121_payment_methods"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The new index takes the place of one without the status; visits go on being booked meanwhile."""
    with op.get_context().autocommit_block():
        op.execute(
            "create index concurrently ix_appointment_clinic_start on appointment (clinic_id, starts_at, id) "
            "include (status)"
        )
        op.execute("drop index concurrently ix_appointment_clinic_time")


def downgrade() -> None:
    """The index that tables of before had."""
    with op.get_context().autocommit_block():
        op.execute("create index concurrently ix_appointment_clinic_time on appointment (clinic_id, starts_at, id)")
        op.execute("drop index concurrently ix_appointment_clinic_start")
