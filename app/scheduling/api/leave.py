"""Endpoints of a doctor's leave: look at its visits, decide, follow what becomes of them."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from app.core.api import Api, Body, endpoint
from app.core.api_values import Id, Moment
from app.core.errors import NotFound
from app.core.tenant import db
from app.jobs.services import progress_of
from app.scheduling.models import DoctorLeave, LeaveAction, LeaveVisit
from app.scheduling.services.availability import check_keeper
from app.scheduling.services.leave_choices import Affected, choices
from app.scheduling.services.leave_plans import Decision, leave_visits, plan_leave


class LeaveTime(Body):
    doctor_id: Id
    starts_at: Moment
    ends_at: Moment


class LeaveDecision(Body):
    appointment_id: Id
    action: LeaveAction
    doctor_id: Id | None = Field(None, description="Where a visit moves to.")
    starts_at: Moment | None = None
    refund: bool = Field(False, description="With CANCEL: what was paid goes back.")


class NewLeave(LeaveTime):
    reason: str = Field("", max_length=200)
    visits: list[LeaveDecision] = Field(default_factory=list, max_length=500)


class LeaveApi(Api):
    """Doctors' leave with the visits in it."""

    openapi_tag = "Leave"

    @endpoint("POST", "/leave-plans/preview", resource="leave_plan", action="read", body=LeaveTime)
    def preview(self, body: LeaveTime) -> dict[str, Any]:
        """The visits that a leave would meet, and where each could go; changes nothing."""
        return {"visits": [_show_choice(item) for item in choices(body.doctor_id, body.starts_at, body.ends_at)]}

    @endpoint(
        "POST", "/leave-plans", resource="leave_plan", action="create", body=NewLeave, status=201, idempotent=True
    )
    def plan(self, body: NewLeave) -> dict[str, Any]:
        """Enter the leave and settle its visits in the background; 409 VISITS_CHANGED when others are in it now."""
        check_keeper(body.doctor_id)
        decisions = [
            Decision(item.appointment_id, item.action, item.doctor_id, item.starts_at, item.refund)
            for item in body.visits
        ]
        leave, _run = plan_leave(body.doctor_id, body.starts_at, body.ends_at, decisions, reason=body.reason)
        return _show(leave)

    @endpoint("GET", "/leave-plans/<id:doctor_leave_id>", resource="leave_plan", action="read")
    def leave(self, doctor_leave_id: str) -> dict[str, Any]:
        """A leave, and what became of its visits so far."""
        leave = db.session.get(DoctorLeave, doctor_leave_id)
        if leave is None:
            raise NotFound
        return _show(leave)


def _show(leave: DoctorLeave) -> dict[str, Any]:
    visits = leave_visits(leave.id)
    run = visits[0].run if visits else None
    return {
        "id": leave.id,
        "doctorId": leave.doctor_id,
        "startsAt": leave.starts_at,
        "endsAt": leave.ends_at,
        "reason": leave.reason,
        "cancelledAt": leave.cancelled_at,
        "job": progress_of(run) if run else None,
        "visits": [_show_visit(row) for row in visits],
    }


def _show_visit(row: LeaveVisit) -> dict[str, Any]:
    return {
        "appointmentId": row.appointment_id,
        "action": row.action,
        "doctorId": row.to_doctor_id,
        "startsAt": row.to_starts_at,
        "refund": row.refund,
        "status": row.status,
        "problem": row.problem,
    }


def _show_choice(item: Affected) -> dict[str, Any]:
    return {
        "appointmentId": item.visit.id,
        "patientId": item.visit.patient_id,
        "startsAt": item.visit.starts_at,
        "type": item.visit.type,
        "status": item.visit.status,
        "paid": item.paid.to_json(),
        "currency": item.paid.currency,
        "targets": [{"doctorId": target.doctor.id, "startsAt": target.starts_at} for target in item.targets],
    }
