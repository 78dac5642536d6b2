"""Public links by which an invoice is paid."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.billing.models.invoice import Invoice
from app.billing.models.payment_plan import Instalment
from app.core import clock
from app.core.formatting import moment, plain
from app.core.models import AwareTime, TenantModel, tenant_reference, tenant_relationship


class PayLink(TenantModel):
    """A public, expiring way to pay one invoice. Only the hash of its token is kept."""

    __tablename__ = "pay_link"
    __table_args__ = (UniqueConstraint("token_hash", name="uq_pay_link_token"),)
    __secret_columns__ = frozenset({"token_hash"})

    invoice_id: Mapped[str] = tenant_reference("invoice")
    # Asks for what is open of this instalment instead of all that is due.
    instalment_id: Mapped[str | None] = tenant_reference("instalment", nullable=True)
    token_hash: Mapped[str] = mapped_column(String(64), nullable=False)
    expires_at: Mapped[datetime] = mapped_column(AwareTime, nullable=False)
    # When somebody last went on to the hosted page by it.
    used_at: Mapped[datetime | None] = mapped_column(AwareTime)
    revoked_at: Mapped[datetime | None] = mapped_column(AwareTime)
    # On a document (as a QR code) or sent by somebody.
    printed: Mapped[bool] = mapped_column(Boolean, nullable=False, default=False)

    __located_through__ = "invoice"

    invoice: Mapped[Invoice] = tenant_relationship("Invoice", "PayLink.invoice_id", viewonly=True)
    instalment: Mapped[Instalment | None] = tenant_relationship("Instalment", "PayLink.instalment_id", viewonly=True)

    @property
    def link_status(self) -> str:
        if self.revoked_at is not None:
            return "VOID"
        return "ACTIVE" if self.expires_at > clock.now() else "EXPIRED"

    def __str__(self) -> str:
        return plain(moment(self.created_at))
