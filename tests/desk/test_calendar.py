"""The calendar's data: columns of doctors or of days, whose visits and which, in few statements."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.core import clock
from app.core.transaction import unit_of_work
from app.scheduling.models import Appointment
from app.scheduling.queries import lock_appointment
from app.scheduling.services import cancel_appointment, confirm_appointment
from tests.desk.conftest import Screen, words
from tests.factories.access import set_settings
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import local, make_appointment, make_exception, make_location, make_rule, tomorrow
from tests.statements import recorded_statements

# Who asks (session, membership, settings), the doctors twice, the visits; and one for each doctor's hours.
FEW = 12
NEW_YORK = "America/New_York"


def make_morning_doctor(place: Any, last_name: str, **overrides: Any) -> Any:
    """Works from nine to twelve every day."""
    doctor = make_doctor(location_ids=(place.id,), first_name="Anita", last_name=last_name, **overrides)
    for weekday in range(7):
        make_rule(doctor, place, weekday, opens=time(9), closes=time(12))
    return doctor


@pytest.fixture
def place(in_clinic: Any) -> Any:
    return make_location(name="Residency Road")


@pytest.fixture
def rao(place: Any) -> Any:
    return make_morning_doctor(place, "Rao")


@pytest.fixture
def sen(place: Any) -> Any:
    return make_morning_doctor(place, "Sen")


@pytest.fixture
def visit(rao: Any, sen: Any) -> Appointment:
    """Kavya at half past nine with Dr Rao, tomorrow."""
    patient = make_patient(first_name="Kavya", last_name="Nair")
    return make_appointment(rao, starts_at=local(tomorrow(), 9, 30), patient_id=patient.id)


def data_of(screen: Screen, query: str = "") -> Any:
    return screen.page(f"/calendar/data?on={tomorrow()}{query}").json


def titles(data: Any) -> list[str]:
    return [column["title"] for column in data["columns"]]


def test_doctors_stand_side_by_side_with_their_visits_by_the_clinics_clock(desk: Screen, visit: Appointment) -> None:
    data = data_of(desk)
    assert titles(data) == ["Dr Rao", "Dr Sen"]
    assert [column["note"] for column in data["columns"]] == ["1 visit", "0 visits"]
    assert data["columns"][0]["slots"][2] == ["09:30", "09:45", visit.starts_at.isoformat(), visit.location_id]
    assert len(data["columns"][0]["slots"]) == 12
    (shown,) = data["visits"]
    assert (shown["doctorId"], shown["on"]) == (visit.doctor_id, str(tomorrow()))
    assert (shown["from"], shown["until"], shown["patient"]) == ("09:30", "09:45", "Kavya Nair")
    assert shown["movable"] is True


def test_who_does_not_work_that_day_has_no_column_unless_asked_for(desk: Screen, visit: Appointment, sen: Any) -> None:
    make_exception(sen, "REMOVE", tomorrow())
    assert titles(data_of(desk)) == ["Dr Rao"]
    away = data_of(desk, f"&doctor={sen.id}")
    assert titles(away) == ["Dr Sen"] and away["columns"][0]["slots"] == []


def test_a_week_is_seven_days_of_one_doctor(desk: Screen, visit: Appointment, rao: Any) -> None:
    data = data_of(desk, f"&view=week&doctor={rao.id}")
    monday = tomorrow() - timedelta(days=tomorrow().weekday())
    assert data["days"] == [str(monday + timedelta(days=number)) for number in range(7)]
    assert {column["doctorId"] for column in data["columns"]} == {rao.id}
    assert data["visits"][0]["on"] == data["columns"][tomorrow().weekday()]["on"] == str(tomorrow())


def test_a_week_has_several_doctors_side_by_side_on_each_day(
    desk: Screen, visit: Appointment, rao: Any, sen: Any
) -> None:
    data = data_of(desk, f"&view=week&doctor={sen.id}&doctor={rao.id}")
    assert [(column["day"][:3], column["title"]) for column in data["columns"][:3]] == [
        ("Mon", "Dr Rao"), ("Mon", "Dr Sen"), ("Tue", "Dr Rao"),
    ]  # fmt: skip
    assert [column["on"] for column in data["columns"]] == [day for day in data["days"] for _each in range(2)]
    assert {(shown["doctorId"], shown["on"]) for shown in data["visits"]} == {(rao.id, str(tomorrow()))}


def test_a_week_has_room_for_six_doctors(desk: Screen, place: Any) -> None:
    many = "".join(f"&doctor={make_doctor(location_ids=(place.id,)).id}" for _each in range(8))
    assert len(data_of(desk, f"&view=week{many}")["columns"]) == 6 * 7


def test_a_doctors_week_is_their_own(screen_of: Any, visit: Appointment, sen: Any) -> None:
    data = data_of(screen_of("DOCTOR", doctor_id=sen.id), "&view=week")
    assert {column["doctorId"] for column in data["columns"]} == {sen.id}


def test_filters_narrow_the_visits(desk: Screen, visit: Appointment, rao: Any, place: Any) -> None:
    other = make_appointment(rao, starts_at=local(tomorrow(), 10))
    with unit_of_work():
        confirm_appointment(lock_appointment(other.id))

    def shown(query: str) -> list[str]:
        return [item["id"] for item in data_of(desk, query)["visits"]]

    assert shown("") == [visit.id, other.id]
    assert shown("&status=CONFIRMED") == [other.id]
    assert shown("&type=VIDEO_CALL") == []
    assert shown("&type=IN_PERSON") == [visit.id, other.id]
    assert shown(f"&location={place.id}") == [visit.id, other.id]
    assert shown(f"&location={make_location().id}") == []


def test_what_was_called_off_is_seen_only_by_who_asks(desk: Screen, visit: Appointment) -> None:
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "OTHER")
    assert data_of(desk)["visits"] == []
    (shown,) = data_of(desk, "&status=CANCELLED")["visits"]
    assert shown["id"] == visit.id and shown["movable"] is False


def test_a_location_head_sees_the_own_location(screen_of: Any, visit: Appointment, place: Any) -> None:
    elsewhere = make_location()
    joshi = make_morning_doctor(elsewhere, "Joshi")
    other = make_appointment(joshi, starts_at=local(tomorrow(), 9))
    head = screen_of("LOCATION_HEAD", location_id=place.id)
    data = data_of(head, f"&location={elsewhere.id}")
    assert titles(data) == ["Dr Rao", "Dr Sen"]
    assert [item["id"] for item in data["visits"]] == [visit.id]
    assert head.piece(f"/calendar/visits/{other.id}").status_code == 404
    assert head.piece("/calendar/new").status_code == 403


def test_a_visit_opens_with_the_times_it_can_move_to(desk: Screen, visit: Appointment, sen: Any) -> None:
    shown = words(desk.piece(f"/calendar/visits/{visit.id}"))
    assert "Kavya Nair" in shown and "Move the visit here" in shown
    other = desk.piece(f"/calendar/times?visit={visit.id}&doctorId={sen.id}&on={tomorrow()}").text
    assert f"{local(tomorrow(), 9).isoformat()}|{visit.location_id}" in other


def test_a_visit_of_a_doctor_who_left_can_be_given_to_another(desk: Screen, visit: Appointment, rao: Any) -> None:
    with unit_of_work():
        rao.active = False
    shown = desk.piece(f"/calendar/visits/{visit.id}").text
    assert f'<option value="{rao.id}" selected>' in shown
    assert "Dr Anita Sen" in words(desk.piece(f"/calendar/visits/{visit.id}"))
    assert titles(data_of(desk)) == ["Dr Rao", "Dr Sen"]


def test_what_is_over_is_not_moved(desk: Screen, visit: Appointment) -> None:
    with unit_of_work():
        cancel_appointment(lock_appointment(visit.id), "OTHER")
    shown = words(desk.piece(f"/calendar/visits/{visit.id}"))
    assert "Kavya Nair" in shown and "Move" not in shown


def test_notes_for_the_doctor_are_the_doctors(screen_of: Any, rao: Any) -> None:
    visit = make_appointment(rao, notes="Bring the old prescription")
    assert "old prescription" in words(screen_of("DOCTOR", doctor_id=rao.id).piece(f"/calendar/visits/{visit.id}"))
    assert "old prescription" not in words(screen_of("NURSE").piece(f"/calendar/visits/{visit.id}"))


@pytest.mark.parametrize(
    "query",
    ["on=never&view=fortnight&doctor=x&location=1&type=ALL&status=%00", "on=9999-12-31&view=week", "on=0001-01-01"],
)
def test_a_mistyped_address_shows_a_calendar_all_the_same(desk: Screen, visit: Appointment, query: str) -> None:
    assert desk.page(f"/calendar/?{query}").status_code == 200


@pytest.mark.parametrize(
    "path", ["times", "times?doctorId=1", "new", "new?doctorId=00000000-0000-0000-0000-000000000000"]
)
def test_times_of_nobody_are_not_found(desk: Screen, path: str) -> None:
    assert desk.piece(f"/calendar/{path}").status_code == 404


@pytest.mark.parametrize("role", ["RECEPTIONIST", "DOCTOR", "NURSE", "SYSTEM_AUDITOR"])
def test_a_visit_leads_to_a_page_that_the_reader_may_open(screen_of: Any, visit: Appointment, role: str) -> None:
    screen = screen_of(role)
    [address] = re.findall(r'data-visit-page="([^"]+)"', screen.page("/calendar/").text)
    assert screen.page(address + visit.id).status_code == 200


@pytest.mark.parametrize("role", ["PATIENT", "ACCOUNTANT", "FINANCE_BILLING", "PHARMACIST"])
def test_the_calendar_is_the_care_teams(screen_of: Any, visit: Appointment, role: str) -> None:
    for path in ("/calendar/", "/calendar/data", f"/calendar/visits/{visit.id}"):
        assert screen_of(role).page(path).status_code == 403


def test_one_statement_reads_all_visits_of_the_range(desk: Screen, visit: Appointment, rao: Any, sen: Any) -> None:
    for quarter in range(4):
        make_appointment(sen, starts_at=local(tomorrow(), 10, 15 * quarter))
    data_of(desk)
    with recorded_statements() as sent:
        assert len(data_of(desk)["visits"]) == 5
    assert len([statement for statement in sent if statement.startswith("SELECT appointment.id")]) == 1
    assert len(sent) <= FEW, "\n".join(sent)


def test_what_follows_others_costs_the_same_with_many_doctors(desk: Screen, visit: Appointment, place: Any) -> None:
    data_of(desk, "&part=visits")
    with recorded_statements() as few:
        known = data_of(desk, "&part=visits")
    for number in range(6):
        doctor = make_morning_doctor(place, f"Doctor{number}")
        make_appointment(doctor, starts_at=local(tomorrow(), 9))
    with recorded_statements() as many:
        assert len(data_of(desk, "&part=visits")["visits"]) == 7
    assert len(many) == len(few)
    whole = data_of(desk)
    assert known["visits"] == [item for item in whole["visits"] if item["id"] == visit.id]
    assert known["columns"][0] == {**known["columns"][0], "slots": [], "note": "1 visit"}


def next_spring_forward() -> date:
    """The next day on which New York has no half past two in the night."""
    day = clock.today(NEW_YORK)
    while True:
        day += timedelta(days=1)
        night = datetime.combine(day, time(2, 30), ZoneInfo(NEW_YORK))
        if night.astimezone(UTC).astimezone(night.tzinfo).hour != night.hour:
            return day


def test_times_are_the_clinics_wall_clock_also_when_the_clocks_change(desk: Screen, in_clinic: Any, place: Any) -> None:
    set_settings(in_clinic.id, zone=NEW_YORK, book_ahead_days=400)
    spring = next_spring_forward()
    doctor = make_doctor(location_ids=(place.id,), last_name="Marsh")
    make_rule(doctor, place, spring.weekday(), opens=time(1), closes=time(5), slot_minutes=30)
    starts_at = datetime.combine(spring, time(3, 30), ZoneInfo(NEW_YORK))
    make_appointment(doctor, starts_at=starts_at)
    data = desk.page(f"/calendar/data?on={spring}").json
    starts = [slot[0] for slot in data["columns"][0]["slots"]]
    assert starts == ["01:00", "01:30", "03:00", "03:30", "04:00", "04:30"]
    assert (data["visits"][0]["from"], data["visits"][0]["until"]) == ("03:30", "04:00")
    assert data["columns"][0]["slots"][3][2] == starts_at.astimezone(UTC).isoformat()
