"""The .ics of a visit, for its patient's calendar. Callers commit."""

from __future__ import annotations

from sqlalchemy import func, select

from app.core.files import StoredFile, store_file
from app.core.tenant import db
from app.scheduling.icalendar_files import ICS, visit_file
from app.scheduling.models import Appointment, AppointmentChange
from app.tenancy.queries import clinic_in_scope

KIND = "visit-ics"


def visit_calendar(visit: Appointment) -> bytes:
    """The visit as it is now; each change of it makes a later version of the same entry."""
    return visit_file(visit, clinic_in_scope(), sequence=_changes_of(visit))


def stored_visit_calendar(visit: Appointment) -> StoredFile:
    """The same as a file for a message: one per change of the visit, however often it is asked for."""
    name = f"visit-{_changes_of(visit)}.ics"
    known = select(StoredFile).where(StoredFile.kind == KIND, StoredFile.owner_id == visit.id, StoredFile.name == name)
    return db.session.scalar(known.limit(1)) or store_file(KIND, visit.id, name, ICS, visit_calendar(visit))


def _changes_of(visit: Appointment) -> int:
    wanted = select(func.count()).where(AppointmentChange.appointment_id == visit.id)
    return int(db.session.scalar(wanted) or 0)
