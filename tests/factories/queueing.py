"""Tokens, committed to the clinic in scope."""

from __future__ import annotations

from typing import Any

from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import PriorityClass, QueueToken
from app.queueing.services import arrive, issue_walk_in
from app.tenancy.models import Location
from tests.factories.people import make_patient
from tests.factories.scheduling import make_appointment


def make_token(doctor: Doctor, location: Location, **overrides: Any) -> QueueToken:
    """A walk-in's token."""
    values = {"patient_id": overrides.pop("patient_id", None) or make_patient().id, **overrides}
    with unit_of_work():
        return issue_walk_in(doctor.id, location.id, **values)


def make_arrival(priority: PriorityClass = PriorityClass.BOOKED, **visit: Any) -> QueueToken:
    """The token of a booked visit that was checked in."""
    appointment = make_appointment(**visit)
    with unit_of_work():
        return arrive(appointment.id, priority)[1]
