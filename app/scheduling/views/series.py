"""Recurring visits on screen: each day before booking, and afterwards all that follow in one go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm

from app.core.errors import AppError, Invalid
from app.core.navigation import describe_item
from app.core.our_time import read_moment
from app.core.principal import require
from app.core.views import ActionView, Chart, ReadOnlyView
from app.core.vocabulary import kind_name
from app.people.models import AppointmentType
from app.scheduling.forms import EVERY, CancelForm, MoveFollowingForm, SeriesForm, id_of
from app.scheduling.models import AppointmentSeries, Every
from app.scheduling.queries import get_appointment
from app.scheduling.services.booking import MOVABLE
from app.scheduling.services.series import book_series, cancel_following, get_series, move_following, visits_of
from app.scheduling.services.series_days import SeriesDay, preview_series, series_times
from app.scheduling.views.refusals import try_deed

LABELS = {
    "patient": lazy_gettext("Patient"),
    "doctor": lazy_gettext("Doctor"),
    "location": lazy_gettext("Location"),
    "type": lazy_gettext("Kind"),
    "every": lazy_gettext("Unit"),
    "steps": lazy_gettext("Every"),
    "visits_wanted": lazy_gettext("Visits"),
    "first_at": lazy_gettext("First visit"),
}

describe_item("AppointmentSeriesView", shortcut="g s")


class AppointmentSeriesView(ReadOnlyView):
    """Series that were booked."""

    model = AppointmentSeries
    class_permission_name = "visit_series"
    menu = ("Schedule", lazy_gettext("Series"))
    menu_order = 16
    list_title = lazy_gettext("Series")
    list_template = "scheduling/series_list.html"
    show_template = "scheduling/series_show.html"
    base_order = ("created_at", "desc")
    list_columns = ["patient", "doctor", "type", "first_at", "steps", "every", "visits_wanted"]
    show_columns = ["patient", "doctor", "type", "location", "first_at", "steps", "every", "visits_wanted"]
    search_columns = ["patient", "doctor", "type", "first_at"]
    order_columns = ["first_at", "visits_wanted"]
    label_columns = LABELS
    formatters_columns = {"type": kind_name, "every": lambda unit: str(EVERY[Every(unit)])}
    extra_args = {"visits_of": visits_of, "movable": MOVABLE}
    charts = (
        Chart("type", lazy_gettext("Series by kind of visit"), lambda: AppointmentSeries.type, words=kind_name),
        Chart("every", lazy_gettext("Series by unit"), lambda: AppointmentSeries.every, kind="doughnut"),
    )


class SeriesPlanView(ActionView):
    """Booking a series, and changing all that follow."""

    class_permission_name = "visit_series"
    route_base = "/series"

    @expose("/new", methods=["GET", "POST"])
    def new(self) -> Any:
        """The rule first; then each day, free or not; then the order."""
        self.require("create")
        asked = "first_at" in request.values
        form = SeriesForm(request.form if request.method == "POST" else request.args or None)
        days, problem = _looked(form) if asked else (None, "")
        if days is not None and request.method == "POST":
            done, problem = try_deed(form, lambda: _booked(form))
            if done is not None:
                flash(_("Booked."), "success")
                return redirect(url_for("AppointmentSeriesView.show", pk=done))
        page = self.render("scheduling/series_new.html", form=form, days=days, problem=problem)
        return (page, 422) if problem or (asked and form.errors) else page

    @expose("/<id:appointment_series_id>/cancel/<id:appointment_id>", methods=["GET", "POST"])
    def cancel(self, appointment_series_id: str, appointment_id: str) -> Any:
        """This visit and all after it."""
        self.require("cancel")
        form = CancelForm()

        def call_off() -> str:
            series = get_series(appointment_series_id)
            count = cancel_following(series, appointment_id, form.reason.data, form.note.data or "")
            return _("Cancelled: %(count)s visits", count=count)

        title = _("Cancel this and all following visits")
        return self._answer(appointment_series_id, appointment_id, form, title, call_off)

    @expose("/<id:appointment_series_id>/move/<id:appointment_id>", methods=["GET", "POST"])
    def move(self, appointment_series_id: str, appointment_id: str) -> Any:
        """This visit and all after it, by as many days and to the same time of day."""
        self.require("update")
        visit = get_appointment(appointment_id)
        form = MoveFollowingForm(starts_at=visit.starts_at, doctor=visit.doctor)

        def put_elsewhere() -> str:
            series = get_series(appointment_series_id)
            count = move_following(series, appointment_id, form.starts_at.moment, doctor_id=id_of(form.doctor))
            return _("Moved: %(count)s visits", count=count)

        title = _("Move this and all following visits")
        return self._answer(appointment_series_id, appointment_id, form, title, put_elsewhere)

    def _answer(self, series_id: str, appointment_id: str, form: FlaskForm, title: str, deed: Callable[[], str]) -> Any:
        get_series(series_id)
        visit, problem = get_appointment(appointment_id), ""
        if form.validate_on_submit():
            done, problem = try_deed(form, deed)
            if done is not None:
                flash(done, "success")
                return redirect(url_for("AppointmentSeriesView.show", pk=series_id))
        page = self.render("scheduling/act.html", visit=visit, form=form, title=title, problem=problem)
        return (page, 422) if problem or form.errors else page


def _looked(form: SeriesForm) -> tuple[list[SeriesDay] | None, str]:
    """The days of the rule in a valid form, or why there are none."""
    if not form.validate():
        return None, ""
    try:
        times = series_times(form.first_at.moment, form.every.data, form.steps.data, form.visits.data)
        return preview_series(form.doctor.data.id, form.type.data, times, location_id=id_of(form.location)), ""
    except AppError as refusal:
        return None, " ".join(str(text) for text in (refusal.fields or {}).values()) or str(refusal.message)


def _booked(form: SeriesForm) -> str:
    require("visit_series", "create")
    series = book_series(
        patient_id=form.patient.data.id,
        doctor_id=form.doctor.data.id,
        type=AppointmentType(form.type.data),
        first_at=form.first_at.moment,
        every=form.every.data,
        steps=form.steps.data,
        visits=form.visits.data,
        location_id=id_of(form.location),
        notes=form.notes.data or "",
        times=[_moment(value) for value in request.form.getlist("time") if value],
    )
    return series.id


def _moment(text: str) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise Invalid(fields={"times": _("This is no time.")})
    return moment
