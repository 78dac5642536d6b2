"""The doctor's week on one page: what it shows, and hours that are added, changed and taken out there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.scheduling.models import AvailabilityException, AvailabilityRule
from app.scheduling.queries.week import monday_of, week_of
from app.tenancy.models import Clinic
from tests.factories.people import make_doctor
from tests.factories.scheduling import (
    local,
    make_appointment,
    make_doctor_leave,
    make_exception,
    make_location,
    make_open_doctor,
    make_room,
    make_rule,
    tomorrow,
)

pytestmark = pytest.mark.usefixtures("in_clinic")


def page(doctor: Any) -> str:
    return f"/doctor-week/?doctor={doctor.id}&on={tomorrow()}"


def form(location: Any, **more: Any) -> dict[str, Any]:
    usual = {"kind": "weekly", "weekday": "2", "opens": "09:00", "closes": "12:30", "place": location.id}
    return {**usual, "slot_minutes": "20", "capacity": "1", "types": ["IN_PERSON"], **more}


def rules() -> list[AvailabilityRule]:
    db.session.expire_all()
    return list(db.session.scalars(select(AvailabilityRule)))


def exceptions() -> list[AvailabilityException]:
    db.session.expire_all()
    return list(db.session.scalars(select(AvailabilityException)))


def test_the_week_shows_hours_closed_time_holidays_leave_and_visits(visitor: Callable[..., Any]) -> None:
    day, location = tomorrow(), make_location(name="Lake Road")
    doctor = make_open_doctor(location)
    make_exception(doctor, "REMOVE", day, opens=time(13), closes=time(14), reason="Ward round")
    make_exception(None, "REMOVE", day, reason="Onam")
    make_exception(doctor, "ADD", day, opens=time(18), closes=time(20), location_id=location.id)
    make_doctor_leave(doctor, starts_at=local(day, 15), ends_at=local(day, 16), reason="Dentist")
    make_appointment(doctor, starts_at=local(day + timedelta(days=7)))
    shown = visitor("RECEPTIONIST").get(page(doctor)).text
    for words in ("Lake Road", "13:00–14:00", "Ward round", "Onam", "18:00–20:00", "15:00–16:00", "Dentist"):
        assert words in shown, words
    assert "data-week-block" not in shown  # a receptionist looks, and changes nothing
    assert "1 visit<" in visitor("RECEPTIONIST").get(f"{page(doctor)[:-10]}{day + timedelta(days=7)}").text


def test_blocks_of_a_day_that_is_left_early_end_there() -> None:
    doctor, day = make_doctor(), tomorrow()
    make_doctor_leave(doctor, starts_at=local(day, 16), ends_at=local(day + timedelta(days=1), 9, 30))
    found = [block for planned in week_of(doctor.id, monday_of(day)).days for block in planned.blocks]
    found += [
        block for planned in week_of(doctor.id, monday_of(day) + timedelta(days=7)).days for block in planned.blocks
    ]
    assert [(block.begins, block.ends) for block in found] == [(16 * 60, 24 * 60), (0, 9 * 60 + 30)]


def test_weekly_hours_are_added_changed_and_taken_out(visitor: Callable[..., Any]) -> None:
    doctor, location, admin = make_doctor(), make_location(), visitor("CLINIC_ADMIN")
    room = make_room(location)
    answer = admin.post(f"/doctor-week/{doctor.id}/hours", data=form(location, place=f"{location.id}/{room.id}"))
    assert answer.status_code == 302, answer.text
    (rule,) = rules()
    assert (rule.weekday, rule.opens, rule.closes, rule.room_id) == (2, time(9), time(12, 30), room.id)
    assert (rule.slot_minutes, rule.capacity, rule.types) == (20, 1, ["IN_PERSON"])
    path = f"/doctor-week/{doctor.id}/hours/weekly/{rule.id}"
    assert admin.post(path, data=form(location, closes="11:00", capacity="4")).status_code == 302
    (rule,) = rules()
    assert (rule.closes, rule.capacity, rule.room_id) == (time(11), 4, None)
    assert admin.post(f"{path}/delete").status_code == 302
    assert rules() == []


def test_extra_hours_and_closed_time_of_a_day(visitor: Callable[..., Any]) -> None:
    doctor, location, admin, day = make_doctor(), make_location(), visitor("CLINIC_ADMIN"), tomorrow().isoformat()
    path = f"/doctor-week/{doctor.id}/hours"
    admin.post(path, data=form(location, kind="extra", starts_on=day, reason="Camp"))
    closed = {"kind": "closed", "starts_on": day, "opens": "", "closes": "", "place": "", "reason": "Painters"}
    admin.post(path, data=closed)
    extra, shut = sorted(exceptions(), key=lambda item: item.kind)
    assert (extra.kind, extra.opens, extra.ends_on, extra.slot_minutes) == ("ADD", time(9), tomorrow(), 20)
    assert (shut.kind, shut.opens, shut.location_id, shut.reason) == ("REMOVE", None, None, "Painters")
    admin.post(f"{path}/closed/{shut.id}", data={**closed, "opens": "09:00", "closes": "10:00"})
    assert [item.opens for item in exceptions() if item.kind == "REMOVE"] == [time(9)]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"closes": "08:00"}, "Must be after the opening time."),
        ({"opens": "10:00", "weekday": "0"}, "Overlaps other hours of the same day."),
        ({"opens": ""}, "Say from when until when, and where."),
        ({"opens": "25:00"}, "This is not a time of day."),
        ({"place": "elsewhere"}, "Say from when until when, and where."),
        ({"slot_minutes": "1"}, "Whole numbers from 5 to 480, please."),
        ({"capacity": "many"}, "Whole numbers from 1 to 500, please."),
        ({"weekday": "7"}, "Whole numbers from 0 to 6, please."),
        ({"types": ["PHONE"]}, "Choose at least one kind of visit."),
        ({"kind": "extra", "starts_on": ""}, "Say on which day."),
        ({"kind": "extra", "starts_on": "soon"}, "This is not a date."),
        ({"kind": "extra", "starts_on": tomorrow().isoformat(), "ends_on": "20261-11-30"}, "This is not a date."),
        ({"valid_until": "9999-12-31"}, "This is not a date."),
    ],
)
def test_what_makes_no_sense_is_told_and_the_form_stays_as_it_was_typed(
    visitor: Callable[..., Any], change: dict[str, Any], words: str
) -> None:
    doctor, location = make_doctor(), make_location()
    make_rule(doctor, location, 0)
    answer = visitor("CLINIC_ADMIN").post(f"/doctor-week/{doctor.id}/hours", data=form(location, **change))
    assert answer.status_code == 422
    assert words in answer.text
    assert "data-draft" in answer.text
    assert len(rules()) == 1
    assert exceptions() == []


def test_who_may_change_a_week(visitor: Callable[..., Any]) -> None:
    own, other, location = make_doctor(), make_doctor(), make_location()
    rule, others = make_rule(own, location, 1), make_rule(other, location, 1)
    doctor = visitor("DOCTOR", doctor_id=own.id)
    assert "data-week-block" in doctor.get("/doctor-week/").text
    assert "data-week-block" not in doctor.get(page(other)).text
    path = "/doctor-week/{}/hours/weekly/{}/delete"
    assert doctor.post(path.format(own.id, others.id)).status_code == 404
    assert doctor.post(path.format(other.id, others.id)).status_code == 403
    assert visitor("RECEPTIONIST").post(path.format(own.id, rule.id)).status_code == 403
    assert visitor("PATIENT").get("/doctor-week/").status_code in (302, 403)
    assert doctor.post(path.format(own.id, rule.id)).status_code == 302
    assert [item.id for item in rules()] == [others.id]


def test_a_holiday_is_not_changed_as_one_doctors_time(visitor: Callable[..., Any]) -> None:
    doctor, holiday = make_doctor(), make_exception(None, "REMOVE", tomorrow())
    path = f"/doctor-week/{doctor.id}/hours/closed/{holiday.id}/delete"
    assert visitor("CLINIC_ADMIN").post(path).status_code == 404
    assert len(exceptions()) == 1


def test_another_clinics_doctor_is_unknown(other_clinic: Clinic, visitor: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        stranger_id = make_doctor().id
    admin = visitor("CLINIC_ADMIN")
    assert admin.get(f"/doctor-week/?doctor={stranger_id}").status_code == 404
    assert admin.get("/doctor-week/?doctor=x").status_code == 404
    assert admin.post(f"/doctor-week/{stranger_id}/hours").status_code == 404


@pytest.mark.parametrize("on", ["soon", "9999-12-31", "0001-01-01", "2026-02-30"])
def test_an_odd_day_shows_this_week(visitor: Callable[..., Any], on: str) -> None:
    doctor = make_open_doctor()
    shown = visitor("CLINIC_ADMIN").get(f"/doctor-week/?doctor={doctor.id}&on={on}")
    assert shown.status_code == 200
    assert "is-today" in shown.text


def test_the_lists_let_a_doctor_keep_nobody_elses_hours(visitor: Callable[..., Any]) -> None:
    own, other, location = make_doctor(), make_doctor(), make_location()
    others, holiday = make_rule(other, location, 1), make_exception(None, "REMOVE", tomorrow())
    doctor = visitor("DOCTOR", doctor_id=own.id)
    hours = {"location": location.id, "weekday": "1", "opens": "09:00", "closes": "12:00", "slot_minutes": "15"}
    mine = {"doctor": own.id, "capacity": "1", "types": ["IN_PERSON"], **hours}
    doctor.post(f"/availabilityruleview/edit/{others.id}", data=mine)
    doctor.post(f"/availabilityruleview/delete/{others.id}")
    day = {"kind": "REMOVE", "starts_on": tomorrow().isoformat(), "capacity": "1", "types": ["IN_PERSON"]}
    doctor.post(f"/availabilityexceptionview/edit/{holiday.id}", data={**day, "doctor": own.id})
    doctor.post(f"/availabilityexceptionview/delete/{holiday.id}")
    assert [item.doctor_id for item in rules()] == [other.id]
    assert [item.doctor_id for item in exceptions()] == [None]
    doctor.post("/availabilityruleview/add", data=mine)
    assert sorted(item.doctor_id for item in rules()) == sorted([own.id, other.id])
