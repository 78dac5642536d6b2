"""Visits in depth."""

from __future__ import annotations

revision = "20261121_visits"
down_revision = "20261121_availability"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
