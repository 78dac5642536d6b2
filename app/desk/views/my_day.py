"""The doctor's day: who is in the room, who waits, who comes later, and the week ahead (SPEC CON-4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext

from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.principal import current_principal, require
from app.core.transaction import unit_of_work
from app.desk.queries.clicks import LastClick, last_click
from app.desk.queries.my_day import figures_of, week_ahead
from app.desk.queries.people import PatientFacts, patient_facts
from app.desk.queries.queue import DoctorLine, Waiting, queues_today
from app.desk.queries.slots import bookable_doctors
from app.desk.queries.visits import Day, day_of_visits
from app.desk.views.desk_queues import MOVES, call_and_say, said_of
from app.desk.views.fragments import FragmentView, in_words
from app.people.models import Doctor
from app.people.queries import get_doctor
from app.queueing.models import QueueToken, TokenStatus
from app.queueing.queries import get_token
from app.queueing.queries.queues import find_token_of
from app.queueing.services import call_token, serve, transfer
from app.scheduling.models import Appointment
from app.scheduling.queries import find_appointment, lock_appointment
from app.scheduling.services import complete, no_show, start
from app.tenancy.queries import settings_in_scope

describe_item("MyDayView", shortcut="g m")

STEPS: dict[str, Callable[[str], QueueToken]] = {**MOVES, "start": serve, "call": call_token}
SAID: dict[str, Callable[[str], str]] = {
    "start": lambda _number: "",
    "call": lambda number: _("%(number)s is called.", number=number),
}


@dataclass(frozen=True)
class Now:
    """Who is in the room or called, the others who are, and all who are waiting for this doctor."""

    lines: list[DoctorLine]
    current: Waiting | None
    visit: Appointment | None
    facts: PatientFacts | None
    click: LastClick | None

    @property
    def also_in_front(self) -> list[Waiting]:
        return [token for token in _in_front(self.lines) if token is not self.current]

    @property
    def waiting(self) -> list[Waiting]:
        return [token for line in self.lines for token in line.waiting]

    @property
    def aside(self) -> list[Waiting]:
        return [token for line in self.lines for token in line.aside]


def now_of(doctor_id: str) -> Now:
    lines = queues_today(doctor_id=doctor_id)
    current = max(_in_front(lines), key=_nearest, default=None)
    visit = find_appointment(current.visit_id) if current and current.visit_id else None
    facts = patient_facts(visit.patient, except_visit_id=visit.id) if visit else None
    return Now(lines, current, visit, facts, last_click(doctor_id=doctor_id))


def _in_front(lines: list[DoctorLine]) -> list[Waiting]:
    return [token for line in lines for token in line.in_front]


def _nearest(token: Waiting) -> tuple[bool, bool, datetime]:
    """Whoever is inside stays in sight, and whom the doctor called: what a desk calls meanwhile comes behind."""
    own = token.handled_by_id == current_principal().user_id
    return token.status == TokenStatus.SERVING, own, token.called_last


class MyDayView(FragmentView):
    """A doctor sees their own day; an administrator chooses whose."""

    class_permission_name = "my_day"
    route_base = "/my-day"
    default_view = "home"
    menu = ("Desk", lazy_gettext("My day"))
    menu_order = 2

    @expose("/")
    def home(self) -> str:
        self.require()
        doctor = _doctor()
        own = current_principal().doctor_id
        if doctor is None:
            return self.render("desk/my_day_none.html")
        return self.render(
            "desk/my_day.html",
            doctor=doctor,
            doctors=[] if own else bookable_doctors(),
            today=clock.today(settings_in_scope().zone),
            now=now_of(doctor.id),
            colleagues=_colleagues(doctor),
            day=_day(doctor),
            figures=figures_of(doctor.id),
            week=week_ahead(doctor.id),
        )

    @expose("/<id:doctor_id>/now")
    def now(self, doctor_id: str) -> Response:
        self.require()
        return self._show_now(_own_doctor(doctor_id))

    @expose("/<id:doctor_id>/visits")
    def visits(self, doctor_id: str) -> Response:
        self.require()
        doctor = _own_doctor(doctor_id)
        return self.piece(
            "desk/parts/my_visits.html", doctor=doctor, day=_day(doctor), figures=figures_of(doctor.id), alone=True
        )

    @expose("/<id:doctor_id>/call-next", methods=["POST"])
    @in_words()
    def call_next(self, doctor_id: str) -> Response:
        self.require()
        require("queue", "call")
        doctor = _own_doctor(doctor_id)
        with unit_of_work():
            said = call_and_say(doctor.id)
        return self._show_now(doctor, said)

    @expose("/tokens/<id:token_id>/<move>", methods=["POST"])
    @in_words()
    def move(self, token_id: str, move: str) -> Response:
        """Start, call out of turn, recall, skip, hold, put back or take the last click back."""
        self.require()
        require("queue", "call")
        doctor = _own_doctor(get_token(token_id).doctor_id)
        if move == "start":
            require("appointment", "start")
        if move not in STEPS:
            raise NotFound
        with unit_of_work():
            number = STEPS[move](token_id).number
        return self._show_now(doctor, SAID[move](number) if move in SAID else said_of(move, number))

    @expose("/tokens/<id:token_id>/transfer", methods=["POST"])
    @in_words()
    def transfer(self, token_id: str) -> Response:
        """Send the patient on to a colleague's queue."""
        self.require()
        require("queue", "update")
        doctor = _own_doctor(get_token(token_id).doctor_id)
        colleague_id = request.form.get("doctorId", "")
        if not is_id(colleague_id):
            raise Invalid(fields={"doctorId": _("Choose a doctor.")})
        with unit_of_work():
            token = transfer(token_id, colleague_id, note=request.form.get("note", "")[:200])
            said = _("Now %(number)s with %(doctor)s.", number=token.number, doctor=token.doctor.short_name)
        return self._show_now(doctor, said)

    @expose("/visits/<id:visit_id>/start", methods=["POST"])
    @in_words()
    def start(self, visit_id: str) -> Response:
        return self._step(visit_id, "start", start, "")

    @expose("/visits/<id:visit_id>/complete", methods=["POST"])
    @in_words()
    def complete(self, visit_id: str) -> Response:
        return self._step(visit_id, "complete", complete, _("The visit is completed."))

    @expose("/visits/<id:visit_id>/no-show", methods=["POST"])
    @in_words()
    def no_show(self, visit_id: str) -> Response:
        return self._step(visit_id, "no-show", no_show, _("Marked as a no-show."))

    def _step(self, visit_id: str, action: str, step: Callable[[Appointment], None], said: str) -> Response:
        self.require()
        require("appointment", action)
        with unit_of_work():
            visit = lock_appointment(visit_id)
            doctor = _treating_doctor(visit)
            step(visit)
        return self._show_now(doctor, said)

    def _show_now(self, doctor: Doctor, said: Any = "") -> Response:
        context: dict[str, Any] = {"doctor": doctor, "now": now_of(doctor.id), "colleagues": _colleagues(doctor)}
        return self.piece("desk/parts/now.html", said=said, changed=bool(said), **context)


def _colleagues(doctor: Doctor) -> list[Any]:
    return [other for other in bookable_doctors() if other.id != doctor.id]


def _treating_doctor(visit: Appointment) -> Doctor:
    """Whom the visit is booked with, or whose queue its patient was sent on to. Raises NotFound as _own_doctor()."""
    token = find_token_of(visit.id)
    return _own_doctor(token.doctor_id if token else visit.doctor_id)


def _day(doctor: Doctor) -> Day:
    return day_of_visits(clock.today(settings_in_scope().zone), doctor_id=doctor.id)


def _doctor() -> Doctor | None:
    """The principal's own record, or the one that an administrator chose."""
    own, chosen = current_principal().doctor_id, request.args.get("doctor", "")
    if own:
        return get_doctor(own)
    if current_principal().role == "DOCTOR":
        return None
    doctors = bookable_doctors()
    return get_doctor(chosen) if is_id(chosen) else get_doctor(doctors[0].id) if doctors else None


def _own_doctor(doctor_id: str) -> Doctor:
    """Raises NotFound for a doctor who asks for another one's day."""
    principal = current_principal()
    if principal.role == "DOCTOR" and principal.doctor_id != doctor_id:
        raise NotFound
    return get_doctor(doctor_id)
