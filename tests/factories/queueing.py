"""Tokens, committed to the clinic in scope."""

from __future__ import annotations

from typing import Any

from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import Kiosk, PriorityClass, QueueToken, WaitingBoard
from app.queueing.services import arrive, issue_walk_in
from app.queueing.services.screens import make_link
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


def make_kiosk(location: Location, **overrides: Any) -> tuple[Kiosk, str]:
    """A kiosk with a link, and the path of its page."""
    kiosk = Kiosk(**{"id": new_id(), "name": "Front door", "location_id": location.id, **overrides})
    with unit_of_work():
        db.session.add(kiosk)
        address = make_link(kiosk)
    return kiosk, "/kiosk/" + address.rpartition("/")[2]


def make_waiting_board(location: Location, **overrides: Any) -> tuple[WaitingBoard, str]:
    """A board with a link, and the token of it."""
    board = WaitingBoard(**{"id": new_id(), "name": "Left of the door", "location_id": location.id, **overrides})
    with unit_of_work():
        db.session.add(board)
        address = make_link(board)
    return board, address.rpartition("/")[2]
