"""Background work that can be seen."""

from __future__ import annotations

revision = "20261121_job_runs"
down_revision = "20261121_delivery"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
