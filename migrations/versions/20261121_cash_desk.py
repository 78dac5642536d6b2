"""Drawers, handovers and the day close."""

from __future__ import annotations

revision = "20261121_cash_desk"
down_revision = "20261121_invoicing"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
