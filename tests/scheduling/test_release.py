"""Unpaid visits give their slot back in time, and only then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.tenant import current_clinic_id, db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.scheduling.jobs import release_unpaid_visits
from app.scheduling.models import Appointment
from app.scheduling.queries import history_of, lock_appointment
from app.scheduling.services import PaymentAnswer, cancel_appointment, confirm_appointment, retake_slot
from app.scheduling.services import release as release_module
from tests.factories.catalog import make_price
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

LATER = timedelta(minutes=15, seconds=1)


@pytest.fixture
def answers() -> Iterator[dict[str, PaymentAnswer | Exception]]:
    """What the payments' side of the house says of a visit; NOT_PAID unless a test says otherwise."""
    known: dict[str, Any] = {}

    def question(appointment_id: str) -> PaymentAnswer:
        assert current_clinic_id() is not None
        answer = known.get(appointment_id, PaymentAnswer.NOT_PAID)
        if isinstance(answer, Exception):
            raise answer
        return answer

    before = list(release_module._questions)
    release_module._questions[:] = [question]
    yield known
    release_module._questions[:] = before


@pytest.fixture
def unpaid(caller: Callable[..., Any], answers: Any) -> Callable[..., Appointment]:
    """A video call that a patient booked and has not paid."""
    make_price()

    def book(doctor: Doctor | None = None) -> Appointment:
        me = make_patient()
        wanted = {"doctorId": (doctor or make_open_doctor()).id, "type": "VIDEO_CALL"}
        wanted["startsAt"] = local(tomorrow()).isoformat()
        visit = caller("PATIENT", patient_id=me.id).post("/appointments", json=wanted).json
        return db.session.get_one(Appointment, visit["id"])

    return book


def test_an_unpaid_visit_is_released_when_its_time_is_over(unpaid: Callable[..., Appointment]) -> None:
    doctor = make_open_doctor()
    visit = unpaid(doctor)
    with clock.travel(timedelta(minutes=14)):
        release_unpaid_visits()
    assert history_of(visit.id)[-1].kind == "BOOKED"
    with clock.travel(LATER):
        release_unpaid_visits()
    db.session.expire_all()
    assert (visit.status, visit.cancelled_reason, history_of(visit.id)[-1].kind) == ("CANCELLED", "UNPAID", "RELEASED")
    assert make_appointment(doctor).status == "SCHEDULED"


@pytest.mark.parametrize("answer", [PaymentAnswer.PAID, PaymentAnswer.UNKNOWN, RuntimeError("gateway down")])
def test_a_visit_is_kept_while_money_may_be_on_its_way(
    unpaid: Callable[..., Appointment], answers: dict[str, Any], answer: Any, caplog: pytest.LogCaptureFixture
) -> None:
    visit, other = unpaid(), unpaid()
    answers[visit.id] = answer
    with clock.travel(LATER):
        release_unpaid_visits()
    db.session.expire_all()
    assert (visit.status, other.status) == ("SCHEDULED", "CANCELLED")
    answers[visit.id] = PaymentAnswer.NOT_PAID
    with clock.travel(LATER):
        release_unpaid_visits()
    db.session.expire_all()
    assert visit.status == "CANCELLED"


def test_confirmed_and_desk_visits_are_never_released(unpaid: Callable[..., Appointment]) -> None:
    confirmed, at_desk = unpaid(), make_appointment()
    with unit_of_work():
        confirm_appointment(lock_appointment(confirmed.id))
    with clock.travel(timedelta(hours=12)):
        release_unpaid_visits()
    db.session.expire_all()
    assert (confirmed.status, at_desk.status) == ("CONFIRMED", "SCHEDULED")


def test_late_money_takes_the_slot_back_if_it_is_free(unpaid: Callable[..., Appointment]) -> None:
    doctor = make_open_doctor()
    visit = unpaid(doctor)
    with clock.travel(LATER):
        release_unpaid_visits()
    with clock.travel(2 * LATER), unit_of_work():
        assert retake_slot(lock_appointment(visit.id)) is True
    assert (visit.status, visit.cancelled_reason) == ("CONFIRMED", None)
    assert history_of(visit.id)[-1].kind == "RETAKEN"


def test_late_money_does_not_take_a_slot_from_somebody(unpaid: Callable[..., Appointment]) -> None:
    doctor = make_open_doctor()
    visit = unpaid(doctor)
    with clock.travel(LATER):
        release_unpaid_visits()
    winner = make_appointment(doctor)
    with unit_of_work():
        assert retake_slot(lock_appointment(visit.id)) is False
        assert visit.status == "CANCELLED"
    assert history_of(visit.id)[-1].kind == "RELEASED"
    assert db.session.get_one(Appointment, winner.id).status == "SCHEDULED"


def test_a_visit_that_a_person_cancelled_is_not_retaken(unpaid: Callable[..., Appointment]) -> None:
    visit = unpaid()
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "PATIENT_REQUEST")
    with unit_of_work():
        assert retake_slot(lock_appointment(visit.id)) is False
    assert visit.status == "CANCELLED"
