"""A doctor's leave with its visits: decided on one screen, carried out by a job that survives its worker (SPEC SCH-6).

The leave is in force with the order, so that nothing new is booked into it. Each visit is settled in a transaction with
the run's count of it. Locks: payments, then the visit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from flask_babel import gettext as _
from flask_babel import lazy_gettext
from sqlalchemy import select

from app.access.models import Member, User
from app.access.roles import Role
from app.core.errors import AppError, Conflict, Invalid
from app.core.ids import is_id, new_id
from app.core.principal import Membership, Principal, acting_as, may
from app.core.tenant import db, require_clinic
from app.jobs.models import JobRun
from app.jobs.services import Kind, declare_kind, order
from app.payments.models import Payment
from app.payments.services import approve_refund, may_decide, request_refund
from app.people.models import Doctor
from app.scheduling.models import (
    Appointment,
    CancelReason,
    DoctorLeave,
    LeaveAction,
    LeaveVisit,
    LeaveVisitStatus,
)
from app.scheduling.queries import lock_appointment
from app.scheduling.services.availability import add_leave
from app.scheduling.services.booking import MOVABLE, reschedule
from app.scheduling.services.leave_choices import affected_visits
from app.scheduling.services.lifecycle import cancel_appointment
from app.tenancy.queries import clinic_in_scope

LEAVE = "doctor-leave"


class VisitsChanged(Conflict):
    """The visits in that time are not those that were decided about."""

    code = "VISITS_CHANGED"


@dataclass(frozen=True)
class Decision:
    """What to do with one visit; a refund goes with calling it off."""

    appointment_id: str
    action: LeaveAction
    to_doctor_id: str | None = None
    to_starts_at: datetime | None = None
    refund: bool = False


def plan_leave(
    doctor_id: str, starts_at: datetime, ends_at: datetime, decisions: Sequence[Decision], *, reason: str = ""
) -> tuple[DoctorLeave, JobRun | None]:
    """Put the leave in force and order what was decided; no run where there is nothing to do.

    Raises VisitsChanged where a visit was booked or called off since somebody looked, Invalid, NotFound.
    """
    leave = add_leave(doctor_id, starts_at, ends_at, reason=reason)
    visits = affected_visits(doctor_id, starts_at, ends_at)
    decided = {item.appointment_id: item for item in decisions}
    if set(decided) != {visit.id for visit in visits}:
        raise VisitsChanged(_("The visits in this time have changed meanwhile: please look again."))
    wanted = [decided[visit.id] for visit in visits]
    for at, item in enumerate(wanted):
        _check(item, at)
    to_do = [item for item in wanted if item.action != LeaveAction.KEEP]
    run = order(LEAVE, len(to_do), doctor_leave_id=leave.id) if to_do else None
    rows = [*to_do, *(item for item in wanted if item.action == LeaveAction.KEEP)]
    db.session.add_all(_row(leave, run, position, item) for position, item in enumerate(rows, 1))
    db.session.flush()
    return leave, run


def _check(item: Decision, at: int) -> None:
    if item.action == LeaveAction.MOVE and (item.to_starts_at is None or item.to_doctor_id is None):
        raise Invalid(fields={f"visits.{at}.startsAt": _("Say where the visit moves to.")})
    if item.to_doctor_id is not None and (
        not is_id(item.to_doctor_id) or db.session.get(Doctor, item.to_doctor_id) is None
    ):
        raise Invalid(fields={f"visits.{at}.doctorId": _("This doctor does not exist.")})
    if item.refund and (item.action != LeaveAction.CANCEL or not may("refund", "request")):
        raise Invalid(fields={f"visits.{at}.refund": _("You cannot ask for this refund.")})


def _row(leave: DoctorLeave, run: JobRun | None, position: int, item: Decision) -> LeaveVisit:
    kept = item.action == LeaveAction.KEEP
    return LeaveVisit(
        id=new_id(),
        doctor_leave_id=leave.id,
        job_run_id=run.id if run else None,
        position=position,
        appointment_id=item.appointment_id,
        action=item.action,
        to_doctor_id=item.to_doctor_id,
        to_starts_at=item.to_starts_at,
        refund=item.refund,
        status=LeaveVisitStatus.DONE if kept else LeaveVisitStatus.PENDING,
    )


def leave_visits(leave_id: str) -> list[LeaveVisit]:
    """The visits of a leave in the order in which they are settled."""
    wanted = select(LeaveVisit).where(LeaveVisit.doctor_leave_id == leave_id).order_by(LeaveVisit.position)
    return list(db.session.scalars(wanted))


# ---- carrying it out ----


def _rows(run: JobRun) -> list[str]:
    wanted = select(LeaveVisit.id).where(LeaveVisit.job_run_id == run.id, LeaveVisit.action != LeaveAction.KEEP)
    return list(db.session.scalars(wanted.order_by(LeaveVisit.position)))


def _do(run: JobRun, ids: Sequence[str]) -> list[str]:
    """Settle visits in the name of whoever ordered it; why each was left out, if it was."""
    with acting_as(_person(run.requested_by_id)):
        return [_settle(db.session.get_one(LeaveVisit, row_id)) for row_id in ids]


def _settle(row: LeaveVisit) -> str:
    """What is refused is undone alone, and told on the row."""
    if row.status != LeaveVisitStatus.PENDING:
        return row.problem
    try:
        with db.session.begin_nested():
            _carry_out(row)
        row.status = LeaveVisitStatus.DONE
    except AppError as refusal:
        row.status = LeaveVisitStatus.FAILED
        row.problem = " ".join(str(text) for text in (refusal.fields or {}).values()) or str(refusal.message)
        row.problem = row.problem[:300]
    db.session.flush()
    return row.problem


def _carry_out(row: LeaveVisit) -> None:
    if row.refund:
        _refund(row.appointment_id)
    visit = lock_appointment(row.appointment_id)
    if visit.status not in MOVABLE or not _is_in(visit, row.leave):
        return  # called off, moved or begun meanwhile: nothing is left to do
    if row.action == LeaveAction.CANCEL:
        cancel_appointment(visit, CancelReason.DOCTOR_UNAVAILABLE)
    elif row.to_starts_at is not None:
        reschedule(visit, row.to_starts_at, doctor_id=row.to_doctor_id, reason=_("The doctor is on leave."))


def _is_in(visit: Appointment, leave: DoctorLeave) -> bool:
    meets = visit.starts_at < leave.ends_at and visit.ends_at > leave.starts_at
    return visit.doctor_id == leave.doctor_id and meets


def _refund(appointment_id: str) -> None:
    """Ask for all that was paid to go back, and approve it where this person may by themselves."""
    paid = select(Payment).where(
        Payment.appointment_id == appointment_id,
        Payment.captured_minor > Payment.refunded_minor + Payment.refund_pending_minor,
    )
    for payment in db.session.scalars(paid.order_by(Payment.id)).all():
        refund = request_refund(payment, None, _("The doctor is on leave."))
        if may("refund", "approve") and may_decide(refund):
            approve_refund(refund)


def _person(user_id: str | None) -> Principal | None:
    """Whoever ordered the run, with the role that they have now."""
    user = db.session.get(User, user_id) if user_id else None
    if user is None or not user.active:
        return None
    member = db.session.scalar(select(Member).where(Member.user_id == user.id, Member.active.is_(True)).limit(1))
    role = str(Role.SUPER_ADMIN) if user.super_admin else member.role if member else None
    if role is None:
        return None
    narrowed = {"doctor_id": member.doctor_id, "location_id": member.location_id} if member else {}
    active = Membership(require_clinic(), clinic_in_scope().name, role, **narrowed)
    return Principal(user.id, user.username, user.name, "-", (active,), active, user.super_admin, user.language)


declare_kind(
    Kind(
        LEAVE,
        lazy_gettext("Visits in a doctor's leave"),
        "report",
        _rows,
        _do,
        lambda _run: None,
        download=("leave_plan", "read"),
        batch=1,
    )
)
