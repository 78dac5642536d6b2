"""Plans, subscriptions, their periods, and the visits that they cover. New tables only: nothing is rewritten."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_subscriptions"
down_revision = "20261121_gateways"
branch_labels = None
depends_on = None

TABLES = ("coverage", "subscription_period", "subscription", "plan")


def upgrade() -> None:
    run_statements(__file__)


def downgrade() -> None:
    for table in TABLES:
        op.execute(f"drop table {table}")
