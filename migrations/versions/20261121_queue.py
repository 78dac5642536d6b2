"""Queues in depth."""

from __future__ import annotations

revision = "20261121_queue"
down_revision = "20261121_visits"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
