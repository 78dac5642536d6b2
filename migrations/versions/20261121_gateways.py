"""What Stripe, PhonePe and PayPal need beside Razorpay: captures in parts, voids, and pages told once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261121_gateways"
down_revision = "20261121_initial"
branch_labels = None
depends_on = None

KINDS = "kind in ('CREATE_ORDER', 'CAPTURE', 'VOID', 'REFUND', 'FETCH')"
KINDS_BEFORE = "kind in ('CREATE_ORDER', 'CAPTURE', 'REFUND', 'FETCH')"


def upgrade() -> None:
    """A constant default rewrites nothing; the wider check is validated under a lock that lets everybody write."""
    op.add_column("payment_operation", sa.Column("final", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.add_column("payment", sa.Column("page_url", sa.Text()))
    _allow(KINDS)


def downgrade() -> None:
    """Voids are forgotten: the gateway knows of them."""
    op.execute("delete from payment_operation where kind = 'VOID'")
    _allow(KINDS_BEFORE)
    op.drop_column("payment", "page_url")
    op.drop_column("payment_operation", "final")


def _allow(kinds: str) -> None:
    op.execute("alter table payment_operation drop constraint ck_payment_operation_kind")
    op.execute(f"alter table payment_operation add constraint ck_payment_operation_kind check ({kinds}) not valid")
    op.execute("alter table payment_operation validate constraint ck_payment_operation_kind")
