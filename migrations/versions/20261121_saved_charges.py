"""Saved instruments that are charged without their owner: instalments and subscriptions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261121_saved_charges"
down_revision = "20261121_job_runs"
branch_labels = None
depends_on = None

COLUMNS = (
    ("payment", "saved_method_id"),
    ("payment_plan", "autopay_method_id"),
    ("subscription", "autopay_method_id"),
)
KINDS = "'CREATE_ORDER', 'CAPTURE', 'VOID', 'REFUND', 'FETCH'"


def upgrade() -> None:
    """Columns are empty, checks and keys are validated apart and indexes made beside writers."""
    for table, column in COLUMNS:
        op.add_column(table, sa.Column(column, sa.Uuid(as_uuid=False), nullable=True))
        op.execute(
            f"alter table {table} add constraint fk_{table}_{column} foreign key (clinic_id, {column}) "
            "references payment_method (clinic_id, id) not valid"
        )
    _check(f"{KINDS}, 'CHARGE'")
    with op.get_context().autocommit_block():
        op.execute("alter table payment_operation validate constraint ck_payment_operation_kind")
        for table, column in COLUMNS:
            op.execute(f"alter table {table} validate constraint fk_{table}_{column}")
            op.execute(f"create index concurrently ix_{table}_{column} on {table} (clinic_id, {column})")


def downgrade() -> None:
    """Charges that were made keep their payments; what is still to be charged is not."""
    op.execute("delete from payment_operation where kind = 'CHARGE'")
    _check(KINDS)
    for table, column in COLUMNS:
        op.drop_column(table, column)


def _check(kinds: str) -> None:
    op.execute("alter table payment_operation drop constraint ck_payment_operation_kind")
    op.execute(
        f"alter table payment_operation add constraint ck_payment_operation_kind check (kind in ({kinds})) not valid"
    )
