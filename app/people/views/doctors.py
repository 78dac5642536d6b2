"""Doctors and specialities."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from sqlalchemy import func, select
from wtforms import TextAreaField
from wtforms.validators import Length

from app.core.ids import new_id
from app.core.views import Chart, CrudView
from app.core.views.lookup import ShortListField
from app.core.vocabulary import kind_name
from app.people.forms import TypesField, text_field, values_of, words_field
from app.people.models import Doctor, DoctorSpeciality, Speciality
from app.people.services import add_doctor, archive_doctor, save_doctor
from app.tenancy.models import Location

PROFILE = ["title", "first_name", "last_name", "qualifications", "registration_number", "registration_council"]
PRACTICE = ["types", "default_room", "languages"]
LINKS = ["specialities", "locations"]
CONTACT = ["phone", "email", "about"]


class DoctorView(CrudView):
    """Who treats the clinic's patients, and where."""

    model = Doctor
    class_permission_name = "doctor"
    menu = ("Set-up", _("Doctors"))
    menu_order = 20
    list_title = _("Doctors")
    add_title = _("New doctor")
    base_order = ("search_name", "asc")
    list_columns = ["name", "specialities", "types", "locations", "registration_number", "active"]
    order_columns = ["registration_number", "active"]
    show_columns = [*PROFILE, *LINKS, *PRACTICE, *CONTACT, "active"]
    show_fieldsets = [
        (None, {"fields": [*PROFILE, "active"]}),
        (_("Practice"), {"fields": [*LINKS, *PRACTICE]}),
        (_("Contact"), {"fields": CONTACT}),
    ]
    add_columns = edit_columns = [*PROFILE, *LINKS, *PRACTICE, *CONTACT, "active"]
    add_form_extra_fields = edit_form_extra_fields = {
        "last_name": text_field(_("Last name"), 80),
        "qualifications": text_field(_("Qualifications"), 200, _("MBBS, MD")),
        "registration_council": text_field(_("Council"), 120),
        "specialities": ShortListField(_("Specialities"), model=Speciality),
        "locations": ShortListField(_("Locations"), model=Location),
        "types": TypesField(_("Kinds of visits")),
        "languages": words_field(_("Languages"), _("Separated by commas.")),
        "about": TextAreaField(_("About"), validators=[Length(max=4000)]),
    }
    search_columns = ["first_name", "last_name", "registration_number", "default_room", "active"]
    label_columns = {
        "name": _("Name"),
        "title": _("Title"),
        "first_name": _("First name"),
        "qualifications": _("Qualifications"),
        "registration_number": _("Registration number"),
        "registration_council": _("Council"),
        "types": _("Kinds of visits"),
        "default_room": _("Usual room"),
        "active": _("Active"),
    }
    formatters_columns = {"types": lambda types: ", ".join(str(kind_name(type)) for type in types)}
    charts = (
        Chart(
            "types",
            _("Doctors by kind of visit"),
            lambda: func.jsonb_array_elements_text(Doctor.types),
            only=lambda: Doctor.active.is_(True),
            words=lambda type: str(kind_name(type)),
        ),
    )

    def add_item(self, form: Any) -> Doctor:
        doctor = self._filled(Doctor(id=new_id()), form)
        return add_doctor(doctor, speciality_ids=form.specialities.data, location_ids=form.locations.data)

    def change_item(self, item: Doctor, form: Any) -> None:
        self._filled(item, form)
        save_doctor(item, speciality_ids=form.specialities.data, location_ids=form.locations.data)

    def delete_item(self, item: Doctor) -> None:
        archive_doctor(item)

    def _filled(self, doctor: Doctor, form: Any) -> Doctor:
        values = values_of(form, [name for name in self.edit_columns if name not in LINKS])
        room = values.pop("default_room")
        doctor.default_room_id = room.id if room else None
        for name, value in values.items():
            setattr(doctor, name, value or "" if isinstance(value, str) else value)
        return doctor


def _doctors_of_a_speciality() -> Any:
    doctors = select(func.count()).where(DoctorSpeciality.speciality_id == Speciality.id).correlate(Speciality)
    return func.sum(doctors.scalar_subquery())


class SpecialityView(CrudView):
    """Fields of medicine that the clinic offers."""

    model = Speciality
    class_permission_name = "speciality"
    menu = ("Set-up", _("Specialities"))
    menu_order = 21
    list_title = _("Specialities")
    add_title = _("New speciality")
    base_order = ("name", "asc")
    list_columns = ["name", "active"]
    show_columns = ["name", "active"]
    add_columns = edit_columns = ["name", "active"]
    search_columns = ["name", "active"]
    label_columns = {"name": _("Name"), "active": _("Active")}
    charts = (
        Chart(
            "doctors",
            _("Doctors by speciality"),
            lambda: Speciality.name,
            value=_doctors_of_a_speciality,
            value_name=_("Doctors"),
            words=str,
        ),
    )
