"""Indexes that find what a partial one finds, too: of a reference that may be missing, all but those rows."""

from __future__ import annotations

from alembic import op

revision = "20261122_fewer_indexes"
down_revision = "20261122_audit_lanes"
branch_labels = None
depends_on = None

COLUMNS = (
    ("appointment", "room_id"),
    ("credit_note", "refund_id"),
    ("message_preference", "patient_id"),
    ("money_movement", "refund_id"),
    ("subscription_period", "invoice_id"),
)


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for table, column in COLUMNS:
            op.execute(f"drop index concurrently if exists ix_{table}_{column}")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table, column in COLUMNS:
            op.execute(f"create index concurrently if not exists ix_{table}_{column} on {table} (clinic_id, {column})")
