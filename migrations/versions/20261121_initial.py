"""The schema of the first release: tables, constraints, policies, triggers and grants."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_initial"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The statements are frozen in a file beside this one; later migrations change what they made."""
    run_statements(__file__)


def downgrade() -> None:
    """There is nothing before the first release."""
    connection = op.get_bind()
    connection.exec_driver_sql("drop schema public cascade")
    connection.exec_driver_sql("create schema public")
