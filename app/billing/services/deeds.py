"""Money that is taken at the desk counts once: a form names its payment before it is there, and the form that is sent
a second time finds what the first one took.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import Receipt
from app.billing.services.receipts import find_receipt, parts_of
from app.core.errors import Conflict
from app.core.money import Money
from app.core.tenant import db


class FormSentAlready(Conflict):
    """The form took another sum, or for another patient, when it was sent before."""

    code = "FORM_SENT_ALREADY"


def taken_before(payment_id: str | None, patient_id: str, total: Money | None) -> Receipt | None:
    """The receipt of what `payment_id` names, if it was taken; whoever takes it just now is waited for.

    Raises FormSentAlready.
    """
    if payment_id is None:
        return None
    key = f"desk-deed:{payment_id}"
    db.session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 0))))
    receipt = find_receipt(payment_id)
    if receipt is not None and (receipt.patient_id != patient_id or total not in (None, _taken(receipt))):
        raise FormSentAlready(_("This form took money already. Load the page again."))
    return receipt


def _taken(receipt: Receipt) -> Money:
    parts = parts_of(receipt)
    return Money.total((part.amount for part in parts), parts[0].currency)
