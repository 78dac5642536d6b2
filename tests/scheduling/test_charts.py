"""Charts count the same whichever way they count, by the clinic's months."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Integer, cast, func, update

from app.core import clock
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.core.views import Chart
from app.core.views.charts import chart_rows, month_firsts, monthly
from app.people.models import Patient
from app.scheduling.models import Appointment, AppointmentStatus
from app.tenancy.queries import settings_in_scope
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def hour(moment: Any) -> Any:
    return cast(func.extract("hour", moment), Integer)


def test_equal_times_counted_first_give_the_same_groups() -> None:
    doctors = make_open_doctor(), make_open_doctor()
    for doctor in doctors:
        for minute in (0, 30):
            make_appointment(doctor=doctor, starts_at=local(tomorrow(), 11, minute))
    make_appointment(doctor=doctors[0], starts_at=local(tomorrow(), 15))
    options: dict[str, Any] = {"only": lambda: Appointment.status == AppointmentStatus.SCHEDULED, "chronological": True}
    plain = Chart("hour", "Hour", lambda: hour(Appointment.starts_at), **options)
    few = Chart("hour", "Hour", hour, few=Appointment.starts_at, **options)
    rows = chart_rows(few, Appointment)
    assert sum(value for _group, value in rows) == 5
    assert rows == chart_rows(plain, Appointment)


def registered(at: datetime) -> None:
    patient_id = make_patient().id
    with unit_of_work():
        db.session.execute(update(Patient).where(Patient.id == patient_id).values(created_at=at))


@pytest.mark.parametrize("by", ["index", "bucket"])
def test_months_are_the_clinics_and_none_is_left_out(other_clinic: Any, by: str) -> None:
    value = {} if by == "index" else {"value": lambda: func.count()}
    chart = monthly("registered", "Registered", Patient.created_at, **value)
    zone = ZoneInfo(settings_in_scope().zone)
    firsts = month_firsts(clock.now().astimezone(zone).date())
    begin = datetime(firsts[-3].year, firsts[-3].month, 1, tzinfo=zone)
    with tenant_scope(other_clinic.id):
        registered(begin)
    for at in (begin - timedelta(seconds=1), begin, begin + timedelta(days=3), begin.replace(year=begin.year - 3)):
        registered(at)
    counted = chart_rows(chart, Patient)
    assert [day for day, _number in counted] == [first.isoformat() for first in firsts[:-1]]
    assert {day: number for day, number in counted if number} == {firsts[-4].isoformat(): 1, firsts[-3].isoformat(): 2}


def test_twelve_months_end_with_this_one() -> None:
    firsts = month_firsts(date(2026, 1, 31))
    assert (firsts[0], firsts[-2], firsts[-1], len(firsts)) == (
        date(2025, 2, 1),
        date(2026, 1, 1),
        date(2026, 2, 1),
        13,
    )
    assert month_firsts(date(2026, 12, 1))[-1] == date(2027, 1, 1)
