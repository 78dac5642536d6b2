"""API of payments and refunds, and the address of the gateways' webhooks."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask import request
from flask_babel import gettext as _
from pydantic import ConfigDict, Field
from sqlalchemy import select

from app.access.models import Member
from app.core.api import Api, Body, ListQuery, endpoint, read_raw
from app.core.errors import Invalid, NotFound
from app.core.health import database_answers, redis_answers
from app.core.ids import is_id
from app.core.money import InvalidAmount, Money
from app.core.paging import page
from app.core.principal import may, own_patient_id
from app.core.tenant import current_clinic_id, db
from app.core.transaction import unit_of_work
from app.payments import services
from app.payments.models import ORIGINAL, Payment, PaymentStatus, Refund, RefundStatus
from app.payments.queries import get_payment, get_refund, payment_metrics
from app.payments.services.health import gateway_health
from app.payments.services.webhooks import BODY_LIMIT

PAYMENT_COLUMNS = (
    Payment.id,
    Payment.status,
    Payment.amount_minor,
    Payment.captured_minor,
    Payment.refunded_minor,
    Payment.currency,
    Payment.provider,
    Payment.method,
    Payment.reference,
    Payment.notes,
    Payment.patient_id,
    Payment.invoice_id,
    Payment.appointment_id,
    Payment.order_id,
    Payment.failure_code,
    Payment.created_at,
    Payment.completed_at,
)
REFUND_COLUMNS = (
    Refund.id,
    Refund.status,
    Refund.amount_minor,
    Refund.currency,
    Refund.payment_id,
    Refund.reason,
    Refund.destination,
    Refund.external,
    Refund.error_text,
    Refund.created_at,
    Refund.settled_at,
)


class PaymentQuery(ListQuery):
    status: PaymentStatus | None = None
    provider: str | None = Field(None, max_length=30)
    patient_id: str | None = None
    invoice_id: str | None = None
    appointment_id: str | None = None
    since: datetime | None = Field(None, description="Made at or after this moment.")
    until: datetime | None = Field(None, description="Made before this moment.")


class RefundQuery(ListQuery):
    status: RefundStatus | None = None
    payment_id: str | None = None


class PaymentChanges(Body):
    """A status or a sum cannot be set: anything else is refused."""

    model_config = ConfigDict(extra="forbid")

    reference: str | None = Field(None, max_length=80)
    notes: str | None = Field(None, max_length=2000)


class CaptureBody(Body):
    amount: Decimal | None = Field(None, description="In major units; by default what is reserved.")


class RefundBody(Body):
    amount: Decimal | None = Field(None, description="In major units; by default all that is left.")
    currency: str | None = Field(None, description="If given, it must be the payment's.")
    reason: str = Field(min_length=1, max_length=300)
    destination: str = Field(ORIGINAL, description="Another tender than the original needs a second person.")


class DecisionBody(Body):
    note: str = Field("", max_length=300)


class CallbackBody(Body):
    payment_id: str
    order_id: str | None = None
    provider: str | None = None


class MetricsQuery(Body):
    days: int = Field(30, ge=1, le=366)


class PaymentApi(Api):
    """Payments and refunds of the clinic; a PATIENT sees their own."""

    openapi_tag = "Payments"

    @endpoint("GET", "/billing/payments", resource="payment", action="read", query=PaymentQuery)
    def payments(self, query: PaymentQuery) -> dict[str, Any]:
        """Payments, the newest first."""
        return _payment_page(_payments(), query)

    @endpoint("GET", "/billing/payments/user/<id:user_id>", resource="payment", action="read", query=PaymentQuery)
    def payments_of_user(self, user_id: str, query: PaymentQuery) -> dict[str, Any]:
        """Payments of a user or patient, the newest first."""
        return _payment_page(_payments().where(Payment.patient_id == _patient_of(user_id)), query)

    @endpoint("GET", "/billing/payments/<id:payment_id>", resource="payment", action="read")
    def payment(self, payment_id: str) -> dict[str, Any]:
        """A payment."""
        return show_payment(get_payment(payment_id))

    @endpoint("PUT", "/billing/payments/<id:payment_id>", resource="payment", action="update", body=PaymentChanges)
    def change(self, payment_id: str, body: PaymentChanges) -> dict[str, Any]:
        """Change reference and notes."""
        payment = get_payment(payment_id)
        return show_payment(services.change_payment(payment, reference=body.reference, notes=body.notes))

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/capture",
        resource="payment", action="capture", body=CaptureBody, steps=True, idempotent=True,
    )  # fmt: skip
    def capture(self, payment_id: str, body: CaptureBody) -> dict[str, Any]:
        """Take a reserved amount."""
        with unit_of_work():
            amount = _amount(body.amount, get_payment(payment_id).currency)
        services.capture_payment(payment_id, amount)
        return show_payment(get_payment(payment_id))

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/void",
        resource="payment", action="void", steps=True, idempotent=True,
    )  # fmt: skip
    def void(self, payment_id: str) -> dict[str, Any]:
        """Give up a payment that nobody made."""
        with unit_of_work():
            get_payment(payment_id)
        services.void_payment(payment_id)
        return show_payment(get_payment(payment_id))

    @endpoint(
        "POST", "/billing/payments/<id:payment_id>/refund",
        resource="payment", action="request-refund", body=RefundBody, status=201, steps=True, idempotent=True,
    )  # fmt: skip
    def refund(self, payment_id: str, body: RefundBody) -> dict[str, Any]:
        """Refund; it waits for approval where the role or the clinic's rule wants a second person."""
        with unit_of_work():
            payment = get_payment(payment_id)
            amount = _amount(body.amount, body.currency or payment.currency)
            refund = services.request_refund(payment, amount, body.reason, destination=body.destination)
            refund_id = refund.id
            if may("payment", "refund") and services.may_decide(refund):
                services.approve_refund(refund, wake=False)
        services.send_refund(refund_id)
        return show_refund(get_refund(refund_id))

    @endpoint("GET", "/billing/refunds", resource="refund", action="read", query=RefundQuery)
    def refunds(self, query: RefundQuery) -> dict[str, Any]:
        """Refunds, the newest first."""
        wanted: Any = select(*REFUND_COLUMNS)
        own = own_patient_id()
        if own is not None:
            wanted = wanted.join(Payment, Payment.id == Refund.payment_id).where(Payment.patient_id == own)
        if query.status:
            wanted = wanted.where(Refund.status == query.status)
        if query.payment_id:
            wanted = wanted.where(Refund.payment_id == _id(query.payment_id, "paymentId"))
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

    @endpoint("POST", "/billing/payments/callback", body=CallbackBody, steps=True)
    def callback(self, body: CallbackBody) -> dict[str, Any]:
        """Ask the gateway how a payment stands."""
        return _asked(body)

    @endpoint("GET", "/payments/metrics", resource="analytics", action="read", query=MetricsQuery)
    def metrics(self, query: MetricsQuery) -> dict[str, Any]:
        """Success rate, volume, value and refunds of the last days."""
        return payment_metrics(timedelta(days=query.days))

    @endpoint("GET", "/payments/health", public=True)
    def health(self) -> dict[str, Any]:
        """Whether database, Redis and gateways answer."""
        checks = {"database": database_answers(), "redis": redis_answers()}
        gateways = gateway_health()
        well = all(checks.values()) and "down" not in gateways.values()
        return {"status": "ok" if well else "degraded", **checks, "gateways": gateways}


class PaymentHookApi(Api):
    """What gateways and returning apps call; outside /api/v1, as their addresses are fixed."""

    route_base = "/api/payments"
    openapi_tag = "Payments"

    @endpoint("POST", "/callback", query=CallbackBody, steps=True)
    def callback(self, query: CallbackBody) -> dict[str, Any]:
        """Ask the gateway how a payment stands."""
        if request.args.get("clinicId", current_clinic_id()) != current_clinic_id():
            raise NotFound
        return _asked(query)

    @endpoint("POST", "/<gateway>/webhook", public=True, steps=True)
    def webhook(self, gateway: str) -> dict[str, Any]:
        """Take a gateway's webhook: verified over its raw bytes, stored, processed by a worker."""
        clinic_id = request.args.get("clinicId", "")
        if not is_id(clinic_id):
            raise NotFound
        raw = read_raw(BODY_LIMIT)
        services.receive_webhook(gateway, clinic_id, raw, dict(request.headers), address=request.remote_addr)
        return {"received": True}


def show_payment(row: Any) -> dict[str, Any]:
    """SPEC 20's shape, of a Payment or of a row of PAYMENT_COLUMNS."""
    return {
        "id": row.id,
        "status": row.status,
        "amount": _major(row.amount_minor, row.currency),
        "capturedAmount": _major(row.captured_minor, row.currency),
        "refundedAmount": _major(row.refunded_minor, row.currency),
        "currency": row.currency,
        "provider": row.provider,
        "method": row.method or None,
        "reference": row.reference,
        "notes": row.notes,
        "patientId": row.patient_id,
        "invoiceId": row.invoice_id,
        "appointmentId": row.appointment_id,
        "orderId": row.order_id,
        "failureCode": row.failure_code or None,
        "createdAt": row.created_at.isoformat(),
        "completedAt": row.completed_at.isoformat() if row.completed_at else None,
    }


def show_refund(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "amount": _major(row.amount_minor, row.currency),
        "currency": row.currency,
        "paymentId": row.payment_id,
        "reason": row.reason,
        "destination": row.destination,
        "external": row.external,
        "failure": row.error_text or None,
        "createdAt": row.created_at.isoformat(),
        "settledAt": row.settled_at.isoformat() if row.settled_at else None,
    }


def _major(minor: int, currency: str) -> int | float:
    return Money(minor, currency).to_json()


def _amount(value: Decimal | None, currency: str) -> Money | None:
    if value is None:
        return None
    try:
        return Money.parse(value, currency)
    except InvalidAmount as error:
        raise Invalid(_("Please check the amount."), fields={"amount": str(error)}) from None


def _payments() -> Any:
    return select(*PAYMENT_COLUMNS)


def _payment_page(wanted: Any, query: PaymentQuery) -> dict[str, Any]:
    own = own_patient_id()
    if own is not None:
        wanted = wanted.where(Payment.patient_id == own)
    for name in ("patient_id", "invoice_id", "appointment_id"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(getattr(Payment, name) == _id(value, name))
    for name in ("status", "provider"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(getattr(Payment, name) == value)
    wanted = _within(wanted, query)
    return page(wanted, [Payment.created_at, Payment.id], query, show_payment, descending=True)


def _within(wanted: Any, query: PaymentQuery) -> Any:
    for name in ("since", "until"):
        moment = getattr(query, name)
        if moment is not None and moment.tzinfo is None:
            raise Invalid(fields={name: _("A time needs an offset.")})
    if query.since is not None:
        wanted = wanted.where(Payment.created_at >= query.since)
    if query.until is not None:
        wanted = wanted.where(Payment.created_at < query.until)
    return wanted


def _id(value: str, name: str) -> str:
    if not is_id(value):
        raise Invalid(fields={name: _("This is not an id.")})
    return value


def _patient_of(user_id: str) -> str:
    """The patient whom a user is in this clinic; staff may give a patient's own id. A PATIENT's other is 404."""
    patient_id = db.session.scalar(select(Member.patient_id).where(Member.user_id == user_id)) or user_id
    if own_patient_id() not in (None, patient_id):
        raise NotFound
    return patient_id


def _asked(query: CallbackBody) -> dict[str, Any]:
    """The named order and provider must be the payment's: they are only there to be checked."""
    if not is_id(query.payment_id):
        raise NotFound
    with unit_of_work():
        payment = get_payment(query.payment_id)
        if query.order_id not in (None, payment.order_id) or query.provider not in (None, payment.provider):
            raise NotFound
    services.ask_gateway(query.payment_id)
    return show_payment(get_payment(query.payment_id))
