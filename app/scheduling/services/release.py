"""Releasing visits that nobody paid for. Whoever knows about payments says whether money may still be on its way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, select

from app.core import clock
from app.core.tenant import db
from app.scheduling.models import Appointment, AppointmentStatus
from app.scheduling.services.lifecycle import release_appointment


class PaymentAnswer(StrEnum):
    """What is known of a visit's payment. Only NOT_PAID releases; the others are asked again at the next run."""

    NOT_PAID = "NOT_PAID"
    PAID = "PAID"
    UNKNOWN = "UNKNOWN"


PaymentQuestion = Callable[[str], PaymentAnswer]
_questions: list[PaymentQuestion] = []


def ask_before_release(question: PaymentQuestion) -> PaymentQuestion:
    """Declare (as a decorator) what is asked, with the visit's id, before it is released.

    It runs in the clinic's scope, outside any transaction, so that it may ask a gateway and commit what it learns.
    """
    if question not in _questions:
        _questions.append(question)
    return question


def may_be_released(appointment_id: str) -> bool:
    """Whether all who know about payments say that there is none."""
    return all(question(appointment_id) == PaymentAnswer.NOT_PAID for question in _questions)


def due_for_release(limit: int = 200) -> list[tuple[str, str]]:
    """(clinic, visit) whose time to pay is over, longest overdue first. Needs all_tenants()."""
    due = (
        select(Appointment.clinic_id, Appointment.id)
        .where(_unpaid(clock.now()))
        .order_by(Appointment.payment_due_at)
        .limit(limit)
    )
    return [(row.clinic_id, row.id) for row in db.session.execute(due)]


def release_if_still_unpaid(appointment_id: str) -> bool:
    """Release the visit unless somebody paid, confirmed or cancelled it meanwhile."""
    wanted = select(Appointment).where(Appointment.id == appointment_id, _unpaid(clock.now())).with_for_update()
    appointment = db.session.scalar(wanted.execution_options(populate_existing=True))
    if appointment is None:
        return False
    release_appointment(appointment)
    return True


def _unpaid(now: datetime) -> ColumnElement[bool]:
    return (
        (Appointment.status == AppointmentStatus.SCHEDULED)
        & Appointment.payment_due_at.is_not(None)
        & (Appointment.payment_due_at <= now)
    )
