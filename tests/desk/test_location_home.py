"""The home of a location's head: their own location's day, in numbers that agree with the visits."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.transaction import unit_of_work
from app.desk.queries.location_day import location_day, takings_at
from app.queueing.services import arrive, call_next
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import confirm_appointment, no_show, start
from tests.daytime import ZONE_NAME
from tests.desk.conftest import Screen, times_today, words
from tests.factories.billing import collect, make_priced_doctor
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import begin_now, make_appointment, make_location, make_room, make_rule
from tests.statements import recorded_statements

FEW = 30


@pytest.fixture
def place(in_clinic: Any) -> Any:
    return make_location(name="Residency Road")


@pytest.fixture
def doctor(place: Any) -> Any:
    return make_priced_doctor("800.00", location=place, first_name="Anita", last_name="Rao")


@pytest.fixture
def visits(doctor: Any) -> list[Appointment]:
    """Four visits of today that nobody has confirmed."""
    return [make_appointment(doctor, starts_at=moment) for moment in times_today(doctor)[:4]]


@pytest.fixture
def head(screen_of: Any, place: Any) -> Screen:
    screen: Screen = screen_of("LOCATION_HEAD", location_id=place.id)
    return screen


def test_the_log_in_leads_a_head_to_the_location(head: Screen) -> None:
    assert head.page("/").headers["Location"] == "/location/"


def test_load_waits_and_no_shows_agree_with_the_visits(place: Any, doctor: Any, visits: list[Appointment]) -> None:
    with unit_of_work():
        arrive(visits[1].id)
    begin_now(visits[0])
    with unit_of_work():
        no_show(lock_appointment(visits[0].id))
    day = location_day(place.id)
    (load,) = day.doctors
    assert (load.name, load.visits, load.no_shows, load.seen) == ("Dr Rao", 4, 1, 0)
    assert load.booked == timedelta(minutes=45)  # nobody sits through a no-show
    assert load.open == timedelta(hours=23, minutes=45)
    assert load.percent == 3
    assert (day.visits, day.no_shows, day.waiting) == (4, 1, 1)
    assert day.longest is not None and day.average is None
    with unit_of_work():
        call_next(doctor.id)
    assert location_day(place.id).average is not None


def test_who_has_not_confirmed_is_named_until_they_do(head: Screen, visits: list[Appointment]) -> None:
    day = location_day(visits[0].location_id)
    assert {item.id for item in day.unconfirmed} >= {visit.id for visit in visits if visit.starts_at > clock.now()}
    with unit_of_work():
        for visit in visits:
            confirm_appointment(lock_appointment(visit.id))
    assert location_day(visits[0].location_id).unconfirmed == []
    assert "Everybody has confirmed" in words(head.page("/location/"))


def test_a_room_is_in_use_while_somebody_is_treated_there(place: Any, doctor: Any) -> None:
    room = make_room(place, name="Room 4")
    other = make_priced_doctor("500.00", location=place, first_name="Vikram", last_name="Sen", default_room_id=room.id)
    visit = make_appointment(other, starts_at=times_today(other)[0])
    assert [(load.name, load.visits, load.busy) for load in location_day(place.id).rooms] == [("Room 4", 1, False)]
    with unit_of_work():
        arrive(visit.id)
        start(lock_appointment(visit.id))
    assert [load.busy for load in location_day(place.id).rooms] == [True]


def test_takings_are_of_this_location_alone(head: Screen, place: Any, visits: list[Appointment]) -> None:
    elsewhere = make_priced_doctor("500.00", location=make_location(), first_name="Vikram", last_name="Sen")
    collect(visits[0])
    collect(make_appointment(elsewhere, starts_at=times_today(elsewhere)[0]))
    assert [(code, amount.minor) for code, amount in takings_at(place.id)] == [("CASH", 80_000)]
    assert "₹ 800.00" in words(head.page("/location/")).replace("\xa0", " ")


def test_another_location_is_not_the_heads(head: Screen, place: Any, visits: list[Appointment]) -> None:
    elsewhere = make_location(name="Whitefield")
    doctor = make_priced_doctor("500.00", location=elsewhere, first_name="Vikram", last_name="Sen")
    patient = make_patient(first_name="Zubin", last_name="Irani")
    make_appointment(doctor, starts_at=times_today(doctor)[0], patient_id=patient.id)
    assert head.piece(f"/location/{elsewhere.id}/now").status_code == 404
    page = words(head.page(f"/location/?location={elsewhere.id}"))
    assert "Residency Road" in page and "Zubin Irani" not in page and "Whitefield" not in page


def test_an_administrator_chooses_the_location(screen_of: Any, place: Any, visits: list[Appointment]) -> None:
    elsewhere = make_location(name="Whitefield")
    admin = screen_of("CLINIC_ADMIN")
    assert "No visits today" in words(admin.page(f"/location/?location={elsewhere.id}"))
    assert visits[0].patient.name in words(admin.piece(f"/location/{place.id}/now"))


def test_walk_ins_only_are_a_load_too(place: Any, in_clinic: Any) -> None:
    doctor = make_doctor(location_ids=(place.id,), first_name="Anita", last_name="Joshi")
    make_rule(doctor, place, clock.today(ZONE_NAME).weekday(), opens=time(9), closes=time(12))
    make_token(doctor, place)
    (load,) = location_day(place.id).doctors
    assert (load.name, load.visits) == ("Dr Joshi", 0)
    assert load.line is not None and len(load.line.waiting) == 1
    assert load.open == timedelta(hours=3)


def test_a_clinic_without_locations_says_so(screen_of: Any) -> None:
    assert "no location yet" in words(screen_of("CLINIC_ADMIN").page("/location/"))


@pytest.mark.parametrize("role", ["RECEPTIONIST", "DOCTOR", "NURSE", "PATIENT", "FINANCE_BILLING"])
def test_the_page_is_the_heads(screen_of: Any, place: Any, role: str) -> None:
    screen = screen_of(role)
    assert screen.page("/location/").status_code == 403
    assert screen.piece(f"/location/{place.id}/now").status_code == 403


def test_the_page_takes_few_statements(head: Screen, visits: list[Appointment]) -> None:
    head.page("/location/")
    with recorded_statements() as sent:
        head.page("/location/")
    assert len(sent) <= FEW, "\n".join(sent)
