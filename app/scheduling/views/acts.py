"""What people do with one visit on pages of their own: cancel with a reason, move, book the follow-up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from flask_wtf import FlaskForm

from app.core import clock
from app.core.errors import AppError, NotFound
from app.core.navigation import describe_item
from app.core.principal import own_patient_id, require
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.people.models import AppointmentType
from app.scheduling.forms import CANCEL_REASONS, CancelForm, ExplainForm, FollowUpForm, MoveForm, id_of
from app.scheduling.models import Appointment
from app.scheduling.queries import count_requests, get_appointment, lock_appointment, requests_waiting
from app.scheduling.services import (
    PATIENTS_REASONS,
    approve_appointment,
    book_follow_up,
    cancel_appointment,
    decline_appointment,
    no_show,
    reschedule,
)
from app.scheduling.services.terms import cancel_fee
from app.scheduling.views.refusals import try_deed

FOLLOW_UP_DAYS = 7


class VisitActsView(ActionView):
    """Deeds on one visit that need more than a click."""

    class_permission_name = "appointment"
    route_base = "/visits"

    @expose("/<id:appointment_id>/cancel", methods=["GET", "POST"])
    def cancel(self, appointment_id: str) -> Any:
        """Call it off, for a reason that is counted."""
        self.require("cancel")
        form = CancelForm()
        if own_patient_id() is not None:
            form.reason.choices = [
                (str(code), text) for code, text in CANCEL_REASONS.items() if code in PATIENTS_REASONS
            ]

        def call_off() -> str:
            cancel_appointment(lock_appointment(appointment_id), form.reason.data, form.note.data or "")
            return _("Cancelled.")

        fee = cancel_fee(get_appointment(appointment_id))
        return self._answer(appointment_id, form, _("Cancel this visit"), call_off, fee=fee)

    @expose("/<id:appointment_id>/decline", methods=["GET", "POST"])
    def decline(self, appointment_id: str) -> Any:
        """Refuse a request."""
        self.require("decline")
        form = ExplainForm()

        def refuse() -> str:
            decline_appointment(lock_appointment(appointment_id), form.reason.data or "")
            return _("Declined.")

        return self._answer(appointment_id, form, _("Decline this request"), refuse)

    @expose("/<id:appointment_id>/no-show", methods=["GET", "POST"])
    def no_show(self, appointment_id: str) -> Any:
        """Nobody came."""
        self.require("no-show")
        form = ExplainForm()

        def note() -> str:
            no_show(lock_appointment(appointment_id), form.reason.data or "")
            return _("Marked as no-show.")

        return self._answer(appointment_id, form, _("Nobody came"), note)

    @expose("/<id:appointment_id>/move", methods=["GET", "POST"])
    def move(self, appointment_id: str) -> Any:
        """Another time, doctor or place."""
        self.require("reschedule")
        visit = get_appointment(appointment_id)
        form = MoveForm(starts_at=visit.starts_at, doctor=visit.doctor)

        def put_elsewhere() -> str:
            reschedule(
                lock_appointment(appointment_id),
                form.starts_at.moment,
                doctor_id=id_of(form.doctor),
                location_id=id_of(form.location),
                reason=form.reason.data or "",
                overbook_reason=form.overbook_reason.data or "",
            )
            return _("Moved.")

        return self._answer(appointment_id, form, _("Move this visit"), put_elsewhere)

    @expose("/<id:appointment_id>/follow-up", methods=["GET", "POST"])
    def follow_up(self, appointment_id: str) -> Any:
        """The visit after this one."""
        self.require("follow-up")
        visit = get_appointment(appointment_id)
        next_week = visit.starts_at + timedelta(days=FOLLOW_UP_DAYS)
        form = FollowUpForm(starts_at=max(next_week, clock.now()), doctor=visit.doctor, type=visit.type)

        def book() -> Appointment:
            return book_follow_up(
                lock_appointment(appointment_id),
                form.starts_at.moment,
                type=AppointmentType(form.type.data),
                doctor_id=id_of(form.doctor),
                location_id=id_of(form.location),
                notes=form.notes.data or "",
                overbook_reason=form.overbook_reason.data or "",
            )

        return self._answer(appointment_id, form, _("Book a follow-up"), book)

    def _answer(self, appointment_id: str, form: FlaskForm, title: str, deed: Callable[[], Any], **more: Any) -> Any:
        """The page, or after a valid form the deed; what was booked is shown, else the visit itself."""
        visit, problem = get_appointment(appointment_id), ""
        if form.validate_on_submit():
            done, problem = try_deed(form, deed)
            if done is not None:
                booked = done.id if isinstance(done, Appointment) else None
                flash(_("Booked.") if booked else done, "success")
                return redirect(url_for("AppointmentView.show", pk=booked or appointment_id))
        page = self.render("scheduling/act.html", visit=visit, form=form, title=title, problem=problem, **more)
        return (page, 422) if problem or form.errors else page


describe_item("VisitRequestsView", shortcut="g e", badge=count_requests, tone="warn")


class VisitRequestsView(ActionView):
    """Bookings that wait for somebody's word, the visit that is next in front."""

    class_permission_name = "visit_request"
    route_base = "/visit-requests"
    default_view = "requests"
    menu = ("Schedule", lazy_gettext("Requests"))
    menu_order = 12

    @expose("/")
    def requests(self) -> str:
        """The page."""
        self.require()
        return self.render("scheduling/requests.html", visits=requests_waiting(), now=clock.now())

    @expose("/approve", methods=["POST"])
    def approve(self) -> Any:
        """Accept the chosen ones, each on its own."""
        require("appointment", "approve")
        chosen, done = request.form.getlist("appointment"), 0
        for appointment_id in chosen:
            try:
                with unit_of_work():
                    approve_appointment(lock_appointment(appointment_id))
                done += 1
            except NotFound:
                raise
            except AppError as error:
                flash(str(error.message), "danger")
        if done:
            flash(_("Approved: %(count)s", count=done), "success")
        return redirect(url_for("VisitRequestsView.requests"))
