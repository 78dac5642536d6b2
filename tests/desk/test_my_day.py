"""The doctor's screen: calling, starting, completing, and nobody else's patients."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.billing.models import Invoice
from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.desk.queries.my_day import week_ahead
from app.desk.queries.visits import day_of_visits
from app.people.models import Doctor
from app.queueing.models import QueueToken
from app.queueing.services import arrive, call_next
from app.scheduling.models import Appointment
from tests.daytime import ZONE_NAME
from tests.desk.conftest import Screen, times_today, words
from tests.factories.billing import make_priced_doctor
from tests.factories.scheduling import begin_now, local, make_appointment, make_exception
from tests.statements import recorded_statements

FEW = 24


@pytest.fixture
def surgery(screen_of: Any, doctor: Doctor) -> Screen:
    """The doctor's own screen."""
    screen: Screen = screen_of("DOCTOR", doctor_id=doctor.id)
    return screen


@pytest.fixture
def token(visit: Appointment) -> QueueToken:
    """The visit's patient waits."""
    with unit_of_work():
        return arrive(visit.id)[1]


def statuses(token: QueueToken) -> tuple[str, str]:
    db.session.expire_all()
    row = db.session.execute(
        select(Appointment.status, QueueToken.status)
        .join(QueueToken, QueueToken.appointment_id == Appointment.id)
        .where(QueueToken.id == token.id)
    ).one()
    return row[0], row[1]


def test_the_day_shows_own_visits_and_the_queue(surgery: Screen, visit: Appointment, token: QueueToken) -> None:
    other = make_appointment(make_priced_doctor(first_name="Vikram", last_name="Sen"))
    page = words(surgery.page("/my-day/"))
    assert "Dr Anita Rao" in page
    assert visit.patient.name in page
    assert token.number in page
    assert "1 patient waits." in page
    assert other.patient.name not in page or other.patient.name == visit.patient.name


def test_a_patient_is_called_started_and_completed(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    called = surgery.send(f"/my-day/{doctor.id}/call-next")
    assert statuses(token) == ("CHECKED_IN", "CALLED")
    assert "Start" in words(called) and "Complete" not in words(called)
    started = surgery.send(f"/my-day/tokens/{token.id}/start")
    assert statuses(token) == ("IN_PROGRESS", "SERVING")
    assert "Complete" in words(started)
    completed = surgery.send(f"/my-day/visits/{token.appointment_id}/complete")
    assert statuses(token) == ("COMPLETED", "SERVED")
    assert "Nobody is in the room" in words(completed)
    assert db.session.scalars(select(Invoice.status)).all() == ["OPEN"]


def test_a_patient_who_does_not_come_is_skipped_and_recalled(
    surgery: Screen, doctor: Doctor, token: QueueToken
) -> None:
    surgery.send(f"/my-day/{doctor.id}/call-next")
    surgery.send(f"/my-day/tokens/{token.id}/skip")
    assert statuses(token)[1] == "SKIPPED"
    surgery.send(f"/my-day/tokens/{token.id}/recall")
    assert statuses(token)[1] == "CALLED"


def test_a_no_show_leaves_the_queue(surgery: Screen, doctor: Doctor, visit: Appointment, token: QueueToken) -> None:
    begin_now(visit)
    with unit_of_work():
        call_next(doctor.id)
    surgery.send(f"/my-day/visits/{visit.id}/no-show")
    assert statuses(token) == ("NO_SHOW", "LEFT")


def test_a_step_out_of_turn_is_refused_in_words(surgery: Screen, token: QueueToken) -> None:
    answer = surgery.send(f"/my-day/visits/{token.appointment_id}/complete")
    assert answer.status_code == 409
    assert answer.headers["HX-Retarget"] == "#problem"
    assert statuses(token) == ("CHECKED_IN", "WAITING")


def test_another_doctors_patients_are_not_found(screen_of: Any, doctor: Doctor, token: QueueToken) -> None:
    stranger = make_priced_doctor(first_name="Vikram", last_name="Sen")
    screen = screen_of("DOCTOR", doctor_id=stranger.id)
    assert screen.piece(f"/my-day/{doctor.id}/now").status_code == 404
    assert screen.piece(f"/my-day/{doctor.id}/visits").status_code == 404
    for path in (
        f"/my-day/{doctor.id}/call-next",
        f"/my-day/tokens/{token.id}/start",
        f"/my-day/visits/{token.appointment_id}/start",
    ):
        assert screen.send(path).status_code == 404
    assert statuses(token) == ("CHECKED_IN", "WAITING")


def test_the_last_click_is_offered_to_be_taken_back(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    assert "Undo" not in words(surgery.page("/my-day/"))
    assert "Undo" in words(surgery.send(f"/my-day/{doctor.id}/call-next"))
    assert "Undo" not in words(surgery.send(f"/my-day/tokens/{token.id}/undo"))
    assert statuses(token) == ("CHECKED_IN", "WAITING")


def test_a_click_is_taken_back_only_by_who_made_it(
    surgery: Screen, screen_of: Any, doctor: Doctor, token: QueueToken
) -> None:
    screen_of("RECEPTIONIST").send(f"/desk/queues/{doctor.id}/call-next")
    page = words(surgery.page("/my-day/"))
    assert token.number in page and "Undo" not in page


def test_a_patient_is_called_out_of_turn(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    urgent = make_appointment(doctor, starts_at=times_today(doctor)[0])
    with unit_of_work():
        second = arrive(urgent.id)[1]
    surgery.send(f"/my-day/tokens/{second.id}/call")
    assert statuses(second)[1] == "CALLED"
    assert statuses(token)[1] == "WAITING"


def test_a_desks_call_takes_nobody_off_the_screens(
    surgery: Screen, screen_of: Any, doctor: Doctor, token: QueueToken
) -> None:
    """Whom the doctor called stays in the doctor's sight, and on the desk, when a desk calls the next meanwhile."""
    desk = screen_of("RECEPTIONIST")
    with unit_of_work():
        second = arrive(make_appointment(doctor, starts_at=times_today(doctor)[0]).id)[1]
    surgery.send(f"/my-day/{doctor.id}/call-next")
    desk.send(f"/desk/queues/{doctor.id}/call-next")
    assert [in_the_card(surgery, doctor), in_the_list(surgery, doctor)] == [token.number, [(second.number, "start")]]
    shown = desk.piece("/desk/queue").text
    assert f'token-number">{second.number}<' in shown
    assert f"/desk/queues/tokens/{token.id}/recall" in shown
    surgery.send(f"/my-day/tokens/{second.id}/start")
    assert [in_the_card(surgery, doctor), in_the_list(surgery, doctor)] == [second.number, [(token.number, "start")]]
    surgery.send(f"/my-day/tokens/{token.id}/start")
    assert in_the_list(surgery, doctor) == [(token.number, "done")]


def in_the_card(surgery: Screen, doctor: Doctor) -> str:
    [number] = re.findall(r'token-number big">([^<]+)<', surgery.piece(f"/my-day/{doctor.id}/now").text)
    return str(number)


def in_the_list(surgery: Screen, doctor: Doctor) -> list[tuple[str, str]]:
    """Number and button of each line under the card."""
    page = surgery.piece(f"/my-day/{doctor.id}/now").text
    return re.findall(r'next-number">([^<]+)<.*?/my-day/tokens/[^/]+/([^"]+)"', page)


def test_a_patient_who_is_sent_on_belongs_to_the_colleague(
    surgery: Screen, screen_of: Any, doctor: Doctor, token: QueueToken
) -> None:
    sen = make_priced_doctor(first_name="Vikram", last_name="Sen")
    visit_id = token.appointment_id
    said = surgery.send(f"/my-day/tokens/{token.id}/transfer", doctorId=sen.id, note="Second opinion")
    assert said.status_code == 200
    theirs = screen_of("DOCTOR", doctor_id=sen.id)
    (line,) = day_of_visits(clock.today(ZONE_NAME)).visits
    assert (line.id, line.token) == (visit_id, "B-01")
    assert surgery.send(f"/my-day/visits/{visit_id}/start").status_code == 404
    assert theirs.send(f"/my-day/{sen.id}/call-next").status_code == 200
    assert theirs.send(f"/my-day/visits/{visit_id}/start").status_code == 200
    assert theirs.send(f"/my-day/visits/{visit_id}/complete").status_code == 200
    db.session.expire_all()
    assert db.session.get_one(Appointment, visit_id).status == "COMPLETED"


@pytest.mark.parametrize("colleague", ["", "nobody", "00000000-0000-0000-0000-000000000000"])
def test_a_patient_is_not_sent_on_to_nobody(surgery: Screen, token: QueueToken, colleague: str) -> None:
    answer = surgery.send(f"/my-day/tokens/{token.id}/transfer", doctorId=colleague)
    assert answer.status_code in (404, 422)
    assert statuses(token)[1] == "WAITING"


def test_the_figures_are_todays(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    surgery.send(f"/my-day/{doctor.id}/call-next")
    surgery.send(f"/my-day/tokens/{token.id}/start")
    with clock.travel(timedelta(minutes=12)):
        surgery.send(f"/my-day/visits/{token.appointment_id}/complete")
    figures = re.sub(r"\s+", " ", words(surgery.piece(f"/my-day/{doctor.id}/visits")))
    assert "Seen 1" in figures and "A visit takes 12 min" in figures


def test_the_week_counts_visits_and_free_times(surgery: Screen, doctor: Doctor, visit: Appointment) -> None:
    day = clock.today(ZONE_NAME) + timedelta(days=2)
    make_appointment(doctor, starts_at=local(day))
    make_exception(doctor, "REMOVE", day + timedelta(days=1))
    week = week_ahead(doctor.id)
    assert [item.on for item in week] == [week[0].on + timedelta(days=number) for number in range(7)]
    assert (week[2].visits, week[2].works) == (1, True)
    assert week[2].free == week[4].free - 1
    assert (week[3].visits, week[3].free, week[3].works) == (0, 0, False)


def test_the_page_takes_few_statements(surgery: Screen, doctor: Doctor, token: QueueToken) -> None:
    surgery.page("/my-day/")
    with recorded_statements() as alone:
        surgery.page("/my-day/")
    for moment in times_today(doctor)[:4]:
        with unit_of_work():
            arrive(make_appointment(doctor, starts_at=moment).id)
    with recorded_statements() as crowded:
        surgery.page("/my-day/")
    assert len(crowded) <= len(alone) + 1  # the last visit of each patient, asked for all at once
    assert len(crowded) <= FEW, "\n".join(crowded)


def test_an_administrator_chooses_whose_day(screen_of: Any, doctor: Doctor, visit: Appointment) -> None:
    other = make_priced_doctor(first_name="Vikram", last_name="Sen")
    admin = screen_of("CLINIC_ADMIN")
    assert visit.patient.name in words(admin.page(f"/my-day/?doctor={doctor.id}"))
    assert visit.patient.name not in words(admin.page(f"/my-day/?doctor={other.id}"))


def test_a_doctor_without_a_record_is_told_so(screen_of: Any) -> None:
    assert "not linked to a doctor" in words(screen_of("DOCTOR").page("/my-day/"))


@pytest.mark.parametrize("role", ["RECEPTIONIST", "NURSE", "PATIENT", "FINANCE_BILLING"])
def test_the_day_is_the_doctors(screen_of: Any, doctor: Doctor, role: str) -> None:
    assert screen_of(role).page("/my-day/").status_code == 403
    assert screen_of(role).send(f"/my-day/{doctor.id}/call-next").status_code == 403


def test_times_today_are_the_doctors(doctor: Doctor, visit: Appointment) -> None:
    """The fixtures' own ground: the visit took the first free time."""
    assert visit.starts_at not in times_today(doctor)
