"""Recurring visits: each day is looked at, all are booked or none, and one or all that follow are changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from app.core.errors import Invalid
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.scheduling.models import Appointment, AppointmentSeries
from app.scheduling.services import book_appointment
from app.scheduling.services.series import (
    SeriesConflict,
    book_series,
    cancel_following,
    find_series_of,
    move_following,
    visits_of,
)
from app.scheduling.services.series_days import preview_series, series_times
from tests.daytime import ZONE
from tests.factories.access import set_settings
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_exception, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

TEN = local(tomorrow(), 10)
WEEK = timedelta(days=7)


@pytest.fixture
def doctor() -> Doctor:
    return make_open_doctor()


def make_series(doctor: Doctor, **overrides: Any) -> AppointmentSeries:
    """Four weekly visits at ten."""
    values = {"type": "IN_PERSON", "first_at": TEN, "every": "WEEK", "visits": 4, **overrides}
    patient_id = values.pop("patient_id", None) or make_patient().id
    with unit_of_work():
        return book_series(patient_id=patient_id, doctor_id=doctor.id, **values)


def count() -> int:
    return int(db.session.scalar(select(func.count()).select_from(Appointment)) or 0)


def starts(series: AppointmentSeries) -> list[Any]:
    db.session.expire_all()
    return [visit.starts_at for visit in visits_of(series.id)]


def test_all_visits_are_booked_at_the_same_time_of_day(doctor: Doctor) -> None:
    series = make_series(doctor, steps=2)
    assert starts(series) == [TEN + 2 * n * WEEK for n in range(4)]
    found = find_series_of(visits_of(series.id)[2].id)
    assert found is not None and found.id == series.id


def test_the_clinics_clock_counts_when_clocks_change(in_clinic: Any) -> None:
    set_settings(in_clinic.id, zone="Europe/Berlin")
    first = local(tomorrow().replace(year=2027, month=3, day=25), 9, zone=ZoneInfo("Europe/Berlin"))
    times = series_times(first, "DAY", 1, 6)
    assert [moment.astimezone(ZoneInfo("Europe/Berlin")).hour for moment in times] == [9] * 6
    assert times[-1] - times[0] == timedelta(days=5, hours=-1)


def test_a_month_without_that_day_has_its_last() -> None:
    first = local(tomorrow().replace(year=2027, month=1, day=31), 9)
    days = [moment.astimezone(ZONE).day for moment in series_times(first, "MONTH", 1, 4)]
    assert days == [31, 28, 31, 30]


@pytest.mark.parametrize(("visits", "steps"), [(1, 1), (53, 1), (4, 0), (4, 27)])
def test_rules_that_cannot_be_are_refused(visits: int, steps: int) -> None:
    with pytest.raises(Invalid):
        series_times(TEN, "WEEK", steps, visits)


def test_the_preview_tells_each_day_and_what_is_near(doctor: Doctor) -> None:
    make_appointment(doctor, starts_at=TEN + WEEK)
    make_exception(doctor, "REMOVE", tomorrow() + 2 * WEEK)
    days = preview_series(doctor.id, "IN_PERSON", [TEN - 3 * WEEK, *series_times(TEN, "WEEK", 1, 40)])
    assert [day.state for day in days[:5]] == ["PASSED_BY", "FREE", "TAKEN", "CLOSED", "FREE"]
    quarter = timedelta(minutes=15)
    assert days[2].others == tuple(TEN + WEEK + n * quarter for n in (-2, -1, 1, 2))
    assert days[3].others == ()
    assert days[-1].state == "TOO_FAR_AHEAD"


def test_one_day_that_is_taken_refuses_all_and_names_each(doctor: Doctor) -> None:
    for week in (1, 3):
        make_appointment(doctor, starts_at=TEN + week * WEEK)
    with pytest.raises(SeriesConflict) as refused:
        make_series(doctor)
    assert [day["startsAt"] for day in refused.value.extra["days"]] == [TEN + WEEK, TEN + 3 * WEEK]
    assert [len(day["alternatives"]) for day in refused.value.extra["days"]] == [3, 3]
    assert (count(), db.session.scalar(select(func.count()).select_from(AppointmentSeries))) == (2, 0)


def test_chosen_times_take_the_place_of_the_rules(doctor: Doctor) -> None:
    chosen = [TEN, TEN + WEEK + timedelta(minutes=15), TEN + 2 * WEEK]
    assert starts(make_series(doctor, times=chosen)) == chosen


@pytest.mark.parametrize("times", [[], [TEN, TEN], [TEN + n * timedelta(minutes=15) for n in range(5)]])
def test_times_that_are_no_choice_are_refused(doctor: Doctor, times: list[Any]) -> None:
    with pytest.raises(Invalid):
        make_series(doctor, times=times)
    assert count() == 0


def test_a_patient_who_does_not_exist_is_told_as_such(doctor: Doctor) -> None:
    with pytest.raises(Exception, match="PATIENT_NOT_FOUND|patient"):
        make_series(doctor, patient_id="01a1fe2a-c7f5-7072-b326-318d5fb9e005")


def test_this_and_all_following_are_called_off(doctor: Doctor) -> None:
    series = make_series(doctor)
    with unit_of_work():
        assert cancel_following(series, visits_of(series.id)[2].id, "PATIENT_REQUEST") == 2
    assert [visit.status for visit in visits_of(series.id)] == ["SCHEDULED"] * 2 + ["CANCELLED"] * 2


@pytest.mark.parametrize("days", [7, -7, 1])
def test_this_and_all_following_move_through_one_anothers_slots(doctor: Doctor, days: int) -> None:
    series = make_series(doctor)
    first, second, third, last = starts(series)
    by = timedelta(days=days)
    if days < 0:
        with unit_of_work():
            visits_of(series.id)[0].status = "CANCELLED"
    with unit_of_work():
        assert move_following(series, visits_of(series.id)[1].id, second + by) == 3
    assert starts(series) == [first, second + by, third + by, last + by]


def test_where_one_finds_no_slot_none_is_moved(doctor: Doctor) -> None:
    series = make_series(doctor)
    before = starts(series)
    make_appointment(doctor, starts_at=before[3] + timedelta(hours=2))
    with pytest.raises(SeriesConflict) as refused, unit_of_work():
        move_following(series, visits_of(series.id)[1].id, before[1] + timedelta(hours=2))
    db.session.rollback()
    assert [day["startsAt"] for day in refused.value.extra["days"]] == [before[3] + timedelta(hours=2)]
    assert starts(series) == before


def test_the_api_looks_books_moves_and_cancels(doctor: Doctor, caller: Callable[..., Any]) -> None:
    desk = caller("RECEPTIONIST")
    make_appointment(doctor, starts_at=TEN + WEEK)
    rule = {"doctorId": doctor.id, "type": "IN_PERSON", "firstAt": TEN.isoformat(), "every": "WEEK", "visits": 3}
    days = desk.post("/appointment-series/preview", json=rule).json["days"]
    assert [day["state"] for day in days] == ["FREE", "TAKEN", "FREE"]
    wanted = {**rule, "patientId": make_patient().id}
    refused = desk.post("/appointment-series", json=wanted)
    assert (refused.status_code, refused.json["error"]["code"]) == (409, "SERIES_CONFLICT")
    assert refused.json["error"]["days"][0]["startsAt"] == (TEN + WEEK).isoformat()
    chosen = [days[0]["startsAt"], days[1]["others"][0], days[2]["startsAt"]]
    made = desk.post("/appointment-series", json={**wanted, "times": chosen})
    assert (made.status_code, [visit["startsAt"] for visit in made.json["appointments"]]) == (201, chosen)
    path, second = f"/appointment-series/{made.json['id']}", made.json["appointments"][1]["id"]
    moved = desk.post(
        f"{path}/reschedule", json={"fromAppointmentId": second, "startsAt": (TEN + WEEK / 7 * 8).isoformat()}
    )
    assert [visit["startsAt"] for visit in moved.json["appointments"][1:]] == [
        (TEN + 8 * WEEK / 7).isoformat(), (TEN + 15 * WEEK / 7).isoformat()
    ]  # fmt: skip
    ended = desk.post(f"{path}/cancel", json={"fromAppointmentId": second}).json
    assert [visit["status"] for visit in ended["appointments"]] == ["SCHEDULED", "CANCELLED", "CANCELLED"]
    assert [item["id"] for item in desk.get("/appointment-series").json["items"]] == [made.json["id"]]
    assert caller("PATIENT", patient_id=wanted["patientId"]).get(path).status_code == 403


def test_the_screen_looks_books_and_changes_what_follows(doctor: Doctor, visitor: Callable[..., Any]) -> None:
    desk, patient = visitor("RECEPTIONIST"), make_patient()
    make_appointment(doctor, starts_at=TEN + WEEK)
    asked = {
        "patient": patient.id, "doctor": doctor.id, "type": "IN_PERSON", "first_at": f"{tomorrow()}T10:00",
        "steps": "1", "every": "WEEK", "visits": "3", "location": "", "notes": "",
    }  # fmt: skip
    page = desk.get("/series/new", query_string=asked)
    assert (page.status_code, "2 of 3 free" in page.text, "Leave this day out" in page.text) == (200, True, True)
    answer = desk.post("/series/new", data={**asked, "time": [TEN.isoformat(), "", (TEN + 2 * WEEK).isoformat()]})
    assert answer.status_code == 302, answer.text
    series = db.session.scalars(select(AppointmentSeries)).one()
    first, last = visits_of(series.id)
    assert last.id in desk.get(f"/appointmentseriesview/show/{series.id}").text
    moved = {"starts_at": f"{tomorrow()}T11:00", "doctor": doctor.id}
    assert desk.post(f"/series/{series.id}/move/{first.id}", data=moved).status_code == 302
    assert starts(series) == [TEN + timedelta(hours=1), TEN + 2 * WEEK + timedelta(hours=1)]
    assert desk.post(f"/series/{series.id}/cancel/{last.id}", data={"reason": "OTHER"}).status_code == 302
    assert [visit.status for visit in visits_of(series.id)] == ["SCHEDULED", "CANCELLED"]
    assert visitor("ACCOUNTANT").get("/series/new").status_code == 403


def test_a_desk_that_books_meanwhile_is_seen(doctor: Doctor) -> None:
    days = preview_series(doctor.id, "IN_PERSON", series_times(TEN, "WEEK", 1, 3))
    with unit_of_work():
        book_appointment(
            patient_id=make_patient().id, doctor_id=doctor.id, type="IN_PERSON", starts_at=days[1].starts_at
        )
    with pytest.raises(SeriesConflict):
        make_series(doctor, visits=3)
