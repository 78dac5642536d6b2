"""Reconciliations can be stopped, and keep how far they got."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "20261121_stop_reconciliation"
down_revision = "20261121_token_class"
branch_labels = None
depends_on = None

BEFORE = "'PLANNED', 'DONE', 'FAILED'"


def upgrade() -> None:
    """Validated while everybody works on."""
    op.add_column("reconciliation_run", sa.Column("progress", sa.Integer, nullable=False, server_default="0"))
    op.execute("update reconciliation_run set progress = 100 where status <> 'PLANNED'")
    _allow(f"{BEFORE}, 'CANCELLED'")


def downgrade() -> None:
    """A run that was stopped compared nothing, like one that failed."""
    op.execute("update reconciliation_run set status = 'FAILED', error = 'Stopped.' where status = 'CANCELLED'")
    _allow(BEFORE)
    op.drop_column("reconciliation_run", "progress")


def _allow(statuses: str) -> None:
    name = "ck_reconciliation_run_status"
    op.execute(f"alter table reconciliation_run drop constraint {name}")
    op.execute(f"alter table reconciliation_run add constraint {name} check (status in ({statuses})) not valid")
    with op.get_context().autocommit_block():
        op.execute(f"alter table reconciliation_run validate constraint {name}")
