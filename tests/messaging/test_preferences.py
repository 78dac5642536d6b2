"""How persons say how they want to be written to."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from app.core.files import store_file
from app.core.ids import new_id
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.files import file_url
from app.messaging.models import MessagePreference
from app.messaging.preferences import set_preference
from tests.factories.people import make_patient

MINE = "/api/v1/notifications/preferences"
WISHES = {"muted": ["sms"], "quietFrom": "21:00", "quietUntil": "08:00", "zone": "Asia/Kolkata", "digest": True}
NOTHING = {"muted": [], "quietFrom": None, "quietUntil": None, "zone": None, "digest": False}


def test_staff_and_patients_say_it_for_themselves(clinic: Any, client_as: Any) -> None:
    with tenant_scope(clinic.id):
        patient_id = make_patient().id
    nurse, patient = client_as("NURSE"), client_as("PATIENT", patient_id=patient_id)
    assert nurse.get(MINE).json == NOTHING
    assert nurse.put(MINE, json=WISHES).json == WISHES
    assert patient.get(MINE).json == NOTHING
    assert patient.put(MINE, json={"muted": ["whatsapp"]}).json["muted"] == ["whatsapp"]
    assert nurse.get(MINE).json == WISHES
    with tenant_scope(clinic.id):
        kept = db.session.execute(select(MessagePreference.patient_id, MessagePreference.user_id)).all()
    assert sorted(map(tuple, kept), key=str) == sorted([(None, nurse.user.id), (patient_id, None)], key=str)


def test_the_desk_keeps_what_a_patient_tells(clinic: Any, client_as: Any) -> None:
    with tenant_scope(clinic.id):
        patient_id, other_id = make_patient().id, make_patient().id
    desk, patient = client_as("RECEPTIONIST"), client_as("PATIENT", patient_id=patient_id)
    address = f"/api/v1/patients/{patient_id}/message-preferences"
    assert desk.put(address, json={"muted": ["email"], "digest": True}).json["digest"] is True
    assert patient.get(address).json["muted"] == ["email"]
    assert patient.get(f"/api/v1/patients/{other_id}/message-preferences").status_code == 404
    assert patient.put(address, json={}).status_code == 403
    assert desk.get(f"/api/v1/patients/{new_id()}/message-preferences").status_code == 404


def test_a_wish_is_somebodys(clinic: Any, client_as: Any, console_as: Any) -> None:
    with tenant_scope(clinic.id):
        patient_id = make_patient(first_name="Meera").id
        with unit_of_work():
            set_preference(patient_id=patient_id, muted=["sms"])
        with pytest.raises(ValueError, match="whose"):
            set_preference(muted=["email"])
    assert client_as("NURSE").put(MINE, json=WISHES).status_code == 200
    desk = console_as("RECEPTIONIST")
    assert desk.post("/messagepreferenceview/add", data={"digest": "y"}).status_code == 422
    again = desk.post("/messagepreferenceview/add", data={"patient": patient_id, "digest": "y"})
    assert (again.status_code, "noted already" in again.text) == (422, True)
    with tenant_scope(clinic.id):
        kept = db.session.execute(select(MessagePreference.patient_id, MessagePreference.muted, MessagePreference.id))
        rows = {row.patient_id: row for row in kept}
    assert (len(rows), rows[patient_id].muted) == (2, ["sms"])
    assert "Meera" in desk.get("/messagepreferenceview/list/").text
    assert desk.get(f"/messagepreferenceview/show/{rows[None].id}").status_code == 404  # the nurse's own
    assert desk.post(f"/messagepreferenceview/edit/{rows[None].id}", data={"digest": "y"}).status_code == 404


def test_what_makes_no_sense_is_told_by_field(client_as: Any) -> None:
    desk = client_as("RECEPTIONIST")
    wrong = {"muted": ["pigeon"], "quietFrom": "21:00", "zone": "Asia/Nowhere"}
    answer = desk.put(MINE, json=wrong)
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {"muted", "quietUntil", "zone"}


def test_a_file_link_opens_that_file_and_nothing_else(clinic: Any, other_clinic: Any, app: Any) -> None:
    with tenant_scope(clinic.id), unit_of_work():
        file_id = store_file("invoice-pdf", None, "INV-1.pdf", "application/pdf", b"%PDF-1.7 a document").id
        link = file_url(file_id).partition("/api/")[2]
    with tenant_scope(other_clinic.id):
        foreign = file_url(file_id).partition("/api/")[2]
    client = app.test_client()
    answer = client.get(f"/api/{link}")
    assert (answer.status_code, answer.data) == (200, b"%PDF-1.7 a document")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert client.get(f"/api/{link[:-1]}x").status_code == 404
    assert client.get(f"/api/{foreign}").status_code == 404
