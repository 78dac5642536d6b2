"""Charts that count equal times first count the same."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Integer, cast, func

from app.core.views import Chart
from app.core.views.charts import chart_rows
from app.scheduling.models import Appointment, AppointmentStatus
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
