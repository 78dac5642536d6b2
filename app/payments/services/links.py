"""Signed addresses of the pages that a payer's browser visits without a log-in."""

from __future__ import annotations

from datetime import timedelta

from app.core import clock
from app.core.crypto import LinkExpired, LinkInvalid, Signer
from app.core.errors import NotFound
from app.core.tenant import require_clinic
from config import get_settings

PURPOSE, SAVED = "payment-page", "saved-method"
VALID_FOR = timedelta(days=3)


def checkout_url(payment_id: str) -> str:
    """Where to send the payer: our page that hands over to the hosted one."""
    return f"{get_settings().base_url}/pay/checkout/{_token(payment_id)}"


def return_url(payment_id: str) -> str:
    """Where the hosted page sends the payer back to."""
    return f"{get_settings().base_url}/pay/return/{_token(payment_id)}"


def saved_url(patient_id: str, account_id: str) -> str:
    """Where the hosted page sends a payer back to who left an instrument there."""
    subject = f"{require_clinic()}:{patient_id}:{account_id}"
    token = _signer().sign_link(SAVED, subject, clock.now() + VALID_FOR)
    return f"{get_settings().base_url}/pay/saved/{token}"


def read_saved_token(token: str) -> tuple[str, str, str]:
    """The clinic, the patient and the account of such a page. Raises NotFound."""
    try:
        clinic_id, patient_id, account_id = _signer().verify_link(SAVED, token, now=clock.now()).split(":")
    except (LinkInvalid, LinkExpired):
        raise NotFound from None
    return clinic_id, patient_id, account_id


def read_token(token: str) -> tuple[str, str]:
    """The clinic and the payment of a page. Raises NotFound for one that is not ours or whose time is over."""
    try:
        clinic_id, _, payment_id = _signer().verify_link(PURPOSE, token, now=clock.now()).partition(":")
    except (LinkInvalid, LinkExpired):
        raise NotFound from None
    return clinic_id, payment_id


def _token(payment_id: str) -> str:
    return _signer().sign_link(PURPOSE, f"{require_clinic()}:{payment_id}", clock.now() + VALID_FOR)


def _signer() -> Signer:
    return Signer(get_settings().secret_key.get_secret_value().encode())
