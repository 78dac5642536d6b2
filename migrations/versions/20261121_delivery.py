"""How messages are delivered: suppressed addresses, a clinic's rules and wording, persons' wishes, what was spent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from migrations.statements import run_statements

revision = "20261121_delivery"
down_revision = "20261121_channels"
branch_labels = None
depends_on = None

TABLES = ("suppressed_address", "communication_rules", "message_preference", "message_spend", "clinic_template")
STATUSES = "'QUEUED', 'SENDING', 'SENT', 'DELIVERED', 'READ', 'FAILED', 'PARKED', 'SUPPRESSED'"
COLUMNS = ("urgency", "send_at", "gathered", "digest_id", "cost_micros")
INDEXES = {
    "ix_message_queued": "message (urgency, next_at) where status = 'QUEUED'",
    "ix_message_digest": "message (clinic_id, digest_id) where digest_id is not null",
    "ix_message_attempt_time": "message_attempt (clinic_id, created_at)",
}


def upgrade() -> None:
    """Constant defaults rewrite nothing; indexes are built and the wider check is validated while people write."""
    run_statements(__file__)
    op.add_column("message", sa.Column("urgency", sa.SmallInteger(), nullable=False, server_default=sa.text("2")))
    op.add_column("message", sa.Column("send_at", sa.DateTime(timezone=True)))
    op.add_column("message", sa.Column("gathered", sa.Boolean(), nullable=False, server_default=sa.text("false")))
    op.add_column("message", sa.Column("digest_id", sa.Uuid()))
    op.add_column("message", sa.Column("cost_micros", sa.BigInteger(), nullable=False, server_default=sa.text("0")))
    _allow(f"{STATUSES}, 'DIGESTED'")
    with op.get_context().autocommit_block():
        for name, place in INDEXES.items():
            op.execute(f"create index concurrently {name} on {place}")


def downgrade() -> None:
    """What was suppressed is sent to again; wording, rules and wishes are forgotten."""
    for name in INDEXES:
        op.drop_index(name)
    op.execute("update message set status = 'SENT' where status = 'DIGESTED'")
    _allow(STATUSES)
    for column in COLUMNS:
        op.drop_column("message", column)
    for table in TABLES:
        op.drop_table(table)


def _allow(statuses: str) -> None:
    op.execute("alter table message drop constraint ck_message_status")
    op.execute(f"alter table message add constraint ck_message_status check (status in ({statuses})) not valid")
    op.execute("alter table message validate constraint ck_message_status")
