"""The schema of the first release: tables, constraints, policies, triggers and grants."""

from __future__ import annotations

from pathlib import Path

from alembic import op

revision = "20261121_initial"
down_revision = None
branch_labels = None
depends_on = None

DIVIDER = "\n-- statement\n"


def upgrade() -> None:
    """The statements are frozen in a file beside this one; later migrations change what they made."""
    connection = op.get_bind()
    for statement in Path(__file__).with_suffix(".sql").read_text().split(DIVIDER):
        connection.exec_driver_sql(statement.replace("%", "%%"))


def downgrade() -> None:
    """There is nothing before the first release."""
    connection = op.get_bind()
    connection.exec_driver_sql("drop schema public cascade")
    connection.exec_driver_sql("create schema public")
