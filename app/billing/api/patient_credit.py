"""API of patients' money that settles nothing yet: balance, deposits, its use for invoices, its way back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import AliasChoices, Field

from app.billing.api.bodies import AmountBody, ReasonBody, amount_of
from app.billing.api.checkout import show_checkout
from app.billing.queries import get_invoice, patient_of_user
from app.billing.services import apply_credit, begin_deposit, credit_balance, refund_credit, take_deposit
from app.billing.services.patient_credit import free_payments
from app.core.api import Api, Body, endpoint
from app.core.api_values import Id
from app.core.errors import NotFound
from app.core.principal import own_patient_id
from app.core.transaction import unit_of_work
from app.payments.models import TenderKind
from app.people.queries import find_patient

CREDIT = "/billing/credit/<id:user_id>"


class DepositBody(Body):
    """With a `tender` it is taken at the desk, without one on the gateway's hosted page."""

    patient_id: Id
    amount: Decimal
    currency: str | None = None
    tender: TenderKind | None = Field(None, validation_alias=AliasChoices("tender", "method"))
    reference: str = Field("", max_length=80)
    provider: str | None = Field(None, max_length=30)


class ApplyBody(AmountBody):
    invoice_ids: list[Id] | None = Field(None, min_length=1, max_length=100, description="By default the oldest first.")


class RefundCreditBody(ReasonBody):
    amount: Decimal | None = Field(None, description="By default all of it.")
    currency: str | None = None


class PatientCreditApi(Api):
    """Patients' credit. What lies in it comes from the ledger."""

    openapi_tag = "Patient credit"

    @endpoint("GET", CREDIT, resource="patient_credit", action="read")
    def credit(self, user_id: str) -> dict[str, Any]:
        """The balance of a user or patient, and the payments in which it lies."""
        return _shown(_visible_patient(user_id))

    @endpoint(
        "POST", "/billing/deposits",
        resource="patient_credit", action="create", body=DepositBody, status=201, idempotent=True, steps=True,
    )  # fmt: skip
    def deposit(self, body: DepositBody) -> dict[str, Any]:
        """Take money in advance, for no invoice."""
        with unit_of_work():
            if find_patient(body.patient_id) is None:
                raise NotFound
            amount = amount_of(body.amount, body.currency)
            assert amount is not None
            if body.tender is not None:
                payment, receipt = take_deposit(body.patient_id, str(body.tender), amount, body.reference)
                balance = credit_balance(body.patient_id)
                return {
                    "paymentId": payment.id,
                    "receiptNumber": receipt.number,
                    "amount": amount.to_json(),
                    "currency": amount.currency,
                    "balance": balance.to_json(),
                }
            payment_id = begin_deposit(body.patient_id, amount, provider=body.provider).id
        return show_checkout(payment_id)

    @endpoint("POST", f"{CREDIT}/apply", resource="patient_credit", action="apply", body=ApplyBody, idempotent=True)
    def apply(self, user_id: str, body: ApplyBody) -> dict[str, Any]:
        """Settle invoices out of the credit: the named ones in this order, else the oldest first."""
        patient_id = _visible_patient(user_id)
        for invoice_id in body.invoice_ids or ():
            get_invoice(invoice_id)
        applied = apply_credit(patient_id, body.invoice_ids, amount_of(body.amount, body.currency))
        rows = [
            {"paymentId": item.payment_id, "invoiceId": item.invoice_id, "amount": item.amount.to_json()}
            for item in applied
        ]
        return {"applied": rows, **_shown(patient_id)}

    @endpoint(
        "POST", f"{CREDIT}/refund",
        resource="patient_credit", action="refund", body=RefundCreditBody, status=201, idempotent=True,
    )  # fmt: skip
    def refund(self, user_id: str, body: RefundCreditBody) -> dict[str, Any]:
        """Ask for credit to go back to where it came from; each refund waits for its approval."""
        patient_id = _visible_patient(user_id)
        refunds = refund_credit(patient_id, amount_of(body.amount, body.currency), body.reason)
        shown = [{"id": item.id, "status": item.status, "amount": item.amount.to_json()} for item in refunds]
        return {"refunds": shown, **_shown(patient_id)}


def _visible_patient(user_id: str) -> str:
    """A PATIENT sees their own."""
    patient_id, own = patient_of_user(user_id), own_patient_id()
    if own not in (None, patient_id):
        raise NotFound
    return patient_id


def _shown(patient_id: str) -> dict[str, Any]:
    balance, free = credit_balance(patient_id), free_payments(patient_id)
    rows = [
        {
            "paymentId": item.payment.id,
            "free": item.free.to_json(),
            "method": item.payment.method or None,
            "provider": item.payment.provider,
            "completedAt": item.payment.completed_at,
        }
        for item in free
    ]
    return {"patientId": patient_id, "balance": balance.to_json(), "currency": balance.currency, "payments": rows}
