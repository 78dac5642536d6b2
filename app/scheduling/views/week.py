"""A doctor's week at a glance: hours are added, changed and taken out where they are seen."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time, timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.core import clock
from app.core.errors import AppError, Invalid, NotFound
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.our_time import read_day
from app.core.principal import current_principal, may, require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType, Doctor
from app.people.queries import doctors_by_name, get_doctor
from app.scheduling.forms import weekday_name
from app.scheduling.models import AvailabilityException, AvailabilityRule, ExceptionKind
from app.scheduling.queries.availability import get_exception, get_rule
from app.scheduling.queries.week import CLOSED, EXTRA, HOLIDAY, LEAVE, WEEKLY, Block, monday_of, week_of
from app.scheduling.services import delete_hours, save_exception, save_rule
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope

MOST_DOCTORS = 300
KIND_LABELS = {
    WEEKLY: lazy_gettext("Every week"),
    EXTRA: lazy_gettext("Extra hours"),
    CLOSED: lazy_gettext("Closed"),
    HOLIDAY: lazy_gettext("Holiday"),
    LEAVE: lazy_gettext("Leave"),
}
EDITABLE = (WEEKLY, EXTRA, CLOSED)

describe_item("DoctorWeekView", shortcut="g k")


class DoctorWeekView(ActionView):
    """Weekly hours, extra hours and closed time of one doctor; holidays and leave are shown with them.

    Whoever may change hours elsewhere may change them here.
    """

    class_permission_name = "doctor_week"
    route_base = "/doctor-week"
    default_view = "home"
    menu = ("Schedule", lazy_gettext("Doctor's week"))
    menu_order = 28

    @expose("/")
    def home(self) -> str:
        self.require()
        doctor = _chosen()
        if doctor is None:
            return self.render("scheduling/week_none.html")
        return self._page(doctor, _monday(request.args.get("on", "")))

    @expose("/<id:doctor_id>/hours", methods=["POST"])
    def add(self, doctor_id: str) -> Any:
        """Weekly hours, extra hours of a day, or closed time of a day."""
        self.require()
        require("availability", "create")
        doctor = get_doctor(doctor_id)

        def deed() -> str:
            kind = request.form.get("kind", WEEKLY)
            row: Any = AvailabilityRule() if kind == WEEKLY else AvailabilityException()
            row.doctor_id = doctor.id
            _keep(row, kind)
            return _("Saved.")

        return self._attempt(doctor, deed, url_for("DoctorWeekView.add", doctor_id=doctor_id))

    @expose("/<id:doctor_id>/hours/<kind>/<id:hours_id>", methods=["POST"])
    def change(self, doctor_id: str, kind: str, hours_id: str) -> Any:
        self.require()
        require("availability", "update")
        doctor, row = get_doctor(doctor_id), _hours(doctor_id, kind, hours_id)

        def deed() -> str:
            _keep(row, kind)
            return _("Saved.")

        address = url_for("DoctorWeekView.change", doctor_id=doctor_id, kind=kind, hours_id=hours_id)
        return self._attempt(doctor, deed, address)

    @expose("/<id:doctor_id>/hours/<kind>/<id:hours_id>/delete", methods=["POST"])
    def delete(self, doctor_id: str, kind: str, hours_id: str) -> Any:
        """Booked visits stay as they are."""
        self.require()
        require("availability", "delete")
        doctor, row = get_doctor(doctor_id), _hours(doctor_id, kind, hours_id)

        def deed() -> str:
            delete_hours(row)
            return _("Taken out. Visits that are booked stay as they are.")

        return self._attempt(doctor, deed, "")

    def _attempt(self, doctor: Doctor, deed: Callable[[], str], address: str) -> Any:
        """Do it and show the week again, or show it with the form as it was typed and what is wrong with it."""
        monday = _monday(request.form.get("week", ""))
        try:
            with unit_of_work():
                said = deed()
        except AppError as error:
            db.session.rollback()
            words = " ".join(dict.fromkeys(str(text) for text in (error.fields or {}).values()))
            problem = words if isinstance(error, Invalid) and words else str(error.message)
            return self._page(doctor, monday, problem=problem, draft=_typed(address)), error.status
        flash(said, "success")
        return redirect(url_for("DoctorWeekView.home", doctor=doctor.id, on=monday.isoformat()))

    def _page(self, doctor: Doctor, monday: date, *, problem: str = "", draft: dict[str, Any] | None = None) -> str:
        principal = current_principal()
        own = principal.role == "DOCTOR"
        zone = settings_in_scope().zone
        return self.render(
            "scheduling/week.html",
            doctor=doctor,
            doctors=[] if own else _doctors(),
            week=week_of(doctor.id, monday),
            monday=monday,
            today=clock.today(zone),
            zone=zone,
            step=timedelta(days=7),
            kinds=KIND_LABELS,
            editable=EDITABLE,
            may_change=may("availability", "update") and (not own or principal.doctor_id == doctor.id),
            shown=_shown,
            weekdays=[(number, weekday_name(number)) for number in range(7)],
            types=[(str(type), kind_name(type)) for type in AppointmentType if type in doctor.types],
            places=_places(),
            usual_minutes=settings_in_scope().slot_minutes,
            problem=problem,
            draft=draft,
        )


def _chosen() -> Doctor | None:
    """The doctor asked for, the doctor who asks, or the first by name. Raises NotFound."""
    asked, own = request.args.get("doctor", ""), current_principal().doctor_id
    if asked or own:
        if not is_id(asked or own):
            raise NotFound
        return get_doctor(asked or str(own))
    doctors = _doctors()
    return get_doctor(doctors[0].id) if doctors else None


def _doctors() -> list[Any]:
    wanted = doctors_by_name().order_by(Doctor.search_name, Doctor.id).limit(MOST_DOCTORS)
    return list(db.session.execute(wanted))


def _monday(text: str) -> date:
    """The Monday of the week that is asked for, or of this one."""
    return monday_of(read_day(text) or clock.today(settings_in_scope().zone))


def _hours(doctor_id: str, kind: str, hours_id: str) -> Any:
    """What was entered for this doctor. Raises NotFound, also for what belongs to another or to all."""
    if kind not in EDITABLE:
        raise NotFound
    row = get_rule(hours_id) if kind == WEEKLY else get_exception(hours_id)
    if row.doctor_id != doctor_id:
        raise NotFound
    return row


def _keep(row: Any, kind: str) -> None:
    """Fill the row from the form and save it. Raises Invalid."""
    form = request.form
    row.opens, row.closes = _time("opens"), _time("closes")
    row.location_id, _slash, row.room_id = form.get("place", "").partition("/")
    row.location_id, row.room_id = _id(row.location_id), _id(row.room_id)
    if kind == WEEKLY:
        row.weekday = _number("weekday", 0, 6)
        row.valid_from, row.valid_until = _date("valid_from"), _date("valid_until")
    else:
        row.kind = ExceptionKind.ADD if kind == EXTRA else ExceptionKind.REMOVE
        row.starts_on = _date("starts_on")
        row.ends_on = _date("ends_on") or row.starts_on
        row.reason = form.get("reason", "").strip()[:200]
        if row.starts_on is None:
            raise Invalid(fields={"startsOn": _("Say on which day.")})
    if kind == CLOSED:
        save_exception(row)
        return
    if row.opens is None or row.closes is None or row.location_id is None:
        raise Invalid(fields={"opens": _("Say from when until when, and where.")})
    row.slot_minutes, row.capacity = _number("slot_minutes", 5, 480), _number("capacity", 1, 500)
    row.types = [type for type in AppointmentType if type in form.getlist("types")]
    if not row.types:
        raise Invalid(fields={"types": _("Choose at least one kind of visit.")})
    save_rule(row) if kind == WEEKLY else save_exception(row)


def _date(name: str) -> date | None:
    """Empty is no date. Raises Invalid: hours with half of their dates would be other hours."""
    text = request.form.get(name, "")
    day = read_day(text)
    if text and day is None:
        raise Invalid(fields={name: _("This is not a date.")})
    return day


def _time(name: str) -> time | None:
    """Empty is no time. Raises Invalid."""
    text = request.form.get(name, "")
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None) if text else None
    except ValueError:
        raise Invalid(fields={name: _("This is not a time of day.")}) from None


def _number(name: str, least: int, most: int) -> int:
    text = request.form.get(name, "")
    if not (text.isascii() and text.isdigit() and len(text) < 5 and least <= int(text) <= most):
        raise Invalid(fields={name: _("Whole numbers from %(least)d to %(most)d, please.", least=least, most=most)})
    return int(text)


def _id(text: str) -> str | None:
    return text if is_id(text) else None


def _places() -> list[tuple[str, str]]:
    """Locations, each followed by its rooms, as the form's one choice of where."""
    rooms: dict[str, list[Room]] = {}
    for room in db.session.query(Room).filter(Room.active.is_(True)).order_by(Room.name):
        rooms.setdefault(room.location_id, []).append(room)
    found = []
    for place in db.session.query(Location).filter(Location.active.is_(True)).order_by(Location.name):
        found.append((place.id, place.name))
        found += [(f"{place.id}/{room.id}", f"{place.name} · {room.name}") for room in rooms.get(place.id, [])]
    return found


def _typed(address: str) -> dict[str, Any] | None:
    """The form as it was sent, for the dialog to show again; nothing where there was no form to fill."""
    if not address:
        return None
    values = {name: value for name, value in request.form.items() if name not in ("csrf_token", "types")}
    return {**values, "types": request.form.getlist("types"), "action": address}


def _shown(block: Block) -> dict[str, Any]:
    """What the dialog fills its fields with."""
    row = block.row
    values = {"kind": block.kind, "opens": _clock(row.opens), "closes": _clock(row.closes)}
    values["place"] = "/".join(part for part in (row.location_id, row.room_id) if part)
    values |= {"types": row.types, "slot_minutes": row.slot_minutes, "capacity": row.capacity}
    if block.kind == WEEKLY:
        dates = {"valid_from": row.valid_from, "valid_until": row.valid_until}
        return values | {"weekday": row.weekday} | {name: day and day.isoformat() for name, day in dates.items()}
    return values | {
        "starts_on": row.starts_on.isoformat(),
        "ends_on": row.ends_on.isoformat(),
        "reason": row.reason,
    }


def _clock(at: time | None) -> str:
    return f"{at:%H:%M}" if at else ""
