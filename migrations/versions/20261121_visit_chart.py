"""What the visit chart counts by, read from the index alone."""

from __future__ import annotations

revision = "20261121_visit_chart"
down_revision = "20261121_payment_methods"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
