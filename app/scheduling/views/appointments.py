"""Visits: the list with its steps, booking and moving by form, and the history of each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import url_for
from flask_appbuilder.models.sqla.filters import BaseFilter
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import Date, Integer, cast, func, select
from wtforms import StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from app.core import clock
from app.core.form_fields import LocalDateTimeField
from app.core.navigation import describe_item
from app.core.principal import find_principal, require
from app.core.tenant import db
from app.core.views import Chart, CrudView, LookupField, ReadOnlyView, lookup_for, row_action
from app.core.views.lookup import LIMIT
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType
from app.people.queries import search_patients
from app.scheduling.forms import id_of, type_field
from app.scheduling.models import Appointment, AppointmentChange, CancelReason
from app.scheduling.queries import find_appointment, lock_appointment, visible
from app.scheduling.services import (
    approve_appointment,
    book_appointment,
    cancel_appointment,
    complete,
    confirm_appointment,
    decline_appointment,
    find_visit_before,
    follow_ups_of,
    no_show,
    reschedule,
    start,
    update_notes,
)
from app.scheduling.services.series import find_series_of
from app.scheduling.views.refusals import told_what_is_free
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope

LABELS = {
    "starts_at": _("When"),
    "ends_at": _("Until"),
    "patient": _("Patient"),
    "doctor": _("Doctor"),
    "location": _("Location"),
    "room": _("Room"),
    "type": _("Kind"),
    "status": _("Status"),
    "address": _("Where the visit is"),
    "notes": _("Notes"),
    "overbooked": _("Overbooked"),
    "overbook_reason": _("Reason for overbooking"),
    "payment_due_at": _("To be paid until"),
    "confirmed_at": _("Confirmed"),
    "checked_in_at": _("Checked in"),
    "started_at": _("Started"),
    "completed_at": _("Completed"),
    "cancelled_at": _("Cancelled"),
    "cancelled_reason": _("Reason of the cancellation"),
    "cancelled_note": _("Note on the cancellation"),
    "created_at": _("At"),
    "kind": _("Change"),
    "from_status": _("Status before"),
    "to_status": _("Status after"),
    "from_starts_at": _("Time before"),
    "to_starts_at": _("Time after"),
    "reason": _("Reason"),
    "appointment": _("Visit"),
}
RECENT = timedelta(days=28)
MOST_PATIENTS = 10


@lookup_for(Appointment)
def found_visits(text: str) -> list[Appointment]:
    """A visit is found by its patient; the latest first."""
    patients = [patient.id for patient in search_patients(text, MOST_PATIENTS)]
    wanted = visible(select(Appointment).where(Appointment.patient_id.in_(patients)))
    return list(db.session.scalars(wanted.order_by(Appointment.starts_at.desc()).limit(LIMIT)))


class OwnLocation(BaseFilter):
    """A LOCATION_HEAD sees the visits of their location."""

    name = "location"
    arg_name = "own_location"

    def apply(self, query: Any, _value: Any) -> Any:
        principal = find_principal()
        location_id = principal.active.location_id if principal and principal.active else None
        return query.filter(Appointment.location_id == location_id) if location_id else query


def _form_fields(*names: str) -> dict[str, Any]:
    fields = {
        "type": type_field(LABELS["type"]),
        "starts_at": LocalDateTimeField(LABELS["starts_at"], validators=[InputRequired()]),
        "location": LookupField(
            LABELS["location"],
            model=Location,
            url=lambda: url_for("AppointmentView.lookup", column="location"),
            description=_("Empty: wherever the doctor is at that time."),
        ),
        "address": StringField(
            LABELS["address"], validators=[Length(max=400)], description=_("Of a home visit; empty: where they live.")
        ),
        "notes": TextAreaField(LABELS["notes"], validators=[Length(max=2000)]),
        "overbook_reason": StringField(
            LABELS["overbook_reason"],
            validators=[Length(max=200)],
            description=_("Fill in only to book beside a taken slot."),
        ),
    }
    return {name: fields[name] for name in names}


def _lately() -> Any:
    """Four weeks either side of today: an index range, whatever the clinic's age."""
    return Appointment.starts_at.between(clock.now() - RECENT, clock.now() + RECENT)


def _local(starts_at: Any) -> Any:
    return func.timezone(settings_in_scope().zone, starts_at)


def _linked_visits(appointment_id: str) -> dict[str, Any]:
    """What a visit follows, what follows it, and the series that it is part of."""
    before_id = find_visit_before(appointment_id)
    before = find_appointment(before_id) if before_id else None
    return {"before": before, "after": follow_ups_of(appointment_id), "series": find_series_of(appointment_id)}


class AppointmentChangeView(ReadOnlyView):
    """What happened to visits, step by step."""

    model = AppointmentChange
    class_permission_name = "appointment"
    list_title = _("Changes of visits")
    base_order = ("created_at", "asc")
    list_columns = ["created_at", "kind", "from_status", "to_status", "from_starts_at", "to_starts_at", "reason"]
    show_columns = [*list_columns, "appointment"]
    search_columns = ["kind", "to_status", "appointment"]
    label_columns = LABELS
    charts = (
        Chart(
            "kind",
            _("Changes of the last four weeks"),
            lambda: AppointmentChange.kind,
            only=lambda: AppointmentChange.created_at >= clock.now() - RECENT,
        ),
    )


describe_item("AppointmentView", shortcut="g a")


class AppointmentView(CrudView):
    """Every visit that was booked."""

    model = Appointment
    class_permission_name = "appointment"
    menu = ("Schedule", _("Appointments"))
    menu_order = 10
    list_title = _("Appointments")
    add_title = _("Book an appointment")
    edit_title = _("Move or annotate")
    base_order = ("starts_at", "desc")
    base_filters = [["id", OwnLocation, None]]
    list_columns = ["starts_at", "patient", "doctor", "type", "location", "status"]
    order_columns = ["starts_at"]
    show_columns = [
        "starts_at", "ends_at", "status", "type", "patient", "doctor", "location", "room", "address", "notes",
        "overbooked", "overbook_reason", "payment_due_at", "confirmed_at", "checked_in_at", "started_at",
        "completed_at", "cancelled_at", "cancelled_reason", "cancelled_note",
    ]  # fmt: skip
    add_columns = ["patient", "doctor", "type", "starts_at", "location", "address", "overbook_reason", "notes"]
    edit_columns = ["doctor", "starts_at", "location", "notes"]
    search_columns = ["starts_at", "doctor", "patient", "location", "status", "type"]
    label_columns = LABELS
    formatters_columns = {"type": kind_name}
    related_views = [AppointmentChangeView]
    show_template = "scheduling/appointment_show.html"
    extra_args = {"linked_visits": _linked_visits}
    exclude_route_methods = frozenset({"download", "delete"})  # a visit is cancelled, and stays
    method_permission_name = {"edit": "reschedule"}
    charts = (
        Chart(
            "week",
            _("Visits by week, four weeks back and ahead"),
            lambda starts_at: cast(func.date_trunc("week", _local(starts_at)), Date),
            few=Appointment.starts_at,
            only=_lately,
            chronological=True,
        ),
        Chart("status", _("Visits by status, four weeks back and ahead"), lambda: Appointment.status, only=_lately),
        Chart(
            "hour",
            _("Visits by hour of the day, four weeks back and ahead"),
            lambda starts_at: cast(func.extract("hour", _local(starts_at)), Integer),
            few=Appointment.starts_at,
            only=_lately,
            chronological=True,
            words=lambda hour: f"{int(hour):02d}:00",
        ),
    )
    add_form_extra_fields = _form_fields("type", "starts_at", "location", "address", "notes", "overbook_reason")
    edit_form_extra_fields = _form_fields("starts_at", "location", "notes")

    def add_item(self, form: Any) -> Appointment:
        with told_what_is_free():
            return book_appointment(
                patient_id=form.patient.data.id,
                doctor_id=form.doctor.data.id,
                type=AppointmentType(form.type.data),
                starts_at=form.starts_at.data,
                location_id=id_of(form.location),
                notes=form.notes.data or "",
                address=form.address.data or "",
                overbook_reason=form.overbook_reason.data or "",
            )

    def change_item(self, item: Appointment, form: Any) -> None:
        visit = lock_appointment(item.id)
        if (form.notes.data or "") != visit.notes:
            require("appointment", "update")
            update_notes(visit, form.notes.data or "")
        doctor_id, location_id = form.doctor.data.id, id_of(form.location)
        wanted = (form.starts_at.data, doctor_id, location_id or visit.location_id)
        if wanted != (visit.starts_at, visit.doctor_id, visit.location_id):
            with told_what_is_free():
                reschedule(visit, form.starts_at.data, doctor_id=doctor_id, location_id=location_id)

    @row_action("approve", _("Approve"), single=False)
    def approve(self, visit: Appointment) -> str:
        approve_appointment(lock_appointment(visit.id))
        return gettext("Approved.")

    @row_action("decline", _("Decline"), confirm=_("Decline this request?"), single=False)
    def decline(self, visit: Appointment) -> str:
        decline_appointment(lock_appointment(visit.id))
        return gettext("Declined.")

    @row_action("confirm", _("Confirm"), single=False)
    def confirm(self, visit: Appointment) -> str:
        confirm_appointment(lock_appointment(visit.id))
        return gettext("Confirmed.")

    @row_action("start", _("Start"), single=False)
    def start(self, visit: Appointment) -> str:
        start(lock_appointment(visit.id))
        return gettext("Started.")

    @row_action("complete", _("Complete"), single=False)
    def complete(self, visit: Appointment) -> str:
        complete(lock_appointment(visit.id))
        return gettext("Completed.")

    @row_action("no-show", _("No-show"), confirm=_("Mark as not shown up?"), single=False)
    def no_show(self, visit: Appointment) -> str:
        no_show(lock_appointment(visit.id))
        return gettext("Marked as no-show.")

    @row_action("cancel", _("Cancel the visit"), confirm=_("Cancel this visit?"), single=False)
    def cancel(self, visit: Appointment) -> str:
        cancel_appointment(lock_appointment(visit.id), CancelReason.OTHER)
        return gettext("Cancelled.")
