"""Settlements, exceptions, disputes and fraud holds."""

from __future__ import annotations

revision = "20261121_reconciliation"
down_revision = "20261121_cash_desk"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
