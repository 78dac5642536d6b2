"""API of cheques that the bank gave back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from app.billing.api.bodies import ReasonBody, amount_of
from app.billing.queries import invoices_of_payment
from app.billing.services.returned_cheques import return_cheque, undo_return
from app.core.api import Api, Body, endpoint
from app.payments.models import Refund
from app.payments.queries import get_payment


class ReturnedChequeBody(Body):
    reason: str = Field(min_length=1, max_length=300, description="As the bank tells it.")
    was_at_bank: bool = Field(False, description="It had been entered as arrived at the bank, which took it back.")
    charge: Decimal | None = Field(None, description="What the bank takes for it, in the clinic's currency.")


class UndoReturnBody(ReasonBody):
    keep_charge: bool = Field(False, description="The bank keeps what it took for the return.")


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

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/cheque-returned/undo",
        resource="payment", action="refund", body=UndoReturnBody, idempotent=True,
    )  # fmt: skip
    def undo(self, payment_id: str, body: UndoReturnBody) -> dict[str, Any]:
        """Another cheque was meant, or the bank paid it after all: it pays again what is still owed of what it paid."""
        get_payment(payment_id)
        payment = undo_return(payment_id, body.reason, keep_charge=body.keep_charge)
        return {
            "paymentId": payment.id,
            "status": payment.status,
            "amount": payment.captured.to_json(),
            "currency": payment.currency,
            "invoices": _invoices(payment_id),
        }


def _shown(refund: Refund) -> dict[str, Any]:
    return {
        "refundId": refund.id,
        "paymentId": refund.payment_id,
        "status": refund.status,
        "amount": refund.amount.to_json(),
        "currency": refund.currency,
        "reason": refund.reason,
        "invoices": _invoices(refund.payment_id),
    }


def _invoices(payment_id: str) -> list[dict[str, Any]]:
    return [
        {"id": invoice.id, "number": invoice.number, "status": invoice.status, "due": invoice.amount_due.to_json()}
        for invoice in invoices_of_payment(payment_id)
    ]
