"""API of what a booking costs and what cancelling would, before anybody decides (SPEC SCH-9)."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.billing.services.covered import was_covered
from app.core.api import Api, Body, endpoint
from app.core.api_values import Day, Id
from app.core.principal import own_patient_id
from app.people.models import AppointmentType
from app.people.queries import get_doctor, get_patient
from app.scheduling.models import AppointmentStatus
from app.scheduling.queries import get_appointment
from app.scheduling.services.terms import booking_terms, find_terms
from app.tenancy.queries import settings_in_scope


class TermsQuery(Body):
    type: AppointmentType = AppointmentType.IN_PERSON
    date: Day | None = Field(None, description="The visit's day: a follow-up may cost less.")
    patient_id: Id | None = Field(None, description="Whose follow-up days count; a patient's own if left out.")


class TermsApi(Api):
    """Price, deposit and fees."""

    openapi_tag = "Appointments"

    @endpoint("GET", "/doctors/<id:doctor_id>/booking-terms", resource="service", action="read", query=TermsQuery)
    def booking(self, doctor_id: str, query: TermsQuery) -> dict[str, Any]:
        """What such a visit costs with tax, the deposit that confirms it when patients book it themselves, and the
        fees for cancelling late or not coming; 0 where nothing is asked, 409 NO_PRICE without a price.
        """
        patient_id = get_patient(query.patient_id).id if query.patient_id else own_patient_id()
        return booking_terms(get_doctor(doctor_id).id, query.type, patient_id, query.date).to_json()

    @endpoint("GET", "/appointments/<id:appointment_id>/cancellation-terms", resource="appointment", action="read")
    def cancelling(self, appointment_id: str) -> dict[str, Any]:
        """What the patient would owe for cancelling this visit now, and for not coming."""
        visit = get_appointment(appointment_id)
        charged = visit.status != AppointmentStatus.REQUESTED and not was_covered(visit.id)
        terms = find_terms(visit) if charged else None
        if terms is None:
            return {"cancelFee": 0, "noShowFee": 0, "lateFrom": None, "currency": settings_in_scope().currency}
        return {
            "cancelFee": terms.fee_now(visit.starts_at).to_json(),
            "noShowFee": terms.no_show_fee.to_json(),
            "lateFrom": terms.late_from(visit.starts_at),
            "currency": terms.price.currency,
        }
