"""Finding records of one person, laying them side by side, and making them one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from app.core.errors import AppError, NotFound
from app.core.formatting import full_date, phone, plain
from app.core.ids import is_id
from app.core.principal import require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, ReadOnlyView
from app.people.demographics import LABELS
from app.people.forms import CHANNELS, GENDERS
from app.people.models import Patient, PatientMerge
from app.people.queries import find_duplicates, get_patient, search_patients
from app.people.queries.duplicates import latest_merges, merges_of, records_alike
from app.people.services import merge_patients, undo_merge
from app.people.services.merging import FIELDS, JOINED
from app.people.services.moving import count_rows
from app.people.views.patients import language_name

NAMES = {**LABELS, "photo_id": _("Photograph")}
ROWS = {
    "appointment": _("Visits"),
    "invoice": _("Invoices"),
    "payment": _("Payments"),
    "credit_note": _("Credit notes"),
    "subscription": _("Subscriptions"),
    "payment_plan": _("Payment plans"),
    "message": _("Messages"),
    "queue_token": _("Queue tokens"),
    "guardian": _("Guardians"),
    "consent": _("Consents"),
    "member": _("Log-ins"),
}
MOST_FOUND = 10


@dataclass(frozen=True)
class Choice:
    """One field of both records; `other` says that the second record's value is proposed."""

    name: str
    label: Any
    ours: str
    theirs: str
    other: bool

    @property
    def differs(self) -> bool:
        return self.ours != self.theirs


class DuplicatesView(ActionView):
    """Records that look alike; merging and undoing."""

    class_permission_name = "patient_merge"
    route_base = "/patients/duplicates"
    default_view = "alike"
    menu = ("Patients", _("Duplicates"))
    menu_order = 20

    @expose("/")
    def alike(self) -> str:
        """Pairs, the newest registrations first, and what was merged lately."""
        self.require()
        before = request.args.get("before", "")
        pairs, following = records_alike(before if is_id(before) else None)
        return self.render("people/duplicates.html", pairs=pairs, following=following, merges=latest_merges())

    @expose("/<id:patient_id>")
    def of_patient(self, patient_id: str) -> str:
        """Who may be the same as one patient; anybody else by search."""
        self.require()
        patient = get_patient(patient_id)
        typed = request.args.get("q", "")[:200].replace("\x00", "")
        found = search_patients(typed, MOST_FOUND) if typed.strip() else _twins(patient)
        others = [other for other in found if other.id != patient.id]
        return self.render(
            "people/same_person.html", patient=patient, others=others, typed=typed, merges=merges_of(patient.id)
        )

    @expose("/<id:patient_id>/<id:other_id>", methods=["GET"])
    def compare(self, patient_id: str, other_id: str) -> Any:
        """Both side by side; the first is the one that stays."""
        self.require()
        return self._compared(*_pair(patient_id, other_id))

    @expose("/<id:patient_id>/<id:other_id>", methods=["POST"])
    def merge(self, patient_id: str, other_id: str) -> Any:
        """Make the second part of the first."""
        require("patient", "merge")
        patient, other = _pair(patient_id, other_id)
        take = [name for name in FIELDS if request.form.get(name) == "other"]
        try:
            with unit_of_work():
                merge_patients(patient_id, other_id, take=take, reason=request.form.get("reason", ""))
        except NotFound:
            raise
        except AppError as error:
            return self._compared(patient, other, str(error.message)), error.status
        flash(gettext("Merged. Everything of %(number)s is here now.", number=other.mrn), "success")
        return redirect(url_for("PatientView.show", pk=patient_id))

    @expose("/undo/<id:merge_id>", methods=["POST"])
    def undo(self, merge_id: str) -> Any:
        """Two records again."""
        require("patient", "merge")
        try:
            with unit_of_work():
                merge = undo_merge(merge_id, request.form.get("reason", ""))
                merged_id = merge.merged_id
        except NotFound:
            raise
        except AppError as error:
            flash(str(error.message), "danger")
            return redirect(url_for(".alike"))
        flash(gettext("Undone: both records stand alone again."), "success")
        return redirect(url_for("PatientView.show", pk=merged_id))

    def _compared(self, patient: Patient, other: Patient, problem: str = "") -> str:
        ours, theirs = count_rows(patient.id), count_rows(other.id)
        return self.render(
            "people/compare.html",
            patient=patient,
            other=other,
            choices=[_choice(name, patient, other) for name in FIELDS],
            joined=[(NAMES[name], getattr(patient, name), getattr(other, name)) for name in JOINED],
            counts=[(label, ours.get(table, 0), theirs.get(table, 0)) for table, label in ROWS.items()],
            problem=problem,
        )


class PatientMergeView(ReadOnlyView):
    """Every merge there was, undone ones as well."""

    model = PatientMerge
    class_permission_name = "patient_merge"
    method_permission_name = {"export": "export"}
    list_title = _("Merged records")
    list_columns = ["merged_at", "survivor", "merged", "rows", "undone_at"]
    show_columns = ["merged_at", "survivor", "merged", "reason", "rows", "undone_at", "undo_reason"]
    search_columns = ["survivor", "merged", "merged_at", "undone_at"]
    order_columns = ["merged_at"]
    label_columns = {
        "merged_at": _("Merged"),
        "survivor": _("Stays"),
        "merged": _("Became part of it"),
        "rows": _("Rows"),
        "reason": _("Reason"),
        "undone_at": _("Undone"),
        "undo_reason": _("Reason for undoing"),
    }


def _pair(patient_id: str, other_id: str) -> tuple[Patient, Patient]:
    """Raises NotFound; both as they are themselves, not whom they lead to."""
    patient, other = db.session.get(Patient, patient_id), db.session.get(Patient, other_id)
    if patient is None or other is None or patient_id == other_id:
        raise NotFound
    return patient, other


def _twins(patient: Patient) -> list[Patient]:
    names = patient.first_name, patient.last_name
    return find_duplicates(*names, patient.date_of_birth, patient.phone, except_id=patient.id)


def _choice(name: str, patient: Patient, other: Patient) -> Choice:
    """The second record's value is proposed where the first has none."""
    ours, theirs = _words(name, getattr(patient, name)), _words(name, getattr(other, name))
    return Choice(name, NAMES[name], ours, theirs, other=not ours and bool(theirs))


def _words(name: str, value: Any) -> str:
    if name == "gender":
        return "" if value == "unknown" else str(GENDERS.get(value, value))
    if name == "preferred_channel":
        return str(CHANNELS.get(value, value))
    if name == "photo_id":
        return gettext("kept") if value else ""
    if name == "phone":
        return phone(value) if value else ""
    if name == "language":
        return language_name(value)
    return plain(full_date(value)) if isinstance(value, date) else str(value or "")
