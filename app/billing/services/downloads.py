"""Short-lived signed links to an invoice's document: whoever has one may read that invoice, and nothing else."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _

from app.billing.models import Invoice
from app.billing.services.files import file_name
from app.core import clock
from app.core.crypto import LinkExpired, LinkInvalid, Signer
from app.core.errors import Forbidden, NotFound
from config import get_settings

PURPOSE = "invoice-download"
VALID_FOR = timedelta(minutes=15)


def download_url(invoice: Invoice) -> str:
    subject = f"{invoice.clinic_id}:{invoice.id}"
    token = _signer().sign_link(PURPOSE, subject, clock.now() + VALID_FOR)
    return f"{get_settings().base_url}/api/v1/billing/invoices/download/{file_name(invoice)}?token={token}"


def read_download_token(token: str) -> tuple[str, str]:
    """The clinic and the invoice. Raises NotFound for what we did not sign, Forbidden for what is over."""
    try:
        clinic_id, _colon, invoice_id = _signer().verify_link(PURPOSE, token, now=clock.now()).partition(":")
    except LinkInvalid:
        raise NotFound from None
    except LinkExpired:
        raise Forbidden(_("This link has expired."), code="LINK_EXPIRED") from None
    return clinic_id, invoice_id


def _signer() -> Signer:
    return Signer(get_settings().secret_key.get_secret_value().encode())
