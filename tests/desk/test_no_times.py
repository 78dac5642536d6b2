"""A day without times says why: whoever stands at the desk or is on the telephone asks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from app.core import clock
from app.people.models import Doctor
from tests.daytime import ZONE, ZONE_NAME
from tests.desk.conftest import Screen, words
from tests.factories.people import make_doctor, make_patient
from tests.factories.scheduling import make_doctor_leave, make_exception

AHEAD = timedelta(days=3)


def times_of(desk: Screen, doctor: Doctor) -> str:
    on = clock.today(ZONE_NAME) + AHEAD
    return words(desk.piece(f"/desk/patients/{make_patient().id}/times?doctorId={doctor.id}&on={on}"))


def test_leave_is_told_with_its_days(desk: Screen, doctor: Doctor) -> None:
    first = clock.today(ZONE_NAME) + AHEAD
    midnight = datetime.combine(first, datetime.min.time(), ZONE)
    make_doctor_leave(doctor, starts_at=midnight, ends_at=midnight + timedelta(days=1))
    assert f"Dr Rao is on leave: {first.day} {first:%b}" in times_of(desk, doctor)


def test_a_holiday_is_told_with_its_name(desk: Screen, doctor: Doctor) -> None:
    make_exception(None, "REMOVE", clock.today(ZONE_NAME) + AHEAD, reason="Diwali")
    assert "Holiday: Diwali" in times_of(desk, doctor)


def test_a_doctor_without_hours_is_told_apart(desk: Screen, in_clinic: Any) -> None:
    idle = make_doctor(first_name="Vikram", last_name="Sen")
    assert "Dr Sen has no hours on this day." in times_of(desk, idle)
