"""The list of visits: what it shows to whom, how it pages, and that it stays on its indexes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core.tenant import tenant_scope
from app.tenancy.models import Clinic
from tests.factories.people import make_patient
from tests.factories.scheduling import local, make_appointment, make_location, make_open_doctor, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")


def ids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [item["id"] for item in answer.json["items"]]


def test_a_row_has_what_a_schedule_shows(caller: Callable[..., Any]) -> None:
    visit = make_appointment(make_open_doctor(first_name="Anil", last_name="Rao"))
    (row,) = caller("RECEPTIONIST").get("/appointments").json["items"]
    assert (row["id"], row["doctorName"], row["status"]) == (visit.id, "Dr Anil Rao", "SCHEDULED")
    assert (row["patientName"], row["mrn"]) == (visit.patient.name, visit.patient.mrn)
    assert row["startsAt"] == visit.starts_at.isoformat()
    assert "notes" not in row


def test_pages_follow_each_other_without_gaps(caller: Callable[..., Any]) -> None:
    doctor, receptionist = make_open_doctor(), caller("RECEPTIONIST")
    visits = [make_appointment(doctor, starts_at=local(tomorrow(), 10 + n)).id for n in range(5)]
    visits.insert(1, make_appointment(starts_at=local(tomorrow(), 10)).id)
    for order, expected in (("asc", visits), ("desc", visits[::-1])):
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            answer = receptionist.get("/appointments", query_string={"limit": 2, "order": order, **cursor})
            found += ids(answer)
            if not answer.json["nextCursor"]:
                break
            cursor = {"cursor": answer.json["nextCursor"]}
        assert found == expected
    assert receptionist.get("/appointments", query_string={"count": "true"}).json["count"] == 6


def test_filters(caller: Callable[..., Any]) -> None:
    day, location = tomorrow(), make_location()
    doctor, patient, receptionist = make_open_doctor(location), make_patient(), caller("RECEPTIONIST")
    early = make_appointment(doctor, patient_id=patient.id, starts_at=local(day, 0, 15)).id
    late = make_appointment(doctor, starts_at=local(day, 23)).id
    next_day = make_appointment(starts_at=local(day + timedelta(days=1), 0, 15), type="VIDEO_CALL").id
    receptionist.post(f"/appointments/{late}/cancel")

    def found(**query: Any) -> list[str]:
        return ids(receptionist.get("/appointments", query_string=query))

    assert found(date=day) == [early, late]
    assert found(**{"from": day, "to": day + timedelta(days=1)}) == [early, late, next_day]
    assert found(**{"from": local(day, 12).isoformat(), "to": local(day, 23, 30).isoformat()}) == [late]
    assert found(doctorId=doctor.id) == [early, late]
    assert found(patientId=patient.id) == [early]
    assert found(locationId=location.id) == [early, late]
    assert found(status="CANCELLED") == [late]
    assert found(status="SCHEDULED,CANCELLED") == [early, late, next_day]
    assert found(type="VIDEO_CALL") == [next_day]


@pytest.mark.parametrize(
    "query",
    [{"date": "x"}, {"from": "2026-13-01"}, {"status": "LOST"}, {"doctorId": "1"}, {"limit": 101}, {"order": "up"}],
)
def test_a_bad_filter_is_refused(caller: Callable[..., Any], query: dict[str, Any]) -> None:
    assert caller("RECEPTIONIST").get("/appointments", query_string=query).status_code == 422


def test_a_patient_sees_their_own_only(caller: Callable[..., Any]) -> None:
    me = make_patient()
    mine = make_appointment(patient_id=me.id).id
    other = make_appointment()
    patient = caller("PATIENT", patient_id=me.id)
    assert ids(patient.get("/appointments")) == [mine]
    assert ids(patient.get("/appointments", query_string={"patientId": other.patient_id})) == []
    assert ids(caller("PATIENT").get("/appointments")) == []


def test_a_location_head_sees_their_location(caller: Callable[..., Any]) -> None:
    location = make_location()
    here = make_appointment(make_open_doctor(location))
    elsewhere = make_appointment()
    head = caller("LOCATION_HEAD", location_id=location.id)
    assert ids(head.get("/appointments")) == [here.id]
    assert head.get(f"/appointments/{elsewhere.id}").status_code == 404


def test_other_clinics_visits_are_not_listed(other_clinic: Clinic, caller: Callable[..., Any]) -> None:
    with tenant_scope(other_clinic.id):
        make_appointment()
    assert ids(caller("RECEPTIONIST").get("/appointments")) == []
