"""Merging through the API and the console: who may, what is shown, what old ids answer."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core.tenant import db, tenant_scope
from app.people.models import Patient, PatientMerge
from tests.factories.billing import make_priced_visit
from tests.factories.people import make_patient

pytestmark = pytest.mark.usefixtures("in_clinic")
SAME = {"first_name": "Lata", "last_name": "Rao", "date_of_birth": "1960-05-05"}


def stored(clinic_id: str, patient_id: str) -> tuple[str | None, str]:
    """Telephone and city as they are now. A client's request leaves no clinic in scope."""
    with tenant_scope(clinic_id):
        patient = db.session.get_one(Patient, patient_id)
        return patient.phone, patient.city


def test_the_old_id_answers_as_the_survivor_everywhere(client_as: Any) -> None:
    survivor, other = make_patient(), make_patient()
    visit = make_priced_visit(patient_id=other.id)
    desk = client_as("RECEPTIONIST")
    answer = desk.post(f"/api/v1/patients/{survivor.id}/merge", json={"duplicateId": other.id, "reason": "Twice"})
    assert answer.status_code == 200
    assert answer.json["rows"]["appointment"] == 1
    assert desk.get(f"/api/v1/patients/{other.id}").json["id"] == survivor.id
    listed = desk.get("/api/v1/appointments", query_string={"patientId": other.id}).json["items"]
    assert [item["id"] for item in listed] == [visit.id]
    booked = desk.post(
        "/api/v1/appointments",
        json={
            "patientId": other.id, "doctorId": visit.doctor_id, "type": "IN_PERSON",
            "startsAt": visit.ends_at.isoformat(),
        },
        headers={"Idempotency-Key": other.id},
    )  # fmt: skip
    assert (booked.status_code, booked.json["patientId"]) == (201, survivor.id)
    history = desk.get(f"/api/v1/patients/{survivor.id}/merges").json["items"]
    assert [(item["mergedId"], item["reason"]) for item in history] == [(other.id, "Twice")]
    assert desk.post(f"/api/v1/patients/merges/{history[0]['id']}/undo", json={}).status_code == 200
    assert desk.get(f"/api/v1/patients/{other.id}").json["id"] == other.id


def test_a_patient_who_logs_in_goes_with_their_record(client_as: Any) -> None:
    survivor, other = make_patient(), make_patient()
    client = client_as("PATIENT", patient_id=other.id)
    assert client.get(f"/api/v1/patients/{other.id}").status_code == 200
    client_as("CLINIC_ADMIN").post(f"/api/v1/patients/{survivor.id}/merge", json={"duplicateId": other.id})
    assert client.get("/api/v1/auth/me").json["patientId"] == survivor.id
    assert client.get(f"/api/v1/patients/{survivor.id}").json["mrn"] == survivor.mrn


@pytest.mark.parametrize("role", ["DOCTOR", "NURSE", "FINANCE_BILLING", "SYSTEM_AUDITOR", "PATIENT"])
def test_others_may_not(client_as: Any, clinic: Any, role: str) -> None:
    survivor, other = make_patient(), make_patient()
    body = {"duplicateId": other.id}
    assert client_as(role).post(f"/api/v1/patients/{survivor.id}/merge", json=body).status_code == 403
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(PatientMerge)).all() == []


def test_wrong_requests_are_told_why(client_as: Any) -> None:
    survivor, other = make_patient(), make_patient()
    desk, url = client_as("RECEPTIONIST"), f"/api/v1/patients/{survivor.id}/merge"
    assert desk.post(url, json={"duplicateId": survivor.id}).status_code == 422
    assert desk.post(url, json={"duplicateId": other.id, "take": ["mrn"]}).status_code == 422
    assert desk.post(url, json={"duplicateId": "01936f2e-7c1a-7b2c-9d3e-4f5a6b7c8d9e"}).status_code == 404
    assert desk.get("/api/v1/patients/duplicates", query_string={"cursor": "x"}).status_code == 400


def test_look_alikes_are_listed_compared_and_merged(console_as: Any, client_as: Any, clinic: Any) -> None:
    older = make_patient(**SAME, phone="+919811100001").id
    newer = make_patient(**SAME, phone="+919811100002", city="Pune").id
    make_patient(first_name="Lata", last_name="Rao", date_of_birth="1961-05-05")
    pairs = client_as("RECEPTIONIST").get("/api/v1/patients/duplicates").json["items"]
    assert [(pair["older"]["id"], pair["newer"]["id"], pair["sameBy"]) for pair in pairs] == [(older, newer, "name")]
    desk, url = console_as("RECEPTIONIST"), f"/patients/duplicates/{older}/{newer}"
    assert url in desk.get("/patients/duplicates/").get_data(as_text=True)
    shown = desk.get(url).get_data(as_text=True)
    assert "+91 98111 00002" in shown and "5 May 1960" in shown
    assert desk.post(url, data={"phone": "other", "city": "other", "reason": "One passport"}).status_code == 302
    assert stored(clinic.id, older) == ("+919811100002", "Pune")
    assert "became part of another" in desk.get(f"/patientview/show/{newer}").get_data(as_text=True)
    with tenant_scope(clinic.id):
        undo = f"/patients/duplicates/undo/{db.session.scalars(select(PatientMerge)).one().id}"
    assert undo in desk.get("/patients/duplicates/").get_data(as_text=True)
    assert desk.post(undo, data={}).status_code == 302
    assert stored(clinic.id, older) == ("+919811100001", "")
    with tenant_scope(clinic.id):
        noted = db.session.scalars(select(AuditEntry.action).where(AuditEntry.entity_id == newer)).all()
    assert {"merge", "unmerge"} <= set(noted)
