"""Visits as iCalendar (RFC 5545): a doctor's feed and a patient's own visit. Neither names patient or complaint."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from flask_babel import gettext as _

from app.core.vocabulary import kind_name
from app.people.models import AppointmentType
from app.scheduling.models import Appointment, AppointmentStatus
from app.tenancy.models import Clinic

if TYPE_CHECKING:  # loaded with the first calendar that is made: 3 MB
    from icalendar import Calendar, Event

PRODUCT = "-//Clinic Console//Schedule//EN"
REFRESH = timedelta(minutes=15)
ICS = "text/calendar"
CONFIRMED, TENTATIVE, CANCELLED = "CONFIRMED", "TENTATIVE", "CANCELLED"
STATUSES = {
    AppointmentStatus.REQUESTED: TENTATIVE,
    AppointmentStatus.SCHEDULED: TENTATIVE,
    AppointmentStatus.CANCELLED: CANCELLED,
    AppointmentStatus.DECLINED: CANCELLED,
    AppointmentStatus.NO_SHOW: CANCELLED,
}


def doctors_calendar(name: str, visits: Iterable[Appointment], clinic: Clinic) -> bytes:
    """What a doctor's calendar subscribes to: when, where and what kind of visit; who it is stands in the console."""
    from icalendar import vDuration

    calendar = _calendar("PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"value": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))  # of what it does not know the library writes Python's words
    for visit in visits:
        calendar.add_component(_event(visit, str(kind_name(visit.type)), _place(visit, clinic)))
    return bytes(calendar.to_ical())


def visit_file(visit: Appointment, clinic: Clinic, *, sequence: int) -> bytes:
    """One visit for its patient's calendar; a later `sequence` replaces what an earlier file put there."""
    called_off = STATUSES.get(AppointmentStatus(visit.status)) == CANCELLED
    calendar = _calendar("CANCEL" if called_off else "PUBLISH")
    event = _event(visit, _summary(visit, clinic), visit.address or _place(visit, clinic))
    event.add("sequence", sequence)
    calendar.add_component(event)
    return bytes(calendar.to_ical())


def _summary(visit: Appointment, clinic: Clinic) -> str:
    if visit.type == AppointmentType.IN_PERSON:
        return _("Visit at %(clinic)s", clinic=clinic.name)
    return f"{kind_name(visit.type)} · {clinic.name}"


def _place(visit: Appointment, clinic: Clinic) -> str:
    """Where to be; nobody goes to the clinic for a visit that is held elsewhere."""
    if visit.type == AppointmentType.IN_PERSON:
        return f"{clinic.name}, {visit.location.name}"
    return str(kind_name(visit.type))


def _calendar(method: str) -> Calendar:
    from icalendar import Calendar

    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    return calendar


def _event(visit: Appointment, summary: str, place: str) -> Event:
    from icalendar import Event

    event = Event()
    event.add("uid", f"{visit.id}@clinic-console")
    event.add("dtstamp", visit.updated_at)
    event.add("last-modified", visit.updated_at)
    event.add("dtstart", visit.starts_at)
    event.add("dtend", visit.ends_at)
    event.add("summary", summary)
    event.add("location", place)
    event.add("status", STATUSES.get(AppointmentStatus(visit.status), CONFIRMED))
    event.add("class", "PRIVATE")
    return event
