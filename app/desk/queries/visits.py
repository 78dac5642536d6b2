"""The visits of a day as the front desk reads them: who, when, with whom, how far, and what is due."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Select, func, select

from app.billing.models import PAYABLE, Coverage, CoverageStatus, Invoice, InvoiceStatus
from app.catalog.queries import NoPrice, VisitPrices
from app.catalog.tax import tax_line
from app.core import clock
from app.core.money import Money
from app.core.tenant import db
from app.people.models import Doctor, Patient
from app.queueing.models import QueueToken, TokenStatus
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import local_bounds, local_day, visible
from app.tenancy.queries import settings_in_scope

LATE_AFTER = timedelta(minutes=5)
MOST_VISITS = 500
GONE = (AppointmentStatus.CANCELLED, AppointmentStatus.DECLINED)
EXPECTED = (AppointmentStatus.SCHEDULED, AppointmentStatus.CONFIRMED)
ARRIVING = (AppointmentStatus.REQUESTED, *EXPECTED)
_SENT_ON = TokenStatus.TRANSFERRED  # the visit has another token, where the patient waits now
OWING = (*EXPECTED, AppointmentStatus.CHECKED_IN, AppointmentStatus.IN_PROGRESS, AppointmentStatus.COMPLETED)


Expected = tuple[str, str, str]  # patient, doctor, type of visit

COLUMNS = (
    Appointment.id,
    Appointment.status,
    Appointment.type,
    Appointment.starts_at,
    Appointment.doctor_id,
    Appointment.patient_id,
    Patient.first_name,
    Patient.last_name,
    Patient.created_at.label("registered_at"),
    Doctor.title,
    Doctor.first_name.label("doctor_first_name"),
    Doctor.last_name.label("doctor_last_name"),
    QueueToken.number.label("token"),
    QueueToken.status.label("token_status"),
    Invoice.id.label("invoice_id"),
    Invoice.status.label("invoice_status"),
    Invoice.currency,
    Invoice.total_minor,
    Invoice.paid_minor,
    Invoice.credited_minor,
    Coverage.id.label("coverage_id"),
)


@dataclass(frozen=True, slots=True)
class DayVisit:
    """One line of the day. `due` is None where the visit has no price; `late` counts from the appointed time.

    `covered`: a subscription pays for it. `went`: the patient was checked in and has left the waiting room since.
    """

    id: str
    status: str
    type: str
    starts_at: datetime
    patient_name: str
    doctor_name: str
    token: str | None
    went: bool
    new_patient: bool
    due: Money | None
    settled: bool
    covered: bool
    late: timedelta | None

    @property
    def expected(self) -> bool:
        return self.status in EXPECTED


@dataclass(frozen=True, slots=True)
class Day:
    """The visits of one date of the clinic, and what they add up to. `waiting` counts walk-ins too."""

    on: date
    visits: list[DayVisit]
    waiting: int
    due: Money

    @property
    def next_visit(self) -> DayVisit | None:
        """Where the desk's work goes on: the first who is expected, or the last of the day."""
        expected = (visit for visit in self.visits if visit.status in ARRIVING)
        return next(expected, self.visits[-1] if self.visits else None)


def day_of_visits(on: date, location_id: str | None = None, doctor_id: str | None = None) -> Day:
    """Visits that were not called off, in order of time."""
    rows = db.session.execute(_rows(on, location_id, doctor_id)).all()
    unbilled = [(row.patient_id, row.doctor_id, row.type) for row in rows if row.invoice_id is None]
    prices = expected_totals({item[0] for item in unbilled}, unbilled, on)
    visits = [_visit(row, prices, on) for row in rows]
    currency = settings_in_scope().currency
    owed = [visit.due for visit in visits if visit.due and visit.due.currency == currency]
    return Day(on, visits, _waiting(on, location_id, doctor_id), Money.total(owed, currency))


def _waiting(on: date, location_id: str | None, doctor_id: str | None) -> int:
    wanted = select(func.count()).where(QueueToken.queued_on == on, QueueToken.status == TokenStatus.WAITING)
    equal = {QueueToken.location_id: location_id, QueueToken.doctor_id: doctor_id}
    return db.session.scalar(wanted.where(*(column == value for column, value in equal.items() if value))) or 0


def _rows(on: date, location_id: str | None, doctor_id: str | None) -> Select[Any]:
    first, last = local_bounds(on, on)
    wanted = (
        select(*COLUMNS)
        .join(Patient, Patient.id == Appointment.patient_id)
        .join(Doctor, Doctor.id == Appointment.doctor_id)
        .outerjoin(QueueToken, (QueueToken.appointment_id == Appointment.id) & (QueueToken.status != _SENT_ON))
        .outerjoin(Invoice, (Invoice.appointment_id == Appointment.id) & (Invoice.status != InvoiceStatus.VOID))
        .outerjoin(Coverage, (Coverage.appointment_id == Appointment.id) & (Coverage.status != CoverageStatus.RETURNED))
        .where(Appointment.starts_at >= first, Appointment.starts_at < last, Appointment.status.not_in(GONE))
        .order_by(Appointment.starts_at, Appointment.id)
        .limit(MOST_VISITS)
    )
    equal = {Appointment.location_id: location_id, Appointment.doctor_id: doctor_id}
    return visible(wanted.where(*(column == value for column, value in equal.items() if value)))


def expected_totals(patient_ids: Iterable[str], wanted: Iterable[Expected], on: date) -> dict[Expected, Money | None]:
    """What visits that are not billed yet will cost with tax `on` that date; None where there is no price."""
    before, asked = _last_visits(set(patient_ids)), set(wanted)
    prices = VisitPrices((doctor_id, type) for _patient_id, doctor_id, type in asked)
    priced: dict[tuple[str, str, date | None], Money | None] = {}
    totals = {}
    for patient_id, doctor_id, type in asked:
        key = doctor_id, type, before.get((patient_id, doctor_id))
        if key not in priced:
            priced[key] = _total(prices, *key, on)
        totals[patient_id, doctor_id, type] = priced[key]
    return totals


def _last_visits(patient_ids: set[str]) -> dict[tuple[str, str], date]:
    """The date of each patient's last visit to each doctor: it decides about the follow-up price."""
    if not patient_ids:
        return {}
    wanted = (
        select(Appointment.patient_id, Appointment.doctor_id, func.max(Appointment.starts_at))
        .where(Appointment.patient_id.in_(patient_ids), Appointment.status == AppointmentStatus.COMPLETED)
        .group_by(Appointment.patient_id, Appointment.doctor_id)
    )
    return {(row[0], row[1]): local_day(row[2]) for row in db.session.execute(wanted)}


def _total(prices: VisitPrices, doctor_id: str, type: str, visited_on: date | None, on: date) -> Money | None:
    try:
        price = prices.price_of_visit(doctor_id, type, visited_on=visited_on, on=on)
    except NoPrice:
        return None
    return tax_line(price.unit_price, price.tax).gross


def _visit(row: Any, prices: dict[Expected, Money | None], on: date) -> DayVisit:
    return DayVisit(
        id=row.id,
        status=row.status,
        type=row.type,
        starts_at=row.starts_at,
        patient_name=f"{row.first_name} {row.last_name}".strip(),
        doctor_name=f"{row.title} {row.doctor_last_name or row.doctor_first_name}".strip(),
        token=row.token,
        went=row.status == AppointmentStatus.CHECKED_IN and row.token_status == TokenStatus.LEFT,
        new_patient=row.registered_at >= local_bounds(on, on)[0],
        due=_due(row, prices),
        settled=row.invoice_id is not None and row.invoice_status not in PAYABLE,
        covered=_covered(row),
        late=lateness(row.status, row.starts_at),
    )


def _due(row: Any, prices: dict[Expected, Money | None]) -> Money | None:
    """What is to be collected: of the invoice, a draft included, or by the price list; nothing if it is covered."""
    if _covered(row):
        return Money.zero(settings_in_scope().currency)
    if row.invoice_id is None:
        return prices[row.patient_id, row.doctor_id, row.type] if row.status in OWING else None
    if row.invoice_status not in PAYABLE:
        return Money.zero(row.currency)
    return Money(row.total_minor - row.paid_minor - row.credited_minor, row.currency)


def _covered(row: Any) -> bool:
    """What was billed beside the cover is owed."""
    return row.coverage_id is not None and row.invoice_id is None


def lateness(status: str, starts_at: datetime) -> timedelta | None:
    """How late somebody is who has not come yet; None within the first minutes."""
    late = clock.now() - starts_at
    return late if status in EXPECTED and late >= LATE_AFTER else None
