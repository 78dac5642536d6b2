"""Registering and booking at the front desk."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from flask import Response, request
from flask_appbuilder import expose
from flask_babel import gettext as _
from pydantic import Field, StringConstraints

from app.core.api import Body, validate
from app.core.errors import Conflict, Invalid
from app.core.ids import is_id
from app.core.our_time import read_day, read_moment
from app.core.principal import may, require
from app.core.search import InvalidPhone, parse_phone
from app.desk.views.fragments import FragmentView, in_words, once
from app.desk.views.front_desk import desk_location
from app.desk.views.panes import booking_choice, patient_pane, register_pane, visit_pane
from app.people.models import AppointmentType, Patient
from app.people.queries import find_duplicates, get_doctor, get_patient
from app.people.services import register_patient
from app.scheduling.queries import get_appointment
from app.scheduling.services import book_appointment
from app.tenancy.queries import settings_in_scope

REGISTERED = ("first_name", "last_name", "phone", "date_of_birth", "gender", "email")


class PossibleDuplicates(Conflict):
    """Patients that may be the same person; the desk decides."""

    code = "POSSIBLE_DUPLICATE"

    def __init__(self, patients: list[Patient]) -> None:
        self.patients = patients
        super().__init__(_("This person may be registered already."))


class NewPatient(Body):
    """The short form; the full record is a page of its own."""

    first_name: str = Field("", max_length=80)
    last_name: str = Field("", max_length=80)
    phone: str = Field("", max_length=60)
    date_of_birth: str = ""
    gender: str = ""
    email: str = Field("", max_length=254)
    anyway: bool = False


class NewVisit(Body):
    doctor_id: Annotated[str, StringConstraints(min_length=36, max_length=36)]
    type: AppointmentType
    notes: str = Field("", max_length=2000)
    address: str = Field("", max_length=400)


class DeskPatientView(FragmentView):
    """Middle of the front desk, as long as there is no visit."""

    class_permission_name = "desk"
    route_base = "/desk/patients"
    default_view = "new"

    @expose("/new")
    def new(self) -> Any:
        self.require()
        require("patient", "create")
        return self.show_pane(register_pane())

    @expose("/", methods=["POST"])
    @in_words()
    def register(self) -> Response:
        """A new patient, after a look at who may be the same; then the booking form."""
        self.require()
        require("patient", "create")
        given = validate(NewPatient, request.form.to_dict())
        if not given.anyway:
            _refuse_duplicates(given)
        known = once(lambda: {"id": register_patient(**given.model_dump(include=set(REGISTERED))).id})
        patient = get_patient(known["id"])
        return self.show_pane(
            patient_pane(patient, desk_location()), _("Registered as %(mrn)s.", mrn=patient.mrn), changed=True
        )

    @expose("/<id:patient_id>")
    def patient(self, patient_id: str) -> Any:
        """The patient's visit of today, or the booking form."""
        self.require()
        require("patient", "read")
        pane = patient_pane(get_patient(patient_id), desk_location(), book="book" in request.args)
        return self.show_pane(pane)

    @expose("/<id:patient_id>/times")
    def times(self, patient_id: str) -> Response:
        """The part of the booking form that depends on doctor, type and date."""
        self.require()
        get_patient(patient_id)
        doctor_id = request.args.get("doctorId", "")
        doctor = get_doctor(doctor_id) if is_id(doctor_id) else None
        if doctor is None:
            raise Invalid(fields={"doctorId": _("Choose a doctor.")})
        choice = booking_choice(
            patient_id,
            doctor,
            type=request.args.get("type"),
            on=read_day(request.args.get("on")),
            location_id=desk_location(),
        )
        return self.piece("desk/parts/times.html", choice=choice, patient_id=patient_id)

    @expose("/<id:patient_id>/visits", methods=["POST"])
    @in_words()
    def book(self, patient_id: str) -> Response:
        """Book the chosen time; a lost race names three free ones."""
        self.require()
        require("appointment", "create")
        wanted = validate(NewVisit, request.form.to_dict())
        starts_at, location_id = read_slot(chosen_slot())
        known = once(
            lambda: {
                "id": book_appointment(
                    patient_id=patient_id,
                    doctor_id=wanted.doctor_id,
                    type=wanted.type,
                    starts_at=starts_at,
                    location_id=location_id,
                    notes=wanted.notes,
                    address=wanted.address,
                ).id
            }
        )
        return self.show_pane(visit_pane(get_appointment(known["id"])), _("Booked."), changed=True)


def chosen_slot() -> str:
    """The time of the grid, or one of the alternatives that were offered for it."""
    return request.form.get("alternative") or request.form.get("slot", "")


def read_slot(value: str) -> tuple[datetime, str | None]:
    """The time and place of a chosen slot. Raises Invalid."""
    moment, _bar, location_id = value.partition("|")
    starts_at = read_moment(moment)
    if starts_at is None:
        raise Invalid(_("Choose a time."), fields={"slot": _("Choose a time.")})
    return starts_at, location_id if is_id(location_id) else None


def _refuse_duplicates(given: NewPatient) -> None:
    """Raises PossibleDuplicates with the patients, for the desk to choose from."""
    try:
        phone = parse_phone(given.phone, settings_in_scope().phone_region) if given.phone else None
    except InvalidPhone:
        return  # registering says what is wrong with it
    found = find_duplicates(given.first_name, given.last_name, read_day(given.date_of_birth), phone)
    if found and may("patient", "read"):
        raise PossibleDuplicates(found)
