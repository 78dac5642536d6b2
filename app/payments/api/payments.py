"""Payments: lists, notes, capture, void."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from flask_babel import gettext as _
from pydantic import ConfigDict, Field
from sqlalchemy import select, text

from app.access.models import Member
from app.core.api import Api, Body, ListQuery, endpoint
from app.core.cache.regions import USER_PAYMENTS
from app.core.errors import Invalid, NotFound
from app.core.health import database_answers, redis_answers
from app.core.paging import is_first_page, page
from app.core.principal import own_location_id, own_patient_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments import services
from app.payments.api.shapes import PAYMENT_COLUMNS, amount_of, checked_id, show_payment
from app.payments.models import Payment, PaymentStatus
from app.payments.queries import get_payment, payment_metrics, visible_payments
from app.payments.services.health import gateway_health
from app.tenancy.cache import kept

# By the table's name, as the foreign key refers to it: the slice of people lies above. Row-level security narrows it.
_KNOWN_PATIENT = text("select coalesce(merged_into_id, id) from patient where id = :id")


class PaymentQuery(ListQuery):
    status: PaymentStatus | None = None
    provider: str | None = Field(None, max_length=30)
    patient_id: str | None = None
    invoice_id: str | None = None
    appointment_id: str | None = None
    since: datetime | None = Field(None, description="Made at or after this moment.")
    until: datetime | None = Field(None, description="Made before this moment.")


class PaymentChanges(Body):
    """A status or a sum cannot be set: anything else is refused."""

    model_config = ConfigDict(extra="forbid")

    reference: str | None = Field(None, max_length=80)
    notes: str | None = Field(None, max_length=2000)


class CaptureBody(Body):
    amount: Decimal | None = Field(None, description="In major units; by default what is reserved.")
    final: bool = Field(True, description="Whether the rest of the reservation is let go.")


class MetricsQuery(Body):
    days: int = Field(30, ge=1, le=366)


class PaymentApi(Api):
    """Payments and refunds of the clinic; a PATIENT sees their own."""

    openapi_tag = "Payments"

    @endpoint("GET", "/billing/payments", resource="payment", action="read", query=PaymentQuery)
    def payments(self, query: PaymentQuery) -> dict[str, Any]:
        """Payments, the newest first."""
        own = own_patient_id()
        return _patient_page(own, query) if own is not None else _payment_page(_payments(), query)

    @endpoint("GET", "/billing/payments/user/<id:user_id>", resource="payment", action="read", query=PaymentQuery)
    def payments_of_user(self, user_id: str, query: PaymentQuery) -> dict[str, Any]:
        """Payments of a user or patient, the newest first."""
        return _patient_page(_patient_of(user_id), query)

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
            amount = amount_of(body.amount, get_payment(payment_id).currency)
        services.capture_payment(payment_id, amount, final=body.final)
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

    @endpoint("GET", "/payments/metrics", resource="analytics", action="read", query=MetricsQuery)
    def metrics(self, query: MetricsQuery) -> dict[str, Any]:
        """Success rate, volume, value, refunds and revenue (by the ledger, without tax) of the last days."""
        return payment_metrics(timedelta(days=query.days))

    @endpoint("GET", "/payments/health", public=True)
    def health(self) -> dict[str, Any]:
        """Whether database, Redis and gateways answer."""
        checks = {"database": database_answers(), "redis": redis_answers()}
        gateways = gateway_health()
        well = all(checks.values()) and "down" not in gateways.values()
        return {"status": "ok" if well else "degraded", **checks, "gateways": gateways}


def _payments() -> Any:
    return select(*PAYMENT_COLUMNS)


def _patient_page(patient_id: str, query: PaymentQuery) -> dict[str, Any]:
    """A patient's payments; the cache keeps the first page, as whoever sees the whole clinic sees it."""

    def load() -> dict[str, Any]:
        return _payment_page(_payments().where(Payment.patient_id == patient_id), query)

    if not is_first_page(query) or own_location_id() is not None:
        return load()
    answer: dict[str, Any] = kept(USER_PAYMENTS, f"{patient_id}:{query.limit}", load, part=patient_id)
    return answer


def _payment_page(wanted: Any, query: PaymentQuery) -> dict[str, Any]:
    wanted = visible_payments(wanted)
    for name in ("patient_id", "invoice_id", "appointment_id"):
        value = getattr(query, name)
        if value is not None:
            wanted = wanted.where(getattr(Payment, name) == checked_id(value, name))
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


def _patient_of(user_id: str) -> str:
    """The patient whom a user is in this clinic; staff may give a patient's own id. A PATIENT's other is 404."""
    patient_id = db.session.scalar(select(Member.patient_id).where(Member.user_id == user_id)) or user_id
    known = db.session.scalar(_KNOWN_PATIENT, {"id": patient_id})
    if own_patient_id() not in (None, patient_id) or known is None:
        raise NotFound
    return str(known)
