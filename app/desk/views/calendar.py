"""The calendar: doctors side by side, visits that are moved by hand, changes of others as they happen (SPEC CON-3)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from flask import Response, jsonify, request
from flask_appbuilder import expose
from flask_babel import lazy_gettext

from app.core import clock
from app.core.errors import NotFound
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.our_time import read_day, read_moment
from app.core.principal import current_principal, may, own_location_id, require
from app.core.vocabulary import KINDS, STATUSES, kind_name, label_of, tone_of
from app.desk.queries.calendar import DAY, WEEK, CalendarQuery, calendar_of, open_locations
from app.desk.queries.people import age_on
from app.desk.queries.slots import DoctorDay, SlotChoice, bookable_doctors, doctor_day
from app.desk.views.fragments import FragmentView
from app.people.models import AppointmentType, Doctor
from app.people.queries import get_doctor
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.queries import get_appointment, local_day
from app.scheduling.services.booking import MOVABLE
from app.scheduling.services.terms import find_booking_terms
from app.tenancy.queries import settings_in_scope

MOST_DOCTORS = 60
MOST_IN_WEEK = 6  # doctors, seven columns each
# What stands for a status where there is no room for its word; the legend says both.
MARKS = {
    AppointmentStatus.REQUESTED: "?",
    AppointmentStatus.SCHEDULED: "○",
    AppointmentStatus.CONFIRMED: "✓",
    AppointmentStatus.CHECKED_IN: "●",
    AppointmentStatus.IN_PROGRESS: "▶",
    AppointmentStatus.COMPLETED: "■",
    AppointmentStatus.NO_SHOW: "✕",
    AppointmentStatus.CANCELLED: "–",
    AppointmentStatus.DECLINED: "–",
}

describe_item("CalendarView", shortcut="g c")


class CalendarView(FragmentView):
    """The page, its data, and the pieces of its dialogs. Moving and booking are the API's verbs."""

    class_permission_name = "calendar"
    route_base = "/calendar"
    default_view = "home"
    menu = ("Desk", lazy_gettext("Calendar"))
    menu_order = 2

    @expose("/")
    def home(self) -> str:
        self.require()
        doctors = _doctors()
        asked = _asked(doctors)
        return self.render(
            "desk/calendar.html",
            asked=asked,
            today=clock.today(settings_in_scope().zone),
            calendar=calendar_of(asked),
            doctors=doctors,
            most_in_week=MOST_IN_WEEK,
            locations=[] if own_location_id() else open_locations(),
            types=list(AppointmentType),
            statuses=list(AppointmentStatus),
            vocabulary=_vocabulary(),
            marks=MARKS,
            zone=settings_in_scope().zone,
        )

    @expose("/data")
    def data(self) -> Response:
        """The same columns and visits as they are now; with `?part=visits` without the hours."""
        self.require()
        asked = _asked(_doctors())
        return jsonify(calendar_of(asked, hours=request.args.get("part") != "visits"))

    @expose("/visits/<id:visit_id>")
    def visit(self, visit_id: str) -> Response:
        """One visit, and where it can be moved to."""
        self.require()
        visit = get_appointment(visit_id)
        age = age_on(visit.patient.date_of_birth, clock.today(settings_in_scope().zone))
        moves = _moves(visit) if visit.status in MOVABLE and may("appointment", "reschedule") else {}
        return self.piece("desk/parts/calendar_visit.html", visit=visit, age=age, movable=bool(moves), **moves)

    @expose("/new")
    def new(self) -> Response:
        """The form that books a free time."""
        self.require()
        require("appointment", "create")
        doctor = _doctor()
        return self.piece("desk/parts/calendar_book.html", doctors=_doctors(), **_times_for(doctor, None))

    @expose("/times")
    def times(self) -> Response:
        """The times of a doctor's date, for a visit that is moved or one that is booked."""
        self.require()
        visit_id = request.args.get("visit", "")
        visit = get_appointment(visit_id) if is_id(visit_id) else None
        doctor = _doctor()
        return self.piece("desk/parts/calendar_times.html", **_times_for(doctor, visit))


def _moves(visit: Appointment) -> dict[str, Any]:
    """Where a visit can go, beginning with its own date; its doctor is among the doctors in any case."""
    times = doctor_day(visit.doctor, visit.type, local_day(visit.starts_at), visit=visit)
    doctors = _doctors()
    if visit.doctor_id not in {doctor.id for doctor in doctors}:
        doctors = [visit.doctor, *doctors]
    return {
        "doctors": doctors,
        "times": times,
        "chosen": next((choice for choice in times.choices if choice.own), None),
    }


def _doctors() -> list[Any]:
    """Those who work where the person works."""
    return bookable_doctors(own_location_id())[:MOST_DOCTORS]


def _doctor() -> Doctor:
    """Raises NotFound."""
    doctor_id = request.args.get("doctorId", "")
    if not is_id(doctor_id):
        raise NotFound
    return get_doctor(doctor_id)


def _times_for(doctor: Doctor, visit: Appointment | None) -> dict[str, Any]:
    """The grid, and which of its times is chosen: the one asked for, if it is free, or the first free one."""
    offered = [item for item in AppointmentType if item in doctor.types]
    wanted = visit.type if visit else request.args.get("type", "")
    type = wanted if visit or wanted in offered else str(next(iter(offered), AppointmentType.IN_PERSON))
    own = visit if visit and visit.doctor_id == doctor.id else None
    terms = None if visit else find_booking_terms(doctor.id, type)
    times = doctor_day(doctor, type, _asked_date(), location_id=own_location_id(), visit=own)
    return {"visit": visit, "types": offered, "type": type, "times": times, "terms": terms, "chosen": _chosen(times)}


def _chosen(times: DoctorDay) -> SlotChoice | None:
    asked = read_moment(request.args.get("at"))
    free = [choice for choice in times.choices if choice.free]
    return next((choice for choice in free if choice.starts_at == asked), times.first_free)


def _asked(doctors: list[Any]) -> CalendarQuery:
    """What the address asks for; what it does not know is left out."""
    known = {doctor.id for doctor in doctors}
    chosen = tuple(doctor_id for doctor_id in request.args.getlist("doctor") if doctor_id in known)
    location_id = request.args.get("location", "")
    asked = CalendarQuery(
        view=WEEK if request.args.get("view") == WEEK else DAY,
        on=_asked_date(),
        doctor_ids=chosen,
        location_id=own_location_id() or (location_id if is_id(location_id) else None),
        type=next((item for item in AppointmentType if item == request.args.get("type")), None),
        statuses=tuple(item for item in AppointmentStatus if item in request.args.getlist("status")),
    )
    return replace(asked, doctor_ids=_whose_week(chosen, doctors)) if asked.view == WEEK else asked


def _whose_week(chosen: tuple[str, ...], doctors: list[Any]) -> tuple[str, ...]:
    """A week is the chosen doctors', or one's own, or the first one's."""
    own = current_principal().doctor_id
    return chosen[:MOST_IN_WEEK] or (*((own,) if own else ()), *(doctor.id for doctor in doctors))[:1]


def _asked_date() -> date:
    """The date in the address; today without one of our time."""
    return read_day(request.args.get("on")) or clock.today(settings_in_scope().zone)


def _vocabulary() -> dict[str, Any]:
    """Words, colours and marks of the codes that the data carries."""
    return {
        "statuses": {
            str(status): {"word": label_of(status), "tone": tone_of(status), "mark": MARKS[status]}
            for status in AppointmentStatus
            if status in STATUSES
        },
        "types": {str(item): str(kind_name(item)) for item in AppointmentType if item in KINDS},
    }
