"""Reminders: due once, at the hours of the clinic, and never for a visit that is called off or moved meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from threading import Event, Thread
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.messaging.delivery import send
from app.messaging.models import Message
from app.scheduling.events import AppointmentReminderDue, AppointmentRescheduled
from app.scheduling.jobs import remind_of_visits
from app.scheduling.listeners import tell_of_move, tell_of_reminder
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, reschedule
from app.scheduling.services.reminders import due_reminders, give_reminder
from tests.factories.access import make_member, make_user, set_settings
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

HOUR = timedelta(hours=1)


@pytest.fixture
def visit() -> Iterator[Appointment]:
    """A visit in a week, whose patient hears of it in the app."""
    patient = make_patient(preferred_channel="NONE")
    made = make_appointment(starts_at=local(tomorrow() + timedelta(days=6)), patient_id=patient.id)
    make_member(made.clinic_id, "PATIENT", make_user(), patient_id=patient.id)
    yield made


def before(visit: Appointment, ahead: timedelta) -> Any:
    return clock.travel(visit.starts_at - ahead - clock.now())


def given() -> list[int]:
    """The steps at which reminders were announced."""
    db.session.rollback()
    wanted = select(EventRecord).where(EventRecord.type == AppointmentReminderDue.type)
    return [record.payload["hours"] for record in db.session.scalars(wanted.order_by(EventRecord.id))]


def queued(visit: Appointment, hours: int = 24) -> Message:
    """The reminder in the outbox."""
    with unit_of_work():
        tell_of_reminder(AppointmentReminderDue.about(visit, hours=hours))
    wanted = select(Message).where(Message.template == "appointment_reminder").order_by(Message.id.desc())
    found = db.session.scalars(wanted).first()
    assert found is not None
    return found


def sent(message: Message) -> str:
    send(message.clinic_id, message.id)
    db.session.rollback()
    db.session.refresh(message)
    return message.status


def test_a_day_and_two_hours_before_and_each_once(visit: Appointment) -> None:
    with before(visit, 25 * HOUR):
        assert remind_of_visits() == 0
    for ahead in (24 * HOUR, 23 * HOUR):
        with before(visit, ahead):
            remind_of_visits()
    assert given() == [24]
    for ahead in (2 * HOUR, HOUR * 1.5):
        with before(visit, ahead):
            remind_of_visits()
    assert given() == [24, 2]


def test_the_clinic_says_when(visit: Appointment) -> None:
    set_settings(visit.clinic_id, visit_reminder_hours="48")
    with before(visit, 47 * HOUR):
        assert due_reminders() == [(visit.id, 48)]
    set_settings(visit.clinic_id, visit_reminder_hours="")
    with before(visit, 47 * HOUR):
        assert due_reminders() == []


def test_a_worker_that_was_away_makes_up_for_hours_and_not_for_a_day(visit: Appointment) -> None:
    with before(visit, 19 * HOUR):
        assert due_reminders() == [(visit.id, 24)]
    with before(visit, 17 * HOUR):
        assert due_reminders() == []


def test_what_was_booked_or_moved_after_its_reminder_would_have_left_has_none() -> None:
    late = make_appointment(starts_at=local(tomorrow(), 10))
    with clock.travel(late.starts_at - 20 * HOUR - clock.now()):
        moved = make_appointment(starts_at=local(tomorrow() + timedelta(days=5), 10))
        fresh = make_appointment(starts_at=local(tomorrow(), 11))
        with unit_of_work():
            reschedule(lock_appointment(moved.id), local(tomorrow(), 12))
        assert fresh.id not in dict(due_reminders())
        assert moved.id not in dict(due_reminders())


@pytest.mark.parametrize("status", ["REQUESTED", "CHECKED_IN", "CANCELLED", "DECLINED", "NO_SHOW", "COMPLETED"])
def test_only_visits_that_are_still_to_come_are_reminded_of(visit: Appointment, status: str) -> None:
    with unit_of_work():
        visit.status = status
    with before(visit, 24 * HOUR):
        assert due_reminders() == []
        with unit_of_work():
            assert not give_reminder(visit.id, 24)


def test_it_leaves_for_a_visit_that_stands(visit: Appointment) -> None:
    assert sent(queued(visit)) in ("SENT", "DELIVERED")


def cancel(visit: Appointment) -> None:
    cancel_appointment(lock_appointment(visit.id), "PATIENT_REQUEST")


def move(visit: Appointment) -> None:
    reschedule(lock_appointment(visit.id), visit.starts_at + HOUR)


@pytest.mark.parametrize("change", [cancel, move])
def test_one_that_waits_in_the_outbox_does_not_leave_after_a_change(
    visit: Appointment, change: Callable[[Appointment], None]
) -> None:
    message = queued(visit)
    with unit_of_work():
        change(visit)
    assert sent(message) == "SUPPRESSED"


def test_one_that_waits_past_the_visit_does_not_leave(visit: Appointment) -> None:
    message = queued(visit)
    with before(visit, -HOUR):
        assert sent(message) == "SUPPRESSED"


@pytest.mark.parametrize("change", [cancel, move])
def test_one_that_would_leave_during_a_change_waits_for_it_and_stays(
    app: Any, visit: Appointment, change: Callable[[Appointment], None]
) -> None:
    """The worker has the message while the desk has the visit: whoever commits first decides."""
    message = queued(visit)
    changed, ended = Event(), Event()
    clinic_id, message_id = message.clinic_id, message.id

    def work() -> None:
        with app.app_context():
            changed.wait(60)
            send(clinic_id, message_id)
            ended.set()

    worker = Thread(target=work)
    worker.start()
    with unit_of_work():
        change(visit)
        db.session.flush()
        changed.set()
        assert not ended.wait(0.3), "the message left while its visit was being changed"
    worker.join(60)
    db.session.refresh(message)
    assert message.status == "SUPPRESSED"


def test_two_schedulers_give_it_out_once(app: Any, visit: Appointment) -> None:
    results: list[bool] = []

    def give(clinic_id: str, visit_id: str) -> None:
        with app.app_context(), tenant_scope(clinic_id), unit_of_work():
            results.append(give_reminder(visit_id, 24))

    with before(visit, 24 * HOUR):
        both = [Thread(target=give, args=(visit.clinic_id, visit.id)) for _ in range(4)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(60)
    assert sorted(results) == [False, False, False, True]
    assert given() == [24]


def test_a_visit_that_came_back_to_its_time_is_told_of_each_move_once(visit: Appointment) -> None:
    first, second = visit.starts_at, visit.starts_at + HOUR

    def told(to: datetime, of: datetime) -> int:
        with unit_of_work():
            reschedule(lock_appointment(visit.id), to)
        event = AppointmentRescheduled.about(visit, old_starts_at=of, old_doctor_id=visit.doctor_id)
        for _ in range(2):
            with unit_of_work():
                tell_of_move(event)
        return len(list(db.session.scalars(select(Message.id).where(Message.template == "appointment_rescheduled"))))

    assert [told(second, first), told(first, second), told(second, first)] == [1, 2, 3]
