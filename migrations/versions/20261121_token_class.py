"""Patients whose class changes while they wait: a kind of move."""

from __future__ import annotations

from alembic import op

revision = "20261121_token_class"
down_revision = "20261121_waiting_board"
branch_labels = None
depends_on = None

KINDS_BEFORE = (
    "'ISSUED', 'CALLED', 'RECALLED', 'SKIPPED', 'HELD', 'RETURNED', 'SERVING', 'SERVED', 'LEFT', 'TRANSFERRED', 'UNDONE'"
)
KINDS = KINDS_BEFORE.replace("'UNDONE'", "'RECLASSED', 'UNDONE'")


def upgrade() -> None:
    """Validated while everybody works on."""
    _allow(KINDS)


def downgrade() -> None:
    """Tokens keep the class that they have; that it changed is no longer told."""
    op.execute("delete from queue_move where undoes_id in (select id from queue_move where kind = 'RECLASSED')")
    op.execute("delete from queue_move where kind = 'RECLASSED'")
    _allow(KINDS_BEFORE)


def _allow(kinds: str) -> None:
    op.execute("alter table queue_move drop constraint ck_queue_move_kind")
    op.execute(f"alter table queue_move add constraint ck_queue_move_kind check (kind in ({kinds})) not valid")
    with op.get_context().autocommit_block():
        op.execute("alter table queue_move validate constraint ck_queue_move_kind")
