"""Times and days that no page of ours offers: the desk refuses the one in words and shows another for the other."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import Appointment
from tests.desk.conftest import Screen, times_today, words
from tests.factories.people import make_patient


@pytest.mark.parametrize("slot", ["", "soon|", "0001-01-01T00:00:00+14:00|", "9999-12-31T23:59:59-14:00|"])
def test_no_visit_is_booked_at_the_end_of_time(desk: Screen, doctor: Doctor, slot: str) -> None:
    path = f"/desk/patients/{make_patient().id}/visits"
    answer = desk.send(path, doctorId=doctor.id, type="IN_PERSON", slot=slot)
    assert answer.status_code == 422
    assert "Choose a time." in answer.text
    assert db.session.scalars(select(Appointment)).all() == []


@pytest.mark.parametrize("on", ["soon", "0001-01-01", "9999-12-31"])
def test_the_grid_of_no_day_is_that_of_another(desk: Screen, doctor: Doctor, visit: Appointment, on: str) -> None:
    for path in (f"visits/{visit.id}/times?on={on}", f"patients/{visit.patient_id}/times?doctorId={doctor.id}&on={on}"):
        answer = desk.piece(f"/desk/{path}")
        assert answer.status_code == 200
        assert 'name="slot"' in answer.text


def test_a_page_of_before_moves_nothing(desk: Screen, doctor: Doctor, visit: Appointment) -> None:
    page = desk.piece(f"/desk/visits/{visit.id}").text
    seen = dict(re.findall(r'name="(from|fromDoctor)" value="([^"]+)"', page))
    first, second = (f"{moment.isoformat()}|" for moment in times_today(doctor)[2:4])
    assert desk.send(f"/desk/visits/{visit.id}/move", slot=first, **seen).status_code == 200
    answer = desk.send(f"/desk/visits/{visit.id}/move", slot=second, **seen)
    assert answer.status_code == 409
    assert "Somebody else has moved this visit meanwhile" in words(answer)
