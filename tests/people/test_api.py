"""Patients and doctors over HTTP: shapes, permissions, ownership, bad input."""

from __future__ import annotations

from typing import Any

import pytest

from app.access.roles import Role
from app.core.ids import new_id
from app.core.tenant import tenant_scope
from tests.factories.people import make_doctor, make_patient, make_speciality

ASHA = {
    "firstName": "Asha",
    "lastName": "Nair",
    "phone": "+919845000001",
    "dateOfBirth": "1985-07-20",
    "gender": "female",
}
READERS = tuple(str(role) for role in Role if role != Role.PATIENT)
WRITERS = ("SUPER_ADMIN", "CLINIC_ADMIN", "DOCTOR", "NURSE", "RECEPTIONIST")


@pytest.fixture
def asha(clinic: Any) -> Any:
    with tenant_scope(clinic.id):
        patient = make_patient(first_name="Asha", last_name="Nair", phone="+919845000001", date_of_birth="1985-07-20")
        return patient.id


def test_a_registered_patient_comes_back(client_as: Any) -> None:
    desk = client_as("RECEPTIONIST")
    answer = desk.post("/api/v1/patients", json=ASHA)
    assert answer.status_code == 201
    made = answer.get_json()
    assert made["mrn"] == "000001"
    assert made["possibleDuplicates"] == []
    shown = desk.get(f"/api/v1/patients/{made['id']}").get_json()
    assert {name: shown[name] for name in ASHA} == ASHA
    assert shown["name"] == "Asha Nair"
    listed = desk.get("/api/v1/patients?q=asha").get_json()
    assert listed == {
        "items": [
            {
                "id": made["id"],
                "mrn": "000001",
                "name": "Asha Nair",
                "phone": "+919845000001",
                "dateOfBirth": "1985-07-20",
            }
        ],
        "nextCursor": None,
    }


def test_a_possible_double_is_registered_with_a_warning(client_as: Any, asha: str) -> None:
    desk = client_as("RECEPTIONIST")
    answer = desk.post("/api/v1/patients", json={**ASHA, "phone": "+919845099999"})
    assert (answer.status_code, answer.get_json()["possibleDuplicates"]) == (201, [asha])


def test_lists_are_paged_and_counted(client_as: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        for number in range(5):
            make_patient(first_name="Ravi", last_name=f"N{number}")
    desk = client_as("RECEPTIONIST")
    first = desk.get("/api/v1/patients?q=ravi&limit=3&count=true").get_json()
    rest = desk.get(f"/api/v1/patients?q=ravi&limit=3&cursor={first['nextCursor']}").get_json()
    names = [item["name"] for item in first["items"] + rest["items"]]
    assert (names, first["count"], rest["nextCursor"]) == ([f"Ravi N{number}" for number in range(5)], 5, None)
    assert desk.get("/api/v1/patients?cursor=nonsense").status_code == 400
    assert desk.get("/api/v1/patients?limit=101").status_code == 422


def test_a_patient_is_changed_in_part(client_as: Any, asha: str) -> None:
    desk = client_as("NURSE")
    change = {
        "city": "Pune",
        "alerts": ["Penicillin"],
        "guardians": [{"name": "Ravi Nair", "relation": "father", "phone": "98450 12345"}],
        "consents": {"MESSAGES": True, "VIDEO_RECORDING": False},
    }
    answer = desk.put(f"/api/v1/patients/{asha}", json=change)
    assert answer.status_code == 200
    shown = desk.get(f"/api/v1/patients/{asha}").get_json()
    assert (shown["name"], shown["city"], shown["alerts"]) == ("Asha Nair", "Pune", ["Penicillin"])
    assert [(item["name"], item["phone"]) for item in shown["guardians"]] == [("Ravi Nair", "+919845012345")]
    assert [(item["kind"], item["withdrawnAt"]) for item in shown["consents"]] == [("MESSAGES", None)]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({}, 422, "firstName"),
        ({**ASHA, "firstName": ""}, 422, "firstName"),
        ({**ASHA, "firstName": None}, 422, "firstName"),
        ({**ASHA, "firstName": "Asha\x00"}, 422, "body"),
        ({**ASHA, "firstName": 7}, 422, "firstName"),
        ({**ASHA, "phone": "123"}, 422, "phone"),
        ({**ASHA, "email": "nobody"}, 422, "email"),
        ({**ASHA, "dateOfBirth": "20/07/1985"}, 422, "dateOfBirth"),
        ({**ASHA, "dateOfBirth": "2985-07-20"}, 422, "dateOfBirth"),
        ({**ASHA, "gender": "x" * 11}, 422, "gender"),
        ({**ASHA, "gender": "robot"}, 422, "gender"),
        ({**ASHA, "consents": {"WORLD_PEACE": True}}, 422, "consents.WORLD_PEACE"),
        ({**ASHA, "guardians": [{"name": "R", "phone": "1"}]}, 422, "guardians.phone"),
        ({**ASHA, "guardians": [{"name": "R"}] * 11}, 422, "guardians"),
        ([ASHA], 400, None),
    ],
)
def test_bad_input_is_told_and_changes_nothing(client_as: Any, body: Any, status: int, field: str | None) -> None:
    desk = client_as("RECEPTIONIST")
    answer = desk.post("/api/v1/patients", json=body)
    assert answer.status_code == status, answer.get_json()
    assert field is None or list(answer.get_json()["error"]["fields"]) == [field]
    assert desk.get("/api/v1/patients").get_json()["items"] == []


@pytest.mark.parametrize("role", READERS)
def test_staff_reads_patients_and_doctors(client_as: Any, asha: str, role: str) -> None:
    client = client_as(role)
    assert client.get(f"/api/v1/patients/{asha}").status_code == 200
    assert [item["id"] for item in client.get("/api/v1/patients").get_json()["items"]] == [asha]
    assert client.get("/api/v1/doctors").status_code == 200
    assert client.get(f"/api/v1/patients/{new_id()}").status_code == 404
    assert client.get("/api/v1/patients/not-an-id").status_code == 404


@pytest.mark.parametrize("role", [*READERS, "PATIENT"])
def test_who_may_register_and_change(client_as: Any, asha: str, role: str) -> None:
    client = client_as(role, **({"patient_id": asha} if role == "PATIENT" else {}))
    made = client.post("/api/v1/patients", json={"firstName": "New"}).status_code
    changed = client.put(f"/api/v1/patients/{asha}", json={"city": "Pune"}).status_code
    assert (made, changed) == ((201, 200) if role in WRITERS else (403, 403))


def test_nobody_gets_in_without_logging_in(app: Any, asha: str) -> None:
    client = app.test_client()
    for path in ("/api/v1/patients", f"/api/v1/patients/{asha}", "/api/v1/doctors"):
        assert client.get(path).status_code == 401
    assert client.post("/api/v1/patients", json=ASHA).status_code == 401
    assert client.put(f"/api/v1/patients/{asha}", json={}).status_code == 401


def test_another_clinics_patients_do_not_exist(client_as: Any, other_clinic: Any, asha: str) -> None:
    stranger = client_as("CLINIC_ADMIN", clinic_id=other_clinic.id)
    assert stranger.get(f"/api/v1/patients/{asha}").status_code == 404
    assert stranger.put(f"/api/v1/patients/{asha}", json={"city": "Pune"}).status_code == 404
    assert stranger.get("/api/v1/patients?q=asha").get_json()["items"] == []


def test_a_patient_sees_only_themselves(client_as: Any, clinic: Any, asha: str) -> None:
    with tenant_scope(clinic.id):
        other = make_patient(first_name="Asha", last_name="Nair").id
    client = client_as("PATIENT", patient_id=asha)
    assert client.get(f"/api/v1/patients/{asha}").status_code == 200
    assert client.get(f"/api/v1/patients/{other}").status_code == 404
    for path in ("/api/v1/patients", "/api/v1/patients?q=asha", "/api/v1/patients?q=a+n"):
        answer = client.get(f"{path}{'&' if '?' in path else '?'}count=true").get_json()
        assert ([item["id"] for item in answer["items"]], answer["count"]) == ([asha], 1)


def test_a_patient_without_a_record_sees_nobody(client_as: Any, asha: str) -> None:
    client = client_as("PATIENT")
    assert client.get("/api/v1/patients").get_json()["items"] == []
    assert client.get(f"/api/v1/patients/{asha}").status_code == 404


def test_doctors_are_listed_with_what_they_do(client_as: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        skin = make_speciality(name="Dermatology")
        rao = make_doctor(first_name="Anita", last_name="Rao", specialities=(skin,), types=["VIDEO_CALL"]).id
        sen = make_doctor(first_name="Bimal", last_name="Sen", types=["IN_PERSON"]).id
        make_doctor(first_name="Gone", active=False)
    client = client_as("PATIENT")
    answer = client.get("/api/v1/doctors").get_json()
    assert answer["items"] == [
        {"id": rao, "name": "Dr Anita Rao", "specialties": ["Dermatology"], "types": ["VIDEO_CALL"]},
        {"id": sen, "name": "Dr Bimal Sen", "specialties": [], "types": ["IN_PERSON"]},
    ]
    one = client.get("/api/v1/doctors?limit=1").get_json()
    two = client.get(f"/api/v1/doctors?limit=1&cursor={one['nextCursor']}").get_json()
    assert [one["items"][0]["id"], two["items"][0]["id"], two["nextCursor"]] == [rao, sen, None]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("type=VIDEO_CALL", ["Dr Anita Rao"]),
        ("specialty=dermatology", ["Dr Anita Rao"]),
        ("specialty=surgery", []),
        ("type=IN_PERSON", ["Dr Bimal Sen"]),
        ("locationId=019b0000-0000-7000-8000-000000000000", []),
    ],
)
def test_doctors_are_narrowed(client_as: Any, clinic: Any, query: str, found: list[str]) -> None:
    with tenant_scope(clinic.id):
        make_doctor(
            first_name="Anita",
            last_name="Rao",
            specialities=(make_speciality(name="Dermatology"),),
            types=["VIDEO_CALL"],
        )
        make_doctor(first_name="Bimal", last_name="Sen", types=["IN_PERSON"])
    answer = client_as("PATIENT").get(f"/api/v1/doctors?{query}").get_json()
    assert [item["name"] for item in answer["items"]] == found


@pytest.mark.parametrize("query", ["type=TELEPATHY", "locationId=here", "locationId=" + "-" * 36])
def test_a_narrowing_that_makes_no_sense_is_told(client_as: Any, query: str) -> None:
    assert client_as("PATIENT").get(f"/api/v1/doctors?{query}").status_code == 422
