"""Visits on a subscription: the quota is spent and returned in the visit's own transaction, under a row lock.

The period in which a visit is booked pays for it, whenever it is held. Callers commit. Locks: visit, invoice,
subscription.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.billing.events import AppointmentBooked, PaidAppointmentCancelled
from app.billing.models import COVERING, Coverage, CoverageStatus, Subscription, SubscriptionStatus
from app.billing.services.checkout import AlreadyPaid
from app.billing.services.covered import find_coverage
from app.billing.services.invoices import lock_invoice, void_invoice
from app.billing.services.subscription_locks import lock_row
from app.billing.services.visits import find_invoice_of_visit
from app.core import clock
from app.core.errors import Conflict
from app.core.ids import new_id
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish
from app.scheduling.models import Appointment, AppointmentStatus, CancelReason
from app.scheduling.queries import lock_appointment
from app.scheduling.services import confirm_appointment
from app.tenancy.queries import settings_in_scope

COVERABLE = (
    AppointmentStatus.REQUESTED,
    AppointmentStatus.SCHEDULED,
    AppointmentStatus.CONFIRMED,
    AppointmentStatus.CHECKED_IN,
)
# A late cancellation for one of these is not the patient's doing.
CLINICS_REASONS = frozenset({CancelReason.DOCTOR_UNAVAILABLE, CancelReason.CLINIC_CLOSED, CancelReason.BOOKED_IN_ERROR})


class Refusal(StrEnum):
    """Why a subscription does not pay for a visit."""

    PAYMENT_DUE = "PAYMENT_DUE"
    NOT_ACTIVE = "NOT_ACTIVE"
    PERIOD_OVER = "PERIOD_OVER"
    TYPE_NOT_COVERED = "TYPE_NOT_COVERED"
    QUOTA_EXHAUSTED = "QUOTA_EXHAUSTED"
    ENDS_BEFORE_VISIT = "ENDS_BEFORE_VISIT"


WORDS = {
    Refusal.PAYMENT_DUE: lazy_gettext("The subscription is not paid."),
    Refusal.NOT_ACTIVE: lazy_gettext("The subscription has ended."),
    Refusal.PERIOD_OVER: lazy_gettext("The paid period is over."),
    Refusal.TYPE_NOT_COVERED: lazy_gettext("The plan does not cover this kind of visit."),
    Refusal.QUOTA_EXHAUSTED: lazy_gettext("All visits of this period are used."),
    Refusal.ENDS_BEFORE_VISIT: lazy_gettext("The subscription ends before this visit."),
}


class NotCovered(Conflict):
    """The subscription does not pay for the visit; the code is a Refusal."""


class AlreadyCovered(Conflict):
    """Another subscription pays for the visit."""

    code = "ALREADY_COVERED"


@dataclass(frozen=True)
class Returned:
    """A visit that was called off, and whether its place in the quota came back."""

    coverage: Coverage
    appointment: Appointment

    @property
    def returned(self) -> bool:
        return self.coverage.status == CoverageStatus.RETURNED


def refusal_of(subscription: Subscription, appointment_type: str, starts_at: datetime | None = None) -> Refusal | None:
    """Why it does not pay for a visit of that type, if it does not."""
    if subscription.status == SubscriptionStatus.PAST_DUE:
        return Refusal.PAYMENT_DUE
    ends = subscription.period_ends_at
    if subscription.status not in COVERING or ends is None:
        return Refusal.NOT_ACTIVE
    if ends <= clock.now():
        return Refusal.PERIOD_OVER
    if not subscription.plan.covers(appointment_type):
        return Refusal.TYPE_NOT_COVERED
    if subscription.remaining is not None and subscription.remaining <= 0:
        return Refusal.QUOTA_EXHAUSTED
    after_the_end = starts_at is not None and subscription.ending and starts_at >= ends
    return Refusal.ENDS_BEFORE_VISIT if after_the_end else None


def cover_visit(subscription_id: str, appointment_id: str) -> Coverage:
    """Let the subscription pay for a visit; confirms a SCHEDULED one. Safe to repeat.

    An unpaid invoice of the visit is void. Raises NotFound, NotCovered, AlreadyCovered, AlreadyPaid, WrongState.
    """
    visit = lock_appointment(appointment_id)
    known = find_coverage(visit.id)
    if known is not None:
        return _same(known, subscription_id)
    if visit.status not in COVERABLE:
        raise WrongState(_("This visit cannot be booked on a subscription any more."), status=str(visit.status))
    _drop_invoice(visit)
    subscription = lock_row(subscription_id)
    _check(subscription, visit)
    subscription.used += 1
    coverage = Coverage(
        id=new_id(),
        subscription_id=subscription.id,
        appointment_id=visit.id,
        period_number=subscription.period_number,
        status=CoverageStatus.COVERED,
        counted=True,
    )
    db.session.add(coverage)
    db.session.flush()
    if visit.status == AppointmentStatus.SCHEDULED:
        confirm_appointment(visit)
    publish(AppointmentBooked(appointment_id=visit.id, subscription_id=subscription.id))
    return coverage


def _same(known: Coverage, subscription_id: str) -> Coverage:
    if known.subscription_id != subscription_id:
        raise AlreadyCovered(_("Another subscription pays for this visit."), subscriptionId=known.subscription_id)
    return known


def _drop_invoice(visit: Appointment) -> None:
    invoice = find_invoice_of_visit(visit.id)
    if invoice is None:
        return
    invoice = lock_invoice(invoice.id)
    if invoice.paid_minor or invoice.credited_minor:
        raise AlreadyPaid(_("This visit is paid for."), invoiceId=invoice.id)
    void_invoice(invoice, _("A subscription covers the visit."))


def _check(subscription: Subscription, visit: Appointment) -> None:
    if visit.patient_id != subscription.patient_id:
        raise NotCovered(_("The subscription belongs to another patient."), code="OTHER_PATIENT")
    refusal = refusal_of(subscription, visit.type, visit.starts_at)
    if refusal is not None:
        raise NotCovered(WORDS[refusal], code=str(refusal), remaining=subscription.remaining)


def settle_coverage(appointment_id: str, reason: str) -> None:
    """A covered visit was called off: its place comes back, once; too late, by the clinic's rule, it is used up.

    The visit is locked by who called it off.
    """
    coverage = find_coverage(appointment_id)
    if coverage is None or coverage.status != CoverageStatus.COVERED:
        return
    subscription = lock_row(coverage.subscription_id)
    db.session.refresh(coverage)  # a renewal may have closed its period meanwhile
    late = _too_late(db.session.get_one(Appointment, appointment_id), reason)
    coverage.status = CoverageStatus.FORFEITED if late else CoverageStatus.RETURNED
    coverage.settled_at = clock.now()
    if coverage.counted and not late:
        coverage.counted = False
        subscription.used -= 1
    db.session.flush()
    publish(
        PaidAppointmentCancelled(
            appointment_id=appointment_id, subscription_id=subscription.id, quota_returned=not late
        )
    )


def _too_late(visit: Appointment, reason: str) -> bool:
    hours = settings_in_scope().late_cancel_hours
    if not hours or reason in CLINICS_REASONS:
        return False
    return clock.now() > visit.starts_at - timedelta(hours=hours)


def confirm_if_covered(appointment_id: str) -> None:
    """An approved visit that waits for money waits for nothing."""
    visit = lock_appointment(appointment_id)
    if visit.status == AppointmentStatus.SCHEDULED and find_coverage(visit.id) is not None:
        confirm_appointment(visit)


def last_coverage(appointment_id: str) -> Coverage | None:
    """What pays for the visit, or paid for it until it was called off."""
    wanted = select(Coverage).where(Coverage.appointment_id == appointment_id)
    return db.session.scalar(wanted.order_by(Coverage.id.desc()).limit(1))
