"""How messages are delivered."""

from __future__ import annotations

revision = "20261121_delivery"
down_revision = "20261121_channels"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
