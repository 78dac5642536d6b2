"""What the middle of the front desk shows: a visit, a patient to be booked, a patient to be registered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core import clock
from app.core.ids import new_id
from app.desk.queries.bill import bill_of_visit
from app.desk.queries.people import find_visit_today, patient_facts
from app.desk.queries.slots import bookable_doctors, doctor_day, first_free_day, usual_doctor_id
from app.desk.queries.visits import EXPECTED, lateness
from app.desk.services import SPLIT_WAYS
from app.people.models import AppointmentType, Doctor, Gender, Patient
from app.people.queries import get_doctor
from app.queueing.queries import BOOKED_CLASSES
from app.queueing.services import class_of, may_come_back
from app.scheduling.models import Appointment, AppointmentStatus, CancelReason
from app.scheduling.queries import local_day
from app.scheduling.services.booking import MOVABLE
from app.scheduling.services.terms import cancel_fee, find_booking_terms
from app.tenancy.queries import settings_in_scope

# Whoever comes the evening before is taken in; a visit that is further away was chosen by mistake.
EARLIEST_ARRIVAL = timedelta(hours=24)


@dataclass(frozen=True)
class Pane:
    """A piece for the middle of the page, and the address that shows it again."""

    template: str
    address: str
    context: dict[str, Any]


def visit_pane(visit: Appointment, on: date | None = None) -> Pane:
    """Everything the desk does with one visit. `on` turns the grid of times to another date."""
    visit_day = local_day(visit.starts_at)
    today = clock.today(settings_in_scope().zone)
    movable = visit.status in MOVABLE
    shown_day = "" if visit_day == today else f"&day={visit_day}"
    context = {
        "visit": visit,
        "facts": patient_facts(visit.patient, except_visit_id=visit.id),
        "bill": bill_of_visit(visit),
        "times": doctor_day(visit.doctor, visit.type, on or visit_day, visit=visit) if movable else None,
        "late": lateness(visit.status, visit.starts_at),
        "checks_in": visit.status in EXPECTED
        and visit_day >= today
        and visit.starts_at <= clock.now() + EARLIEST_ARRIVAL,
        "comes_back": may_come_back(visit),
        "classes": BOOKED_CLASSES,
        "usual_class": class_of(visit.patient),
        "missed": visit.status in EXPECTED and visit.starts_at <= clock.now(),
        "cancels": visit.can_become(AppointmentStatus.CANCELLED),
        "fee": cancel_fee(visit),
        "cancel_reasons": [reason for reason in CancelReason if reason != CancelReason.UNPAID],
        "split_ways": SPLIT_WAYS,
        "key": new_id(),
    }
    return Pane("desk/parts/visit.html", f"/desk/?visit={visit.id}{shown_day}", context)


def patient_pane(patient: Patient, location_id: str | None, *, book: bool = False) -> Pane:
    """The patient's visit of today; without one, or to `book` another, the booking form."""
    visit = None if book else find_visit_today(patient.id)
    if visit is not None:
        return visit_pane(visit)
    doctors = bookable_doctors(location_id)
    chosen = usual_doctor_id(patient.id, doctors)
    context = {
        "facts": patient_facts(patient),
        "doctors": doctors,
        "choice": booking_choice(patient.id, get_doctor(chosen), location_id=location_id) if chosen else None,
        "key": new_id(),
    }
    return Pane("desk/parts/book.html", f"/desk/?patient={patient.id}", context)


def booking_choice(
    patient_id: str, doctor: Doctor, *, type: str | None = None, on: date | None = None, location_id: str | None = None
) -> dict[str, Any]:
    """The part of the booking form that follows the doctor: types, times, price."""
    offered = [item for item in AppointmentType if item in doctor.types]
    chosen = type if type in offered else str(offered[0]) if offered else AppointmentType.IN_PERSON.value
    day = on or first_free_day(doctor.id, chosen, location_id)
    terms = find_booking_terms(doctor.id, chosen, patient_id, day)
    return {
        "doctor": doctor,
        "types": offered,
        "type": chosen,
        "times": doctor_day(doctor, chosen, day, location_id=location_id),
        "terms": terms,
        "total": terms.price if terms else None,
    }


def register_pane() -> Pane:
    return Pane("desk/parts/register.html", "/desk/?register", {"genders": list(Gender), "key": new_id()})
