"""What Stripe, PhonePe and PayPal need beside Razorpay."""

from __future__ import annotations

revision = "20261121_gateways"
down_revision = "20261121_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Nothing yet."""


def downgrade() -> None:
    """Nothing yet."""
