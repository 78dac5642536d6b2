"""API of paying: a visit (SPEC 20) or an invoice, through the clinic's gateway or at the desk."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.billing.api.bodies import NewPayment, PartBody, PayBody, PayVisitBody, amount_of
from app.billing.models import Invoice, Receipt
from app.billing.queries import get_invoice
from app.billing.services import (
    begin_invoice_payment,
    begin_payment_of_invoices,
    begin_visit_payment,
    collect_at_desk,
    collect_for_invoices,
)
from app.billing.services.checkout import check_sum
from app.core.api import Api, endpoint
from app.core.errors import Invalid
from app.core.money import Money
from app.core.principal import require
from app.core.transaction import unit_of_work
from app.payments.models import Payment
from app.payments.queries import get_payment
from app.payments.services import start_checkout
from app.scheduling.models import Appointment
from app.scheduling.queries import get_appointment


class CheckoutApi(Api):
    """Paying through a hosted page."""

    openapi_tag = "Payments"

    @endpoint(
        "POST", "/billing/appointments/<id:appointment_id>/process-payment",
        resource="payment", action="create", body=PayVisitBody, status=201, idempotent=True, steps=True,
    )  # fmt: skip
    def pay_visit(self, appointment_id: str, body: PayVisitBody) -> dict[str, Any]:
        """Begin to pay for a visit; the server prices it."""
        with unit_of_work():
            visit = get_appointment(appointment_id)
            if body.appointment_type not in (None, visit.type):
                raise Invalid(fields={"appointmentType": _("The visit is of another type.")})
            amount = amount_of(body.amount, body.currency)
            payment_id = begin_visit_payment(visit, provider=body.provider, amount=amount).id
        return show_checkout(payment_id)

    @endpoint(
        "POST", "/billing/invoices/<id:invoice_id>/pay",
        resource="invoice", action="pay", body=PayBody, status=201, idempotent=True, steps=True,
    )  # fmt: skip
    def pay_invoice(self, invoice_id: str, body: PayBody) -> dict[str, Any]:
        """Begin to pay what is due of an invoice."""
        with unit_of_work():
            amount = amount_of(body.amount, body.currency)
            payment_id = begin_invoice_payment(get_invoice(invoice_id), provider=body.provider, amount=amount).id
        return show_checkout(payment_id)

    @endpoint(
        "POST", "/billing/payments",
        resource="payment", action="create", body=NewPayment, status=201, idempotent=True, steps=True,
    )  # fmt: skip
    def create(self, body: NewPayment) -> dict[str, Any]:
        """Begin to pay for an invoice, a visit or several invoices, or record what the desk took for it."""
        with unit_of_work():
            begun = _several(body, body.allocations) if body.allocations is not None else _one(body)
        return begun if isinstance(begun, dict) else show_checkout(begun)


def _one(body: NewPayment) -> dict[str, Any] | str:
    """What the desk took; or the id of a payment whose page is to be opened."""
    target = _target(body)
    amount = amount_of(body.amount, body.currency)
    if body.tender is not None:
        return _taken(target, body, amount)
    begin: Any = begin_invoice_payment if isinstance(target, Invoice) else begin_visit_payment
    payment_id: str = begin(target, provider=body.provider, amount=amount).id
    return payment_id


def _several(body: NewPayment, parts: list[PartBody]) -> dict[str, Any] | str:
    """As `_one`, for several invoices of one patient. At the desk, `amount` above what is due becomes credit."""
    patients = {get_invoice(part.invoice_id).patient_id for part in parts}
    if len(patients) != 1:
        raise Invalid(fields={"allocations": _("Choose invoices of one patient.")})
    wanted = {
        part.invoice_id: amount_of(part.amount, body.currency, f"allocations.{at}.amount")
        for at, part in enumerate(parts)
    }
    if len(wanted) != len(parts):
        raise Invalid(fields={"allocations": _("Choose invoices of one patient, each once.")})
    amount = amount_of(body.amount, body.currency)
    if body.tender is None:
        payment = begin_payment_of_invoices(patients.pop(), wanted, provider=body.provider)
        check_sum(payment.amount, amount)
        return payment.id
    require("invoice", "mark-paid")
    payment, receipt = collect_for_invoices(patients.pop(), str(body.tender), wanted, amount, body.reference)
    return {**_shown(payment, receipt), "invoiceIds": list(wanted)}


def _target(body: NewPayment) -> Invoice | Appointment:
    if body.invoice_id is not None:
        return get_invoice(body.invoice_id)
    return get_appointment(str(body.appointment_id))


def _taken(target: Invoice | Appointment, body: NewPayment, amount: Money | None) -> dict[str, Any]:
    """All that is due or a part; needs the permission to mark invoices paid."""
    require("invoice", "mark-paid")
    taken = collect_at_desk(target, str(body.tender), amount, body.reference)
    shown = _shown(taken.payment, taken.receipt)
    return {**shown, "invoiceId": taken.invoice.id, "appointmentId": taken.invoice.appointment_id}


def _shown(payment: Payment, receipt: Receipt) -> dict[str, Any]:
    return {
        "id": payment.id,
        "paymentId": payment.id,
        "provider": payment.provider,
        "method": payment.method,
        "status": payment.status,
        "amount": payment.amount.to_json(),
        "currency": payment.currency,
        "receiptNumber": receipt.number,
    }


def show_checkout(payment_id: str) -> dict[str, Any]:
    """Open the hosted page, outside any transaction. After ProviderUnavailable the next try takes up this payment."""
    checkout = start_checkout(payment_id)
    payment: Payment = get_payment(payment_id)
    return {
        "id": payment.id,
        "paymentId": payment.id,
        "invoiceId": payment.invoice_id,
        "appointmentId": payment.appointment_id,
        "provider": checkout.provider,
        "orderId": checkout.order_id,
        "checkoutUrl": checkout.page_url,
        "status": payment.status,
        "amount": payment.amount.to_json(),
        "currency": payment.currency,
    }
