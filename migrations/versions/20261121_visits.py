"""Visits in depth: follow-ups, reminders, fees, the waiting list, leave, series, calendars."""

from __future__ import annotations

from alembic import op

from migrations.statements import run_statements

revision = "20261121_visits"
down_revision = "20261121_availability"
branch_labels = None
depends_on = None


TABLES = (
    "calendar_feed",
    "series_visit",
    "appointment_series",
    "leave_visit",
    "slot_offer",
    "waiting_list_entry",
    "visit_fee",
    "appointment_reminder",
    "follow_up",
)


def upgrade() -> None:
    """New tables only: the table of visits, which is large, stays as it is."""
    run_statements(__file__)


def downgrade() -> None:
    """The visits stay; what links and reminds of them is gone."""
    for table in TABLES:
        op.drop_table(table)
