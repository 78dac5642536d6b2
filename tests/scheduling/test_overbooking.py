"""Visits beside a taken slot: with permission and a reason only, on record, and a normal visit again once moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.errors import Forbidden
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment
from app.scheduling.queries import history_of, lock_appointment
from app.scheduling.services import SlotTaken, book_appointment, reschedule
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

TEN, NOON = local(tomorrow(), 10), local(tomorrow(), 12)
REASON = "Walked in with a fever"


def beside(visit: Appointment, acting: Callable[..., Any], role: str = "DOCTOR") -> Appointment:
    with acting(role), unit_of_work():
        return book_appointment(
            patient_id=make_patient().id,
            doctor_id=visit.doctor_id,
            type="IN_PERSON",
            starts_at=visit.starts_at,
            overbook_reason=REASON,
        )


def move(visit: Appointment, to: Any, **more: Any) -> None:
    with unit_of_work():
        reschedule(lock_appointment(visit.id), to, **more)


def test_it_needs_the_permission_and_leaves_its_reason_everywhere(acting: Callable[..., Any]) -> None:
    first = make_appointment(starts_at=TEN)
    with pytest.raises(Forbidden):
        beside(first, acting, "RECEPTIONIST")
    second = beside(first, acting)
    assert (second.overbooked, second.overbook_reason, history_of(second.id)[0].reason) == (True, REASON, REASON)
    entries = db.session.scalars(select(AuditEntry).where(AuditEntry.entity_id == second.id)).all()
    assert any(REASON in str(entry.changes) for entry in entries)


def test_moved_to_a_free_slot_it_keeps_others_away_again(acting: Callable[..., Any]) -> None:
    second = beside(make_appointment(starts_at=TEN), acting)
    move(second, NOON)
    assert (second.overbooked, second.overbook_reason, second.starts_at) == (False, "", NOON)
    doctor = second.doctor
    with pytest.raises(SlotTaken):
        make_appointment(doctor, starts_at=NOON)


def test_moved_to_a_taken_slot_it_needs_a_reason_anew(acting: Callable[..., Any]) -> None:
    second = beside(make_appointment(starts_at=TEN), acting)
    make_appointment(second.doctor, starts_at=NOON)
    with pytest.raises(SlotTaken):
        move(second, NOON)
    db.session.rollback()
    assert (second.starts_at, second.overbooked) == (TEN, True)
    with acting("RECEPTIONIST"), pytest.raises(Forbidden):
        move(second, NOON, overbook_reason="Asked for noon")
    with acting("CLINIC_ADMIN"):
        move(second, NOON, overbook_reason="Asked for noon")
    assert (second.starts_at, second.overbooked, history_of(second.id)[-1].reason) == (NOON, True, "Asked for noon")


def test_a_plain_visit_moves_beside_another_by_api(caller: Callable[..., Any]) -> None:
    visit = make_appointment(make_open_doctor(), starts_at=TEN)
    make_appointment(visit.doctor, starts_at=NOON)
    wanted = {"startsAt": NOON.isoformat(), "overbookReason": "Comes from far away"}
    assert caller("RECEPTIONIST").post(f"/appointments/{visit.id}/reschedule", json=wanted).status_code == 403
    moved = caller("DOCTOR").post(f"/appointments/{visit.id}/reschedule", json=wanted)
    assert (moved.status_code, moved.json["overbooked"], moved.json["startsAt"]) == (200, True, NOON.isoformat())
    assert make_appointment(visit.doctor, starts_at=NOON + timedelta(minutes=15)).overbooked is False
