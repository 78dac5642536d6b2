"""Discount limits, patient credit, write-offs, payment plans."""

from __future__ import annotations

revision = "20261121_invoicing"
down_revision = "20261121_subscriptions"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
