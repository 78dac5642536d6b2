"""Queues in depth: the doctor's pace, transfers, moves that can be taken back, and kiosks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.statements import run_statements

revision = "20261121_queue"
down_revision = "20261121_visits"
branch_labels = None
depends_on = None

KINDS_BEFORE = "'ISSUED', 'CALLED', 'RECALLED', 'SKIPPED', 'HELD', 'RETURNED', 'SERVING', 'SERVED', 'LEFT'"
KINDS = f"{KINDS_BEFORE}, 'TRANSFERRED', 'UNDONE'"
# Table, column and what it refers to.
REFERENCES = (("queue_token", "came_from_id", "queue_token"), ("queue_move", "undoes_id", "queue_move"))


def upgrade() -> None:
    """Constant defaults rewrite nothing; checks and references are validated while everybody works on."""
    run_statements(__file__)
    op.add_column("doctor_queue", sa.Column("usual_seconds", sa.Integer()))
    for name in ("served", "served_seconds"):
        op.add_column("doctor_queue", sa.Column(name, sa.Integer(), nullable=False, server_default="0"))
    op.add_column("queue_token", sa.Column("next_at", sa.DateTime(timezone=True)))
    op.add_column("queue_token", sa.Column("came_from_id", sa.Uuid()))
    op.add_column("queue_move", sa.Column("action_id", sa.Uuid()))
    op.add_column("queue_move", sa.Column("before", postgresql.JSONB()))
    op.add_column("queue_move", sa.Column("undoes_id", sa.Uuid()))
    _allow(KINDS)
    for table, column, target in REFERENCES:
        _refer(table, column, target)
    with op.get_context().autocommit_block():
        for table, column, _target in REFERENCES:
            _index(f"ix_{table}_{column}", table, column)
        _index("uq_queue_token_visit", "queue_token", "appointment_id", "status <> 'TRANSFERRED'")
    op.drop_constraint("uq_queue_token_appointment", "queue_token")


def downgrade() -> None:
    """Transferred patients keep the token of the queue that they went to; what was taken back is no longer told."""
    op.execute("update queue_token set appointment_id = null where status = 'TRANSFERRED'")
    op.execute("delete from queue_move where kind in ('TRANSFERRED', 'UNDONE')")
    _allow(KINDS_BEFORE)
    for name in ("undoes_id", "before", "action_id"):
        op.drop_column("queue_move", name)
    op.drop_index("uq_queue_token_visit", "queue_token")
    op.create_unique_constraint("uq_queue_token_appointment", "queue_token", ["clinic_id", "appointment_id"])
    for name in ("came_from_id", "next_at"):
        op.drop_column("queue_token", name)
    for name in ("served_seconds", "served", "usual_seconds"):
        op.drop_column("doctor_queue", name)
    op.drop_table("kiosk")


def _allow(kinds: str) -> None:
    op.execute("alter table queue_move drop constraint ck_queue_move_kind")
    op.execute(f"alter table queue_move add constraint ck_queue_move_kind check (kind in ({kinds})) not valid")
    op.execute("alter table queue_move validate constraint ck_queue_move_kind")


def _refer(table: str, column: str, target: str) -> None:
    name = f"fk_{table}_{column}"
    op.execute(
        f"alter table {table} add constraint {name} foreign key (clinic_id, {column}) "
        f"references {target} (clinic_id, id) not valid"
    )
    op.execute(f"alter table {table} validate constraint {name}")


def _index(name: str, table: str, column: str, where: str = "") -> None:
    unique = {"unique": True, "postgresql_where": sa.text(where)} if where else {}
    op.create_index(name, table, ["clinic_id", column], postgresql_concurrently=True, **unique)
