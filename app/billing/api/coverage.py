"""API of visits on a subscription (SPEC BIL-3, SCH-4)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.api.subscription_bodies import BookOnSubscription, CanBookQuery, CancelVisitBody
from app.billing.api.subscription_shapes import show_booked, show_visit_row
from app.billing.models import Coverage, Subscription
from app.billing.services.coverage import NotCovered, cover_visit, last_coverage, refusal_of
from app.billing.services.renewals import pending_invoice
from app.billing.subscription_queries import covering_subscriptions, get_subscription, visit_rows
from app.catalog.queries import NoPrice, price_of_visit
from app.catalog.tax import tax_line
from app.core.api import Api, ListQuery, endpoint
from app.core.errors import Conflict, Invalid
from app.core.money import Money
from app.core.paging import page
from app.core.principal import own_patient_id
from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import lock_appointment
from app.scheduling.services import book_appointment, cancel_as_told

SUBSCRIPTION = "/billing/subscriptions/<id:subscription_id>"


class CoverageApi(Api):
    """Visits that a subscription pays for."""

    openapi_tag = "Subscriptions"

    @endpoint("GET", f"{SUBSCRIPTION}/can-book-appointment", resource="subscription", action="can-book",
              query=CanBookQuery)  # fmt: skip
    def can_book(self, subscription_id: str, query: CanBookQuery) -> dict[str, Any]:
        """Whether the subscription pays for such a visit now; if not, why, and what is to be paid instead."""
        subscription = get_subscription(subscription_id)
        refusal = refusal_of(subscription, query.appointment_type)
        instead = _instead(subscription, query) if refusal is not None else None
        return {
            "allowed": refusal is None,
            "requiresPayment": refusal is not None,
            "paymentAmount": instead.to_json() if instead is not None else (0 if refusal is None else None),
            "currency": subscription.currency,
            "remaining": subscription.remaining,
            "reason": refusal,
        }

    @endpoint("POST", f"{SUBSCRIPTION}/book-appointment/<id:appointment_id>", resource="subscription",
              action="book-appointment", idempotent=True)  # fmt: skip
    def book(self, subscription_id: str, appointment_id: str) -> dict[str, Any]:
        """Let the subscription pay for a visit that is booked; it needs no payment and is confirmed."""
        get_subscription(subscription_id)
        return _booked(cover_visit(subscription_id, appointment_id))

    @endpoint("POST", "/billing/subscriptions/cancel-appointment/<id:appointment_id>", resource="subscription",
              action="cancel-appointment", body=CancelVisitBody, idempotent=True)  # fmt: skip
    def cancel(self, appointment_id: str, body: CancelVisitBody) -> dict[str, Any]:
        """Cancel a covered visit; its place in the quota comes back, once."""
        visit = lock_appointment(appointment_id)
        if last_coverage(visit.id) is None:
            raise Conflict(_("No subscription pays for this visit."), code="NOT_COVERED")
        if visit.status != AppointmentStatus.CANCELLED:
            cancel_as_told(visit, body.reason, body.note)
        coverage = last_coverage(visit.id)
        assert coverage is not None
        return _booked(coverage)

    @endpoint("GET", f"{SUBSCRIPTION}/appointments", resource="subscription", action="read", query=ListQuery)
    def appointments(self, subscription_id: str, query: ListQuery) -> dict[str, Any]:
        """Visits booked on the subscription, the last booked first; `coverage` says whether it still pays."""
        rows = visit_rows(get_subscription(subscription_id).id)
        return page(rows, [Coverage.created_at, Coverage.id], query, show_visit_row, descending=True)

    @endpoint("POST", "/appointments/subscriptions", resource="subscription", action="book-appointment",
              body=BookOnSubscription, status=201, idempotent=True)  # fmt: skip
    def book_at_once(self, body: BookOnSubscription) -> dict[str, Any]:
        """Book a slot on a subscription in one call; without a place in the quota nothing is booked."""
        subscription = _subscription_of(body)
        values = body.model_dump(exclude={"subscription_id", "patient_id"})
        visit = book_appointment(patient_id=body.patient_id or subscription.patient_id, **values)
        answer = _booked(cover_visit(subscription.id, visit.id))
        return {"id": visit.id, **answer}


def _booked(coverage: Coverage) -> dict[str, Any]:
    subscription = db.session.get_one(Subscription, coverage.subscription_id)
    return show_booked(subscription, coverage, db.session.get_one(Appointment, coverage.appointment_id))


def _subscription_of(body: BookOnSubscription) -> Subscription:
    """The one that is named, or the patient's that covers such a visit. Raises NotFound, Invalid, NotCovered."""
    if body.subscription_id is not None:
        return get_subscription(body.subscription_id)
    patient_id = body.patient_id or own_patient_id()
    if patient_id is None:
        raise Invalid(fields={"subscriptionId": _("Say which subscription, or for whom the visit is.")})
    found = covering_subscriptions(patient_id, body.type)
    if not found:
        raise NotCovered(_("No subscription of the patient covers this visit."), code="NOT_COVERED")
    return found[0]


def _instead(subscription: Subscription, query: CanBookQuery) -> Money | None:
    """What is owed for the subscription, or else what the visit costs with tax; None where nobody can tell yet."""
    invoice = pending_invoice(subscription)
    if invoice is not None and subscription.past_due_since is not None:
        return invoice.amount_due
    doctor_id = query.doctor_id or _any_doctor(query.appointment_type)
    try:
        price = price_of_visit(doctor_id, query.appointment_type) if doctor_id else None
    except NoPrice:
        return None
    return tax_line(price.unit_price, price.tax).gross if price is not None else None


def _any_doctor(appointment_type: str) -> str | None:
    """Whose price stands for all where no doctor is named: the first one's who offers such visits."""
    wanted = select(Doctor.id).where(Doctor.active.is_(True), Doctor.types.contains([appointment_type]))
    return db.session.scalar(wanted.order_by(Doctor.id).limit(1))
