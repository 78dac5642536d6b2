"""Plans and subscriptions."""

from __future__ import annotations

revision = "20261121_subscriptions"
down_revision = "20261121_gateways"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
