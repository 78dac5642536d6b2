"""API of cheques that the bank gave back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from app.billing.api.bodies import amount_of
from app.billing.queries import invoices_of_payment
from app.billing.services.returned_cheques import return_cheque
from app.core.api import Api, Body, endpoint
from app.payments.models import Refund
from app.payments.queries import get_payment


class ReturnedChequeBody(Body):
    reason: str = Field(min_length=1, max_length=300, description="As the bank tells it.")
    was_at_bank: bool = Field(False, description="It had been entered as arrived at the bank, which took it back.")
    charge: Decimal | None = Field(None, description="What the bank takes for it, in the clinic's currency.")


class ReturnedChequeApi(Api):
    """What such a cheque paid is owed again."""

    openapi_tag = "Payments"

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/cheque-returned",
        resource="payment", action="refund", body=ReturnedChequeBody, status=201, idempotent=True,
    )  # fmt: skip
    def cheque_returned(self, payment_id: str, body: ReturnedChequeBody) -> dict[str, Any]:
        """Record that the bank did not honour a cheque: a refund stands against it, and its invoices are owed again."""
        payment = get_payment(payment_id)
        charge = amount_of(body.charge, field="charge")
        return _shown(return_cheque(payment.id, body.reason, was_at_bank=body.was_at_bank, charge=charge))


def _shown(refund: Refund) -> dict[str, Any]:
    return {
        "refundId": refund.id,
        "paymentId": refund.payment_id,
        "status": refund.status,
        "amount": refund.amount.to_json(),
        "currency": refund.currency,
        "reason": refund.reason,
        "invoices": [
            {"id": invoice.id, "number": invoice.number, "status": invoice.status, "due": invoice.amount_due.to_json()}
            for invoice in invoices_of_payment(refund.payment_id)
        ],
    }
