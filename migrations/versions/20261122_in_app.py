"""What the bell counts and the page of notifications lists: one person's messages in the console."""

from __future__ import annotations

from alembic import op

revision = "20261122_in_app"
down_revision = "20261121_safe_count"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Messages go on being written meanwhile."""
    with op.get_context().autocommit_block():
        op.execute(
            "create index concurrently ix_message_in_app on message (clinic_id, recipient, created_at, id) "
            "where channel = 'in_app'"
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("drop index concurrently ix_message_in_app")
