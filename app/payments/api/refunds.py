"""Refunds: asked for, decided, sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field
from sqlalchemy import select

from app.core.api import Api, Body, ListQuery, endpoint
from app.core.idempotency import repeatable_id
from app.core.paging import page
from app.core.principal import may, own_location_id, own_patient_id
from app.core.transaction import unit_of_work
from app.payments import services
from app.payments.api.shapes import REFUND_COLUMNS, amount_of, checked_id, show_refund
from app.payments.models import ORIGINAL, Payment, Refund, RefundStatus
from app.payments.queries import get_payment, get_refund, visible_payments


class RefundQuery(ListQuery):
    status: RefundStatus | None = None
    payment_id: str | None = None


class RefundBody(Body):
    amount: Decimal | None = Field(None, description="In major units; by default all that is left.")
    currency: str | None = Field(None, description="If given, it must be the payment's.")
    reason: str = Field(min_length=1, max_length=300)
    destination: str = Field(ORIGINAL, description="Another tender than the original needs a second person.")


class DecisionBody(Body):
    note: str = Field("", max_length=300)


class RefundApi(Api):
    """Refunds of the clinic; a PATIENT sees their own."""

    openapi_tag = "Payments"

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/refund",
        resource="payment", action="request-refund", body=RefundBody, status=201, steps=True, idempotent=True,
    )  # fmt: skip
    def refund(self, payment_id: str, body: RefundBody) -> dict[str, Any]:
        """Refund; it waits for approval where the role or the clinic's rule wants a second person."""
        with unit_of_work():
            payment = get_payment(payment_id)
            amount = amount_of(body.amount, body.currency or payment.currency)
            refund = services.request_refund(
                payment, amount, body.reason, destination=body.destination, refund_id=repeatable_id()
            )
            refund_id = refund.id
            undecided = refund.status == RefundStatus.REQUESTED
            if undecided and may("payment", "refund") and services.may_decide(refund):
                services.approve_refund(refund, wake=False)
        services.send_refund(refund_id)
        return show_refund(get_refund(refund_id))

    @endpoint("GET", "/billing/refunds", resource="refund", action="read", query=RefundQuery)
    def refunds(self, query: RefundQuery) -> dict[str, Any]:
        """Refunds, the newest first."""
        wanted: Any = select(*REFUND_COLUMNS)
        if own_patient_id() is not None or own_location_id() is not None:
            wanted = visible_payments(wanted.join(Payment, Payment.id == Refund.payment_id))
        if query.status:
            wanted = wanted.where(Refund.status == query.status)
        if query.payment_id:
            wanted = wanted.where(Refund.payment_id == checked_id(query.payment_id, "paymentId"))
        return page(wanted, [Refund.created_at, Refund.id], query, show_refund, descending=True)

    @endpoint("GET", "/billing/refunds/<id:refund_id>", resource="refund", action="read")
    def one_refund(self, refund_id: str) -> dict[str, Any]:
        """A refund."""
        return show_refund(get_refund(refund_id))

    @endpoint(
        "POST", "/billing/refunds/<id:refund_id>/approve",
        resource="refund", action="approve", body=DecisionBody, steps=True, idempotent=True,
    )  # fmt: skip
    def approve(self, refund_id: str, body: DecisionBody) -> dict[str, Any]:
        """Approve a refund and send it."""
        with unit_of_work():
            services.approve_refund(get_refund(refund_id), body.note, wake=False)
        services.send_refund(refund_id)
        return show_refund(get_refund(refund_id))

    @endpoint("POST", "/billing/refunds/<id:refund_id>/reject", resource="refund", action="reject", body=DecisionBody)
    def reject(self, refund_id: str, body: DecisionBody) -> dict[str, Any]:
        """Decline a refund."""
        return show_refund(services.reject_refund(get_refund(refund_id), body.note))
