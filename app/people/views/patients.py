"""Patients with their guardians and consents."""

from __future__ import annotations

from typing import Any

from dateutil.relativedelta import relativedelta
from flask import flash
from flask_appbuilder.models.sqla.filters import BaseFilter
from flask_babel import get_locale, gettext
from flask_babel import lazy_gettext as _
from flask_wtf.file import FileField
from sqlalchemy import case
from wtforms import DateField, TextAreaField
from wtforms.validators import Length, Optional

from app.core import clock
from app.core.navigation import describe_item
from app.core.views import Chart, CrudView, lookup_for, monthly, row_action
from app.core.views.filters import FilterConverter
from app.people.demographics import LABELS, LENGTHS
from app.people.forms import CHANNELS, CONSENTS, GENDERS, choice_field, text_field, values_of, words_field
from app.people.models import Consent, ConsentKind, ContactChannel, Gender, Guardian, Patient
from app.people.queries import find_duplicates, search_patients
from app.people.services import (
    add_guardian,
    archive_patient,
    register_patient,
    save_guardian,
    set_consent,
    set_photo,
    update_patient,
)
from app.people.services.photos import LARGEST_BYTES

MOST_FOUND = 200
PERSON = ["first_name", "last_name", "gender", "date_of_birth"]
CONTACT = ["phone", "email", "language", "preferred_channel"]
PLACE = ["address", "city", "state", "postal_code", "country"]
CARE = ["alerts", "tags"]


class FilterFound(BaseFilter):
    """The patients that the search box would find."""

    name = _("Finds")
    arg_name = "found"

    def apply(self, query: Any, value: str) -> Any:
        found = search_patients(value.replace("\x00", ""), MOST_FOUND)
        return query.filter(Patient.id.in_([patient.id for patient in found]))


class PatientFilters(FilterConverter):
    """The usual filters, but names are found as the search box finds them."""

    def convert(self, col_name: str) -> list[Any] | None:
        if col_name == "search_name":
            return [FilterFound(col_name, self.datamodel)]
        return super().convert(col_name)


@lookup_for(Patient)
def found_patients(text: str) -> list[Patient]:
    """What a look-up of a patient offers."""
    return search_patients(text)


class GuardianView(CrudView):
    """Who speaks for a patient."""

    model = Guardian
    class_permission_name = "patient"
    method_permission_name = {"export": "export"}
    list_title = _("Guardians")
    add_title = _("New guardian")
    list_columns = ["name", "relation", "phone", "email", "patient"]
    show_columns = ["patient", "name", "relation", "phone", "email"]
    add_columns = ["patient", "name", "relation", "phone", "email"]
    edit_columns = ["name", "relation", "phone", "email"]
    search_columns = ["patient", "name", "relation"]
    label_columns = {"patient": _("Patient"), "name": _("Name"), "relation": _("Relationship"), **LABELS}

    def add_item(self, form: Any) -> Guardian:
        return add_guardian(form.patient.data, **values_of(form, self.edit_columns))

    def change_item(self, item: Guardian, form: Any) -> None:
        save_guardian(item, **values_of(form, self.edit_columns))


class ConsentView(CrudView):
    """What patients agreed to; withdrawn, never removed."""

    model = Consent
    class_permission_name = "patient"
    method_permission_name = {"export": "export"}
    exclude_route_methods = frozenset({"download", "edit", "delete"})
    list_title = _("Consents")
    add_title = _("New consent")
    list_columns = ["kind", "given_at", "withdrawn_at", "patient"]
    show_columns = ["patient", "kind", "given_at", "withdrawn_at"]
    add_columns = ["patient", "kind"]
    add_form_extra_fields = {"kind": choice_field(_("Consent"), CONSENTS, ConsentKind.TREATMENT)}
    search_columns = ["patient", "kind", "given_at"]
    label_columns = {
        "patient": _("Patient"),
        "kind": _("Consent"),
        "given_at": _("Given"),
        "withdrawn_at": _("Withdrawn"),
    }
    formatters_columns = {"kind": lambda kind: CONSENTS.get(kind, kind)}

    def add_item(self, form: Any) -> Consent | None:
        return set_consent(form.patient.data, form.kind.data, given=True)

    @row_action("update", _("Withdraw"), confirm=_("Withdraw this consent?"))
    def withdraw(self, consent: Consent) -> str:
        set_consent(consent.patient, consent.kind, given=False)
        return gettext("Withdrawn.")


def _form_fields(*, photo: bool) -> dict[str, Any]:
    fields = {
        **{name: text_field(LABELS[name], LENGTHS[name]) for name in ("last_name", "city", "state", "postal_code")},
        "gender": choice_field(LABELS["gender"], GENDERS, Gender.UNKNOWN),
        "date_of_birth": DateField(LABELS["date_of_birth"], validators=[Optional()]),
        "phone": text_field(LABELS["phone"], LENGTHS["phone"]),
        "email": text_field(LABELS["email"], LENGTHS["email"]),
        "language": text_field(LABELS["language"], 60, _("A code or an English name: hi, Hindi.")),
        "preferred_channel": choice_field(LABELS["preferred_channel"], CHANNELS, ContactChannel.WHATSAPP),
        "address": TextAreaField(LABELS["address"], validators=[Length(max=LENGTHS["address"])]),
        "country": text_field(LABELS["country"], 2, _("Two letters: IN.")),
        "alerts": words_field(LABELS["alerts"], _("What everybody must see; separated by commas.")),
        "tags": words_field(LABELS["tags"], _("Separated by commas.")),
    }
    return {**fields, "photo": FileField(_("Photograph"))} if photo else fields


AGES = ((5, "0–4"), (18, "5–17"), (40, "18–39"), (65, "40–64"))


def _age_group() -> Any:
    """Dates are compared, not ages: those would be computed several times for each of the patients."""
    born, today = Patient.date_of_birth, clock.now().date()
    younger = [(born > today - relativedelta(years=years), name) for years, name in AGES]
    return case(*younger, (born.is_not(None), "65+"))


def language_name(code: str) -> str:
    """A language in the reader's own words; the code where it has none."""
    locale = get_locale()
    return str(locale.languages.get(code, code)) if locale else code


describe_item("PatientView", shortcut="g p")


class PatientView(CrudView):
    """Everybody the clinic treats."""

    model = Patient
    class_permission_name = "patient"
    method_permission_name = {"export": "export"}
    menu = ("Patients", _("Patients"))
    menu_order = 10
    list_title = _("Patients")
    add_title = _("Register a patient")
    list_columns = ["mrn", "name", "date_of_birth", "gender", "phone", "city", "created_at"]
    order_columns = ["date_of_birth", "created_at"]
    show_template = "people/patient.html"
    show_columns = ["mrn", *PERSON, "deceased_on", *CARE, *CONTACT, "phone_raw", *PLACE, "active", "created_at"]
    show_fieldsets = [
        (None, {"fields": ["mrn", *PERSON, "deceased_on", *CARE]}),
        (_("Contact"), {"fields": [*CONTACT, "phone_raw", *PLACE]}),
        (_("Record"), {"fields": ["active", "created_at"]}),
    ]
    add_columns = [*PERSON, *CONTACT, *PLACE, *CARE]
    edit_columns = [*PERSON, "deceased_on", *CONTACT, *PLACE, *CARE, "photo", "active"]
    add_form_extra_fields = _form_fields(photo=False)
    edit_form_extra_fields = _form_fields(photo=True)
    search_columns = ["search_name", "date_of_birth", "gender", "created_at", "active"]
    search_form_extra_fields = {"gender": choice_field(LABELS["gender"], GENDERS, Gender.UNKNOWN)}
    label_columns = {
        **LABELS,
        "mrn": _("MRN"),
        "name": _("Name"),
        "search_name": _("Name, phone, MRN or birth date"),
        "phone_raw": _("Phone as given"),
        "photo": _("Photograph"),
        "active": _("Active"),
        "created_at": _("Registered"),
    }
    formatters_columns = {
        "gender": lambda code: GENDERS.get(code, code),
        "language": lambda code: language_name(code),
        "preferred_channel": lambda code: CHANNELS.get(code, code),
    }
    related_views = [GuardianView, ConsentView]
    charts = (
        monthly("registered", _("Patients registered per month"), Patient.created_at),
        Chart(
            "age",
            _("Patients by age"),
            _age_group,
            only=lambda: Patient.deceased_on.is_(None),
            chronological=True,
            words=str,
        ),
        Chart(
            "gender",
            _("Patients by gender"),
            lambda: Patient.gender,
            kind="doughnut",
            words=lambda code: str(GENDERS.get(code, code)),
        ),
    )

    def __init__(self) -> None:
        super().__init__()
        self.datamodel.filter_converter_class = PatientFilters

    def add_item(self, form: Any) -> Patient:
        patient = register_patient(**values_of(form, self.add_columns))
        twins = find_duplicates(
            patient.first_name, patient.last_name, patient.date_of_birth, patient.phone, except_id=patient.id
        )
        if twins:
            numbers = ", ".join(twin.mrn for twin in twins)
            flash(gettext("This may be somebody whom you have already: MRN %(numbers)s.", numbers=numbers), "warning")
        return patient

    def change_item(self, item: Patient, form: Any) -> None:
        update_patient(item, **values_of(form, [name for name in self.edit_columns if name != "photo"]))
        if form.photo.data:
            set_photo(item, form.photo.data.read(LARGEST_BYTES + 1))

    def delete_item(self, item: Patient) -> None:
        archive_patient(item)
