"""Approvals of discounts and write-offs, lines of credit notes, payments over several invoices, plans, bulk runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.statements import run_statements

revision = "20261121_invoicing"
down_revision = "20261121_subscriptions"
branch_labels = None
depends_on = None

TABLES = (
    "bulk_invoice_item",
    "bulk_invoice_run",
    "planned_allocation",
    "credit_note_line",
    "instalment",
    "payment_plan",
    "invoice_approval",
)


def upgrade() -> None:
    """New columns have constant defaults, which PostgreSQL adds without rewriting the table."""
    run_statements(__file__)
    op.add_column("invoice", sa.Column("reminded_days", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("pay_link", sa.Column("instalment_id", sa.Uuid(as_uuid=False), nullable=True))
    op.execute(
        "alter table pay_link add constraint fk_pay_link_instalment_id foreign key (clinic_id, instalment_id) "
        "references instalment (clinic_id, id) not valid"
    )
    op.execute("alter table pay_link validate constraint fk_pay_link_instalment_id")
    with op.get_context().autocommit_block():
        op.execute("create index concurrently ix_pay_link_instalment_id on pay_link (clinic_id, instalment_id)")
        # A refund may now correct several invoices, each by a note of its own.
        op.execute("drop index uq_credit_note_refund")
        op.execute(
            "create unique index concurrently uq_credit_note_refund on credit_note (clinic_id, refund_id, invoice_id) "
            "where refund_id is not null"
        )


def downgrade() -> None:
    op.drop_index("uq_credit_note_refund", "credit_note")
    op.create_index(
        "uq_credit_note_refund", "credit_note", ["clinic_id", "refund_id"], unique=True,
        postgresql_where=sa.text("refund_id is not null"),
    )  # fmt: skip
    op.drop_index("ix_pay_link_instalment_id", "pay_link")
    op.drop_column("pay_link", "instalment_id")
    op.drop_column("invoice", "reminded_days")
    for table in TABLES:
        op.drop_table(table)
