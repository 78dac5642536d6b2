"""What a patient can do at a kiosk. Callers commit."""

from __future__ import annotations

from flask_babel import format_date
from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import AppError
from app.core.tenant import db, require_clinic
from app.queueing.models import Kiosk, QueueToken
from app.queueing.queries.queues import today
from app.queueing.services.arrival import arrive
from app.scheduling.models import Appointment
from app.scheduling.queries import find_appointment, local_day
from app.scheduling.services.check_in_codes import CodeRefused, read_code
from app.tenancy.models import Location


def check_in_at(kiosk: Kiosk, typed: str) -> QueueToken:
    """The token of the visit that a code names; a second time the same token. Raises CodeRefused."""
    code = read_code(typed)
    if code.clinic_id != require_clinic():
        raise CodeRefused(_("This code belongs to another clinic. Please ask at the desk."), code="ANOTHER_CLINIC")
    visit = find_appointment(code.appointment_id)
    if visit is None:
        raise CodeRefused(_("We do not know this code. Please ask at the desk."), code="CODE_UNKNOWN")
    _check_day_and_place(visit, kiosk)
    kiosk.last_used_at = clock.now()
    try:
        return arrive(visit.id)[1]
    except AppError as refusal:
        raise CodeRefused(_("Please go to the desk to check in."), code="ASK_AT_DESK") from refusal


def _check_day_and_place(visit: Appointment, kiosk: Kiosk) -> None:
    day = local_day(visit.starts_at)
    if day != today():
        message = _("This visit is on %(day)s, not today. Please ask at the desk.", day=format_date(day, "long"))
        raise CodeRefused(message, code="ANOTHER_DAY")
    if visit.location_id != kiosk.location_id:
        place = db.session.scalar(select(Location.name).where(Location.id == visit.location_id))
        message = _("This visit is at %(place)s. Please ask at the desk.", place=place)
        raise CodeRefused(message, code="ANOTHER_PLACE")
