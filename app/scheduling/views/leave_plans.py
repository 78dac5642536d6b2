"""A doctor's leave on one screen: the time, the visits in it, what becomes of each, and how far that got."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from flask import redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.core.errors import Invalid, NotFound
from app.core.ids import is_id
from app.core.navigation import describe_item
from app.core.our_time import read_moment
from app.core.principal import current_principal, may, require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView, Chart, ReadOnlyView
from app.people.models import Doctor
from app.scheduling.forms import LeaveForm
from app.scheduling.models import DoctorLeave, LeaveAction, LeaveVisit
from app.scheduling.services.availability import cancel_leave, check_keeper
from app.scheduling.services.leave_choices import choices
from app.scheduling.services.leave_plans import Decision, leave_visits, plan_leave
from app.scheduling.views.refusals import try_deed

describe_item("LeavePlanView", shortcut="g v")

FIELD = "visit-"


class LeavePlanView(ActionView):
    """Ordering a leave, and following what becomes of its visits."""

    class_permission_name = "leave_plan"
    route_base = "/leave"
    default_view = "new"
    menu = ("Schedule", lazy_gettext("Doctor's leave"))
    menu_order = 24

    @expose("/", methods=["GET", "POST"])
    def new(self) -> Any:
        """The time first; then the visits in it; then the order."""
        self.require()
        form = LeaveForm(request.form if request.method == "POST" else request.args or None, doctor=_own_doctor())
        looking = "starts_at" in request.values
        known = looking and form.validate() and form.starts_at.moment < form.ends_at.moment
        problem = _("The end is after the beginning.") if looking and not form.errors and not known else ""
        if known and request.method == "POST":
            require("leave_plan", "create")
            done, problem = try_deed(form, lambda: _planned(form))
            if done is not None:
                return redirect(url_for("LeavePlanView.show", doctor_leave_id=done))
        found = choices(form.doctor.data.id, form.starts_at.moment, form.ends_at.moment) if known else None
        page = self.render(
            "scheduling/leave.html",
            form=form,
            found=found,
            problem=problem,
            leaves=_recent(),
            refunds=may("refund", "request"),
        )
        return (page, 422) if problem or form.errors else page

    @expose("/<id:doctor_leave_id>")
    def show(self, doctor_leave_id: str) -> Any:
        """What became of the visits; live while the run goes on."""
        self.require()
        leave = _leave(doctor_leave_id)
        visits = leave_visits(leave.id)
        run = visits[0].run if visits else None
        return self.render("scheduling/leave_show.html", leave=leave, visits=visits, run=run)

    @expose("/<id:doctor_leave_id>/cancel", methods=["POST"])
    def cancel(self, doctor_leave_id: str) -> Any:
        """The doctor is there after all; visits that were moved or called off stay so."""
        self.require("cancel")
        leave = _leave(doctor_leave_id)
        check_keeper(leave.doctor_id)
        with unit_of_work():
            cancel_leave(leave)
        return redirect(url_for("LeavePlanView.show", doctor_leave_id=doctor_leave_id))


def _own_doctor() -> Doctor | None:
    doctor_id = current_principal().doctor_id
    return db.session.get(Doctor, doctor_id) if doctor_id else None


def _leave(leave_id: str) -> DoctorLeave:
    leave = db.session.get(DoctorLeave, leave_id)
    if leave is None:
        raise NotFound
    return leave


def _recent() -> list[DoctorLeave]:
    return list(db.session.scalars(select(DoctorLeave).order_by(DoctorLeave.starts_at.desc()).limit(10)))


def _planned(form: LeaveForm) -> str:
    doctor_id = form.doctor.data.id
    check_keeper(doctor_id)
    leave, _run = plan_leave(
        doctor_id, form.starts_at.moment, form.ends_at.moment, list(_decisions()), reason=form.reason.data or ""
    )
    return leave.id


def _decisions() -> Iterator[Decision]:
    """Of the posted form: KEEP, CANCEL, REFUND, or MOVE with doctor and time, for each visit."""
    for name, value in request.form.items():
        appointment_id = name.removeprefix(FIELD)
        if not name.startswith(FIELD) or not is_id(appointment_id):
            continue
        action, _space, where = value.partition(" ")
        if action == LeaveAction.MOVE:
            doctor_id, _space, moment = where.partition(" ")
            yield Decision(appointment_id, LeaveAction.MOVE, doctor_id, _moment(moment))
        else:
            called_off = action in (LeaveAction.CANCEL, "REFUND")
            kind = LeaveAction.CANCEL if called_off else LeaveAction.KEEP
            yield Decision(appointment_id, kind, refund=action == "REFUND")


def _moment(text: str) -> datetime:
    moment = read_moment(text)
    if moment is None:
        raise Invalid(fields={"visits": _("This is no time.")})
    return moment


class LeaveVisitView(ReadOnlyView):
    """What became of visits in leave."""

    model = LeaveVisit
    class_permission_name = "leave_plan"
    list_title = lazy_gettext("Visits in leave")
    base_order = ("created_at", "desc")
    list_columns = ["leave", "appointment", "action", "to_starts_at", "status", "problem"]
    show_columns = ["leave", "appointment", "action", "to_doctor", "to_starts_at", "refund", "status", "problem"]
    search_columns = ["action", "status"]
    order_columns = ["position", "status"]
    label_columns = {
        "leave": lazy_gettext("Leave"),
        "appointment": lazy_gettext("Visit"),
        "action": lazy_gettext("Decision"),
        "to_doctor": lazy_gettext("New doctor"),
        "to_starts_at": lazy_gettext("New time"),
        "refund": lazy_gettext("Refund"),
        "problem": lazy_gettext("Why not"),
    }
    charts = (Chart("action", lazy_gettext("Decisions"), lambda: LeaveVisit.action, kind="doughnut"),)
