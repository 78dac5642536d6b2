"""One change of a visit: the step, its line of history, and the push to whoever looks at the schedule."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from app.core.principal import find_principal
from app.core.sockets import clinic_room, push
from app.core.tenant import db
from app.core.together import new_row
from app.scheduling.models import Appointment, AppointmentChange, AppointmentStatus, ChangeKind


def step(
    appointment: Appointment, status: AppointmentStatus, kind: ChangeKind, reason: str = "", **values: Any
) -> None:
    """Take a step of the visit's life, set what comes with it, and write it down. Raises WrongState."""
    before = appointment.status
    appointment.become(status)
    for name, value in values.items():
        setattr(appointment, name, value)
    note_change(appointment, kind, from_status=before, reason=reason)


def note_change(appointment: Appointment, kind: ChangeKind, **values: Any) -> None:
    """Write the line of history, with the next flush, and tell the open screens. `values` as of change_of()."""
    db.session.add(change_of(appointment, kind, **values))
    push_visit(appointment)


def change_of(
    appointment: Appointment,
    kind: ChangeKind,
    *,
    from_status: str | None = None,
    from_starts_at: datetime | None = None,
    from_doctor_id: str | None = None,
    reason: str = "",
) -> AppointmentChange:
    """A line of the visit's history."""
    principal = find_principal()
    return new_row(
        AppointmentChange,
        appointment_id=appointment.id,
        kind=kind,
        from_status=from_status,
        to_status=appointment.status,
        from_starts_at=from_starts_at,
        to_starts_at=appointment.starts_at,
        from_doctor_id=from_doctor_id,
        user_id=principal.user_id if principal else None,
        reason=reason,
    )


def push_visit(appointment: Appointment) -> None:
    """Ids and times only: a screen that shows names reads them with its own permission."""
    data = {
        "id": appointment.id,
        "status": str(appointment.status),
        "doctorId": appointment.doctor_id,
        "locationId": appointment.location_id,
        "startsAt": appointment.starts_at.isoformat(),
        "endsAt": appointment.ends_at.isoformat(),
    }
    everybody = clinic_room(appointment.clinic_id, "appointments")
    push("appointment", data, everybody, clinic_room(appointment.clinic_id, "patient", appointment.patient_id))
