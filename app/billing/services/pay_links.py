"""Public pay links: no log-in, not guessable, expiring (SPEC BIL-9). Callers commit."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _
from sqlalchemy import select, update

from app.billing.models import Instalment, Invoice, InvoiceStatus, PayLink
from app.billing.services.checkout import AlreadyPaid
from app.core import clock
from app.core.errors import AppError, Conflict, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.public_links import hash_of, new_token
from app.core.tenant import db
from app.tenancy.queries import settings_in_scope
from config import get_settings


class LinkOver(AppError):
    """410: the link was ours; it expired or was replaced."""

    status = 410
    code = "LINK_EXPIRED"


def make_pay_link(
    invoice: Invoice, *, printed: bool = False, instalment: Instalment | None = None
) -> tuple[PayLink, str]:
    """A link for an open invoice, or one instalment of it, and its address: known now and never again.

    Raises Conflict, AlreadyPaid.
    """
    if invoice.number is None:
        raise Conflict(_("A draft has no pay link; open it first."), code="INVOICE_NOT_OPEN")
    if not invoice.amount_due:
        raise AlreadyPaid(_("Nothing is due."), status=invoice.status)
    token = new_token()
    link = PayLink(
        id=new_id(),
        invoice_id=invoice.id,
        instalment_id=instalment.id if instalment is not None else None,
        token_hash=hash_of(token),
        expires_at=clock.now() + timedelta(days=settings_in_scope().pay_link_days),
        printed=printed,
    )
    db.session.add(link)
    db.session.flush()
    return link, address_of(token)


def address_of(token: str) -> str:
    return f"{get_settings().base_url}/pay/{token}"


def pay_link_of_token(token: str) -> PayLink:
    """The link of a token of the clinic in scope. Raises NotFound, LinkOver."""
    link = db.session.scalar(select(PayLink).where(PayLink.token_hash == hash_of(token)))
    if link is None:
        raise NotFound
    if link.revoked_at is not None or link.expires_at <= clock.now():
        message, code = _why_over(link)
        raise LinkOver(message, code=code)
    return link


def _why_over(link: PayLink) -> tuple[str, str]:
    """In words, and by what code: settled and called-off invoices take their links with them."""
    status = link.invoice.status
    if status == InvoiceStatus.PAID:
        return _("This invoice is paid. Thank you, there is nothing left to do."), "INVOICE_PAID"
    if status == InvoiceStatus.VOID:
        return _("This invoice was cancelled. There is nothing to pay."), "INVOICE_VOID"
    if status == InvoiceStatus.WRITTEN_OFF:
        return _("This invoice is closed. Please ask the clinic if you want to pay it."), "INVOICE_CLOSED"
    return _("This link has expired. Please ask the clinic for a new one."), "LINK_EXPIRED"


def amount_of_link(link: PayLink) -> Money:
    """What it asks for: all that is due of the invoice, or what is open of the instalment."""
    due = link.invoice.amount_due
    return min(due, link.instalment.outstanding) if link.instalment is not None else due


def revoke_links(invoice_id: str) -> None:
    """The links of an invoice lead nowhere from now on."""
    live = update(PayLink).where(PayLink.invoice_id == invoice_id, PayLink.revoked_at.is_(None))
    db.session.execute(live.values(revoked_at=clock.now()))
