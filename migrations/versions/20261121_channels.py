"""What the messaging providers tell."""

from __future__ import annotations

revision = "20261121_channels"
down_revision = "20261121_patient_merge"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
