"""People who wait for a slot, committed to the clinic in scope."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.scheduling.models import WaitingListEntry
from app.scheduling.services.waiting import join_waiting_list
from tests.factories.people import make_patient
from tests.factories.scheduling import tomorrow


def make_waiting_list_entry(doctor: Doctor | None = None, **overrides: Any) -> WaitingListEntry:
    """Somebody who takes any time of the next ten days in person, with the doctor or with any."""
    values = {"type": "IN_PERSON", "first_on": tomorrow(), "last_on": tomorrow() + timedelta(days=10), **overrides}
    patient_id = values.pop("patient_id", None) or make_patient().id
    with unit_of_work():
        return join_waiting_list(patient_id=patient_id, doctor_id=doctor.id if doctor else None, **values)
