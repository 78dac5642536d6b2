"""The waiting list: joining it and leaving it. What becomes free is offered by offers.py. Callers commit."""

from __future__ import annotations

from datetime import date, time

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import own_patient_id
from app.core.state import WrongState
from app.core.tenant import db
from app.events.services import publish
from app.people.queries import get_doctor
from app.scheduling.events import WaitingListJoined, WaitingListLeft
from app.scheduling.models import WaitingListEntry, WaitingStatus
from app.scheduling.services.booking import check_patient
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope


def join_waiting_list(
    *,
    patient_id: str,
    type: str,
    first_on: date,
    last_on: date,
    doctor_id: str | None = None,
    location_id: str | None = None,
    from_time: time | None = None,
    until_time: time | None = None,
    urgent: bool = False,
    note: str = "",
) -> WaitingListEntry:
    """Put a patient on the list. A PATIENT is not urgent by their own word. Raises NotFound, Invalid."""
    check_patient(patient_id)
    _check_time(first_on, last_on, from_time, until_time)
    if doctor_id is not None and type not in get_doctor(doctor_id).types:
        raise Invalid(fields={"type": _("This doctor does not offer this kind of visit.")})
    if location_id is not None and db.session.get(Location, location_id) is None:
        raise Invalid(fields={"locationId": _("This location does not exist.")})
    entry = WaitingListEntry(
        id=new_id(),
        patient_id=patient_id,
        doctor_id=doctor_id,
        location_id=location_id,
        type=type,
        status=WaitingStatus.WAITING,
        first_on=first_on,
        last_on=last_on,
        from_time=from_time,
        until_time=until_time,
        urgent=urgent and own_patient_id() is None,
        note=note,
        missed=0,
    )
    db.session.add(entry)
    db.session.flush()
    publish(WaitingListJoined(waiting_list_entry_id=entry.id, patient_id=entry.patient_id))
    return entry


def _check_time(first_on: date, last_on: date, from_time: time | None, until_time: time | None) -> None:
    today = clock.today(settings_in_scope().zone)
    if not first_on <= last_on or last_on < today:
        raise Invalid(fields={"lastOn": _("The last day is today or later, and not before the first.")})
    if from_time is not None and until_time is not None and from_time >= until_time:
        raise Invalid(fields={"untilTime": _("The end is after the beginning.")})


def lock_entry(entry_id: str) -> WaitingListEntry:
    """The entry as it is now, locked; a PATIENT's own only. Raises NotFound."""
    wanted = select(WaitingListEntry).where(WaitingListEntry.id == entry_id)
    own = own_patient_id()
    if own is not None:
        wanted = wanted.where(WaitingListEntry.patient_id == own)
    entry = db.session.scalar(wanted.with_for_update(of=WaitingListEntry).execution_options(populate_existing=True))
    if entry is None:
        raise NotFound
    return entry


def leave(entry: WaitingListEntry, status: WaitingStatus = WaitingStatus.WITHDRAWN) -> None:
    """A locked entry is over; one that has an open offer passes it on first (offers.py). Raises WrongState."""
    if not entry.can_become(status):
        raise WrongState(_("This entry of the waiting list is over."), status=str(entry.status))
    entry.become(status)
    db.session.flush()
    publish(WaitingListLeft(waiting_list_entry_id=entry.id, patient_id=entry.patient_id, status=str(status)))
