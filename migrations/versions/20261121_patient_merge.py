"""Patients that are one person."""

from __future__ import annotations

revision = "20261121_patient_merge"
down_revision = "20261121_queue"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
