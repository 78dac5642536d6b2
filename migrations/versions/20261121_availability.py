"""Doctors' leave as time of its own, and where a home visit goes."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, String

from migrations.statements import run_statements

revision = "20261121_availability"
down_revision = "20261121_visit_chart"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A new table; the column's default is kept in the catalogue and rewrites no row."""
    run_statements(__file__)
    op.add_column("appointment", Column("address", String(400), nullable=False, server_default=""))


def downgrade() -> None:
    """Leave is forgotten: visits can be booked in it again."""
    op.drop_column("appointment", "address")
    op.drop_table("doctor_leave")
