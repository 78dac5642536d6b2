"""Call cheques that came back by that name: screens tell it by the payment's failure."""

from __future__ import annotations

from alembic import op

revision = "20261122_returned_cheques"
down_revision = "20261122_fewer_indexes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "update payment set failure_code = 'CHEQUE_RETURNED', failure_text = refund.reason from refund"
        " where refund.clinic_id = payment.clinic_id and refund.payment_id = payment.id and refund.external"
        " and refund.status = 'SETTLED' and payment.provider = 'desk'"
    )


def downgrade() -> None:
    op.execute(
        "update payment set failure_code = '', failure_text = ''"
        " where failure_code = 'CHEQUE_RETURNED' and provider = 'desk'"
    )
