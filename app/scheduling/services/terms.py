"""What a booking costs and what may come on top, for whoever is about to book or to cancel (SPEC SCH-9).

The same arithmetic charges deposits and fees in billing, so that nobody is told another amount than they owe.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from sqlalchemy import func, select

from app.catalog.queries import NoPrice, VisitPrice, price_of_visit
from app.catalog.tax import tax_line
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.scheduling.models import HOLDING, Appointment, AppointmentStatus
from app.scheduling.queries.slots import local_day
from app.scheduling.services.lifecycle import PREPAID_TYPES
from app.tenancy.queries import settings_in_scope

ALL = 100


@dataclass(frozen=True, slots=True)
class BookingTerms:
    """Amounts with their tax; zero where nothing is asked."""

    price: Money
    # What confirms a visit that patients book themselves: the whole price, a part of it or nothing.
    deposit: Money
    pay_within_minutes: int
    late_cancel_fee: Money
    late_cancel_hours: int
    no_show_fee: Money

    @property
    def fees(self) -> bool:
        """Whether anything may come to be owed for a visit that was not held."""
        return bool(self.late_cancel_fee or self.no_show_fee)

    def late_from(self, starts_at: datetime) -> datetime | None:
        """From when on cancelling a visit of that time costs the fee."""
        return starts_at - timedelta(hours=self.late_cancel_hours) if self.late_cancel_fee else None

    def fee_now(self, starts_at: datetime) -> Money:
        """What cancelling a visit of that time costs now."""
        return self.late_cancel_fee if is_late(starts_at) else Money.zero(self.price.currency)

    def to_json(self) -> dict[str, object]:
        """Hours and minutes are null where what they are about is not asked."""
        return {
            "price": self.price.to_json(),
            "deposit": self.deposit.to_json(),
            "payWithinMinutes": self.pay_within_minutes if self.deposit else None,
            "lateCancelFee": self.late_cancel_fee.to_json(),
            "lateCancelHours": self.late_cancel_hours if self.late_cancel_fee else None,
            "noShowFee": self.no_show_fee.to_json(),
            "currency": self.price.currency,
        }


def booking_terms(doctor_id: str, type: str, patient_id: str | None = None, on: date | None = None) -> BookingTerms:
    """The terms of a visit to the doctor; within the patient's follow-up days of its price. Raises NoPrice."""
    visited = last_visit(patient_id, doctor_id, clock.now()) if patient_id else None
    return _terms(price_of_visit(doctor_id, type, visited_on=visited, on=on), type)


def find_booking_terms(
    doctor_id: str, type: str, patient_id: str | None = None, on: date | None = None
) -> BookingTerms | None:
    """As `booking_terms`; None where there is no price."""
    try:
        return booking_terms(doctor_id, type, patient_id, on)
    except NoPrice:
        return None


def find_terms(visit: Appointment) -> BookingTerms | None:
    """Of a visit that is booked; None where it has no price."""
    day, before = local_day(visit.starts_at), last_visit(visit.patient_id, visit.doctor_id, visit.starts_at)
    try:
        return _terms(price_of_visit(visit.doctor_id, visit.type, visited_on=before, on=day), visit.type)
    except NoPrice:
        return None


def cancel_fee(visit: Appointment) -> Money | None:
    """What cancelling costs now for the patient's own reasons, where no subscription covers the visit."""
    if visit.status not in HOLDING or visit.status == AppointmentStatus.REQUESTED or not is_late(visit.starts_at):
        return None
    terms = find_terms(visit) if settings_in_scope().late_cancel_fee_percent else None
    return terms.late_cancel_fee if terms else None


def last_visit(patient_id: str, doctor_id: str, before: datetime) -> date | None:
    """The day of the patient's last visit to this doctor: it decides about the follow-up price."""
    held = select(func.max(Appointment.starts_at)).where(
        Appointment.patient_id == patient_id,
        Appointment.doctor_id == doctor_id,
        Appointment.status == AppointmentStatus.COMPLETED,
        Appointment.starts_at < before,
    )
    found = db.session.scalar(held)
    return local_day(found) if found else None


def _terms(price: VisitPrice, type: str) -> BookingTerms:
    settings, total = settings_in_scope(), tax_line(price.unit_price, price.tax).gross

    def fee(percent: int) -> Money:
        return tax_line(fee_share(price, percent), price.tax).gross

    return BookingTerms(
        price=total,
        deposit=deposit_of(total, type),
        pay_within_minutes=settings.unpaid_release_minutes,
        late_cancel_fee=fee(settings.late_cancel_fee_percent),
        late_cancel_hours=settings.late_cancel_fee_hours,
        no_show_fee=fee(settings.no_show_fee_percent),
    )


def deposit_of(total: Money, type: str) -> Money:
    """What must have been paid of a visit that its patient booked before it is confirmed."""
    percent = settings_in_scope().deposit_percent
    if not total or not (percent or type in PREPAID_TYPES):
        return Money.zero(total.currency)
    if percent >= ALL or type in PREPAID_TYPES:
        return total
    return max(total.percent(Decimal(percent)), Money(1, total.currency))


def fee_share(price: VisitPrice, percent: int) -> Money:
    """A fee before tax."""
    return price.unit_price.percent(Decimal(percent))


def is_late(starts_at: datetime) -> bool:
    """Whether a visit of that time is cancelled late now, by the clinic's hours."""
    return starts_at - clock.now() < timedelta(hours=settings_in_scope().late_cancel_fee_hours)
