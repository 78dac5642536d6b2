"""Endpoints of visits: book, list, move, and every step but check-in, which gives a token (app/queueing)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from app.catalog.queries import NoPrice, VisitPrice
from app.core.api import Api, endpoint
from app.core.errors import Invalid
from app.core.paging import page
from app.core.principal import own_patient_id
from app.scheduling.api.bodies import (
    AppointmentChanges,
    AppointmentQuery,
    Cancellation,
    Explanation,
    Move,
    NewAppointment,
    NewFollowUp,
    NewHold,
)
from app.scheduling.api.shapes import show_appointment, show_follow_up, show_hold, show_row
from app.scheduling.models import Appointment
from app.scheduling.queries import appointment_rows, get_appointment, lock_appointment
from app.scheduling.services import (
    approve_appointment,
    book_appointment,
    book_follow_up,
    cancel_as_told,
    check_seen,
    complete,
    confirm_appointment,
    decline_appointment,
    drop_hold,
    find_visit_before,
    hold_slot,
    no_show,
    price_of_follow_up,
    reschedule,
    start,
    update_notes,
)

VISIT = "/appointments/<id:appointment_id>"


class AppointmentApi(Api):
    """Visits of the active clinic; a PATIENT sees only their own."""

    openapi_tag = "Appointments"

    @endpoint(
        "POST",
        "/appointments",
        resource="appointment",
        action="create",
        body=NewAppointment,
        status=201,
        idempotent=True,
    )
    def book(self, body: NewAppointment) -> dict[str, Any]:
        """Book a slot; 409 SLOT_TAKEN names the next three free slots."""
        values = body.model_dump(exclude={"patient_id"})
        return show_appointment(book_appointment(patient_id=_patient_of(body), **values))

    @endpoint("GET", "/appointments", resource="appointment", action="read", query=AppointmentQuery)
    def appointments(self, query: AppointmentQuery) -> dict[str, Any]:
        """Visits in order of time, by day, period, doctor, patient, location, type or status."""
        rows = appointment_rows(
            first=query.first,
            last=query.last,
            doctor_id=query.doctor_id,
            patient_id=query.patient_id,
            location_id=query.location_id,
            statuses=query.status,
            type=query.type,
        )
        return page(rows, [Appointment.starts_at, Appointment.id], query, show_row, descending=query.order == "desc")

    @endpoint("GET", VISIT, resource="appointment", action="read")
    def appointment(self, appointment_id: str) -> dict[str, Any]:
        """One visit."""
        visit = get_appointment(appointment_id)
        names = {"doctorName": visit.doctor.name, "patientName": visit.patient.name}
        return {**show_appointment(visit), **names, "followUpOf": find_visit_before(visit.id)}

    @endpoint("PUT", VISIT, resource="appointment", action="update", body=AppointmentChanges)
    def update(self, appointment_id: str, body: AppointmentChanges) -> dict[str, Any]:
        """Change the notes, or move the visit."""
        visit = lock_appointment(appointment_id)
        if body.notes is not None:
            update_notes(visit, body.notes)
        if body.starts_at is not None:
            reschedule(visit, body.starts_at, doctor_id=body.doctor_id, location_id=body.location_id)
        elif body.doctor_id or body.location_id:
            raise Invalid(fields={"startsAt": _("Say when the visit is with the other doctor or place.")})
        return show_appointment(visit)

    @endpoint("DELETE", VISIT, resource="appointment", action="cancel", body=Cancellation)
    def delete(self, appointment_id: str, body: Cancellation) -> None:
        """Cancel a visit; its record stays."""
        cancel_as_told(lock_appointment(appointment_id), body.reason, body.note)

    @endpoint("POST", f"{VISIT}/approve", resource="appointment", action="approve")
    def approve(self, appointment_id: str) -> dict[str, Any]:
        """Accept a requested visit."""
        visit = lock_appointment(appointment_id)
        approve_appointment(visit)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/decline", resource="appointment", action="decline", body=Explanation)
    def decline(self, appointment_id: str, body: Explanation) -> dict[str, Any]:
        """Refuse a requested visit."""
        visit = lock_appointment(appointment_id)
        decline_appointment(visit, body.reason)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/confirm", resource="appointment", action="confirm")
    def confirm(self, appointment_id: str) -> dict[str, Any]:
        """Confirm a scheduled visit without waiting for its payment."""
        visit = lock_appointment(appointment_id)
        confirm_appointment(visit)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/reschedule", resource="appointment", action="reschedule", body=Move, idempotent=True)
    def reschedule(self, appointment_id: str, body: Move) -> dict[str, Any]:
        """Move a visit to another slot; 409 SLOT_TAKEN names the next three free slots.

        With `fromStartsAt` or `fromDoctorId` only from there: 409 MOVED_MEANWHILE if somebody else was faster.
        """
        visit = lock_appointment(appointment_id)
        check_seen(visit, body.from_starts_at, body.from_doctor_id)
        reschedule(visit, **body.model_dump(exclude={"from_starts_at", "from_doctor_id"}))
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/cancel", resource="appointment", action="cancel", body=Cancellation)
    def cancel(self, appointment_id: str, body: Cancellation) -> dict[str, Any]:
        """Cancel a visit with a coded reason."""
        visit = lock_appointment(appointment_id)
        cancel_as_told(visit, body.reason, body.note)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/start", resource="appointment", action="start")
    def start(self, appointment_id: str) -> dict[str, Any]:
        """The doctor begins."""
        visit = lock_appointment(appointment_id)
        start(visit)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/complete", resource="appointment", action="complete")
    def complete(self, appointment_id: str) -> dict[str, Any]:
        """The visit is over."""
        visit = lock_appointment(appointment_id)
        complete(visit)
        return show_appointment(visit)

    @endpoint("POST", f"{VISIT}/no-show", resource="appointment", action="no-show", body=Explanation)
    def no_show(self, appointment_id: str, body: Explanation) -> dict[str, Any]:
        """Nobody came; possible once the visit should have begun."""
        visit = lock_appointment(appointment_id)
        no_show(visit, body.reason)
        return show_appointment(visit)

    @endpoint(
        "POST",
        f"{VISIT}/follow-up",
        resource="appointment",
        action="follow-up",
        body=NewFollowUp,
        status=201,
        idempotent=True,
    )
    def follow_up(self, appointment_id: str, body: NewFollowUp) -> dict[str, Any]:
        """Book the visit after this one, linked to it and at the price of follow-ups where the clinic has one."""
        before = lock_appointment(appointment_id)
        made = book_follow_up(before, **body.model_dump())
        return show_follow_up(made, before.id, _price(made, before))

    @endpoint("POST", "/slot-holds", resource="appointment", action="create", body=NewHold, status=201, idempotent=True)
    def hold(self, body: NewHold) -> dict[str, Any]:
        """Keep a slot while a form is filled; it ends by itself."""
        return show_hold(hold_slot(**body.model_dump()))

    @endpoint("DELETE", "/slot-holds/<id:hold_id>", resource="appointment", action="create")
    def drop(self, hold_id: str) -> None:
        """Give a held slot back."""
        drop_hold(hold_id)


def _patient_of(body: NewAppointment) -> str:
    """The patient named; a PATIENT who names nobody is meant themselves."""
    patient_id = body.patient_id or own_patient_id()
    if patient_id is None:
        raise Invalid(fields={"patientId": _("Say for whom the visit is.")})
    return patient_id


def _price(made: Appointment, before: Appointment) -> VisitPrice | None:
    try:
        return price_of_follow_up(made, before)
    except NoPrice:
        return None
