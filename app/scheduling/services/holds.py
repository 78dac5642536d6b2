"""Holding a slot while a form is filled. A hold keeps others away; only the visit itself is guaranteed the slot."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, select

from app.core import clock
from app.core.errors import NotFound
from app.core.principal import current_principal
from app.core.tenant import db
from app.scheduling.models import SlotHold
from app.scheduling.services.booking import check_patient
from app.scheduling.services.placing import Overlap, Place, clear_expired_holds, no_overlap_or_rollback
from app.scheduling.services.turns import take_turn
from app.tenancy.queries import settings_in_scope


def hold_slot(
    *, doctor_id: str, type: str, starts_at: datetime, location_id: str | None = None, patient_id: str | None = None
) -> SlotHold:
    """Hold a slot for the clinic's hold time; a person holds one slot of a doctor. Raises Invalid, SlotTaken."""
    if patient_id:
        check_patient(patient_id)
    principal = current_principal()
    take_turn(doctor_id)
    db.session.execute(
        delete(SlotHold).where(SlotHold.doctor_id == doctor_id, SlotHold.held_by_id == principal.user_id)
    )
    place = Place(doctor_id, type, starts_at, location_id)
    slot, seats = place.choose()
    busy = place.busy(slot)
    clear_expired_holds(doctor_id, busy)
    hold = SlotHold(
        doctor_id=doctor_id,
        location_id=slot.location_id,
        patient_id=patient_id,
        held_by_id=principal.user_id,
        type=type,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        busy=busy,
        seats=seats,
        expires_at=clock.now() + timedelta(minutes=settings_in_scope().hold_minutes),
    )
    try:
        with no_overlap_or_rollback():
            db.session.add(hold)
            db.session.flush()
    except Overlap:
        raise place.taken() from None
    return hold


def drop_hold(hold_id: str) -> None:
    """Give a held slot back. Raises NotFound, also for somebody else's hold."""
    wanted = select(SlotHold).where(SlotHold.id == hold_id, SlotHold.held_by_id == current_principal().user_id)
    hold = db.session.scalar(wanted)
    if hold is None:
        raise NotFound
    db.session.delete(hold)
    db.session.flush()
