"""Long work that people order and watch, and webhooks to the clinics' own systems."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_job_runs"
down_revision = "20261121_delivery"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Events may be many: their index is built while everybody goes on publishing."""
    run_statements(__file__)
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_event_with_payload",
            "event",
            ["occurred_at"],
            postgresql_where="payload is not null",
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    """Runs, their problems, endpoints and their log are lost; what was done stays done."""
    with op.get_context().autocommit_block():
        op.drop_index("ix_event_with_payload", postgresql_concurrently=True)
    for table in ("job_problem", "job_run", "webhook_delivery", "webhook_endpoint"):
        op.drop_table(table)
