"""The screens of patients, doctors and specialities, by their forms."""

from __future__ import annotations

import io
import re
from datetime import date
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select

from app.core.tenant import db, tenant_scope
from app.people.models import Consent, Doctor, Guardian, Patient, Speciality
from app.tenancy.models import Location
from tests.factories.people import make_doctor, make_patient, make_speciality

ASHA = {
    "first_name": "Asha",
    "last_name": "Nair",
    "gender": "female",
    "date_of_birth": "1985-07-20",
    "phone": "98450 12345",
    "email": "",
    "language": "Hindi",
    "preferred_channel": "WHATSAPP",
    "address": "12, Palm Road\nPune",
    "city": "Pune",
    "state": "",
    "postal_code": "411001",
    "country": "in",
    "alerts": "Penicillin, Fall risk",
    "tags": "",
}


@pytest.fixture
def desk(console_as: Any) -> Any:
    return console_as("CLINIC_ADMIN")


@pytest.fixture
def asha(clinic: Any) -> str:
    with tenant_scope(clinic.id):
        return make_patient(
            first_name="Asha",
            last_name="Nair",
            gender="female",
            phone="+919845012345",
            date_of_birth="1985-07-20",
            alerts=["Penicillin"],
        ).id


def one(clinic: Any, model: Any) -> Any:
    with tenant_scope(clinic.id):
        row = db.session.scalars(select(model)).one()
        db.session.expunge_all()
    return row


def test_a_patient_is_registered_on_the_form(desk: Any, clinic: Any) -> None:
    answer = desk.post("/patientview/add", data=ASHA)
    assert answer.status_code == 302, answer.text
    patient = one(clinic, Patient)
    assert (patient.mrn, patient.name, patient.phone) == ("000001", "Asha Nair", "+919845012345")
    assert (patient.date_of_birth, patient.language, patient.country) == (date(1985, 7, 20), "hi", "IN")
    assert (patient.alerts, patient.tags) == (["Penicillin", "Fall risk"], [])
    page = desk.get(answer.location).text
    assert "Penicillin · Fall risk" in page
    assert "Hindi" in page
    assert "000001" in page


def test_a_possible_double_is_told(desk: Any, asha: str) -> None:
    answer = desk.post("/patientview/add", data=ASHA, follow_redirects=True)
    assert "MRN 000001" in answer.text


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("first_name", "", "required"),
        ("phone", "12", "Phone:"),
        ("email", "nobody", "E-mail:"),
        ("date_of_birth", "2999-01-01", "Date of birth:"),
        ("date_of_birth", "soon", "Not a valid date"),
        ("gender", "robot", "Not a valid choice"),
        ("country", "IND", "longer than"),
    ],
)
def test_a_form_that_cannot_be_right_is_shown_again(desk: Any, clinic: Any, field: str, value: str, words: str) -> None:
    answer = desk.post("/patientview/add", data={**ASHA, field: value})
    assert answer.status_code == 422
    assert words in answer.text
    with tenant_scope(clinic.id):
        assert db.session.scalars(select(Patient)).all() == []


def test_a_patient_is_changed_and_gets_a_photograph(desk: Any, clinic: Any, asha: str) -> None:
    form = desk.get(f"/patientview/edit/{asha}").text
    assert 'value="Nair"' in form
    change = {**ASHA, "last_name": "Menon", "deceased_on": "", "active": "y", "photo": (picture(), "me.png")}
    answer = desk.post(f"/patientview/edit/{asha}", data=change, content_type="multipart/form-data")
    assert answer.status_code == 302, answer.text
    patient = one(clinic, Patient)
    assert (patient.last_name, patient.active, patient.search_last_first) == ("Menon", True, "menon asha")
    assert f"/api/v1/patients/{asha}/photo" in desk.get(f"/patientview/show/{asha}").text
    photo = desk.get(f"/api/v1/patients/{asha}/photo")
    assert (photo.status_code, photo.mimetype) == (200, "image/jpeg")


def picture(size: tuple[int, int] = (800, 600), kind: str = "PNG") -> io.BytesIO:
    drawn = io.BytesIO()
    Image.new("RGB", size, "teal").save(drawn, kind)
    drawn.seek(0)
    return drawn


def test_a_deleted_patient_is_only_put_away(desk: Any, clinic: Any, asha: str) -> None:
    assert desk.post(f"/patientview/delete/{asha}").status_code == 302
    assert one(clinic, Patient).active is False


def test_the_list_finds_as_the_search_box_does(desk: Any, clinic: Any, asha: str) -> None:
    with tenant_scope(clinic.id):
        make_patient(first_name="Ravi", last_name="Iyer")
    for typed in ("asha", "nair", "9845012345", "000001", "1985-07-20"):
        page = desk.get("/patientview/list/", query_string={"_flt_0_search_name": typed}).text
        assert "Asha Nair" in page
        assert "Ravi Iyer" not in page
    page = desk.get("/patientview/list/", query_string={"_flt_0_gender": "male"})
    assert page.status_code == 200


def test_guardians_and_consents_hang_on_the_patient(desk: Any, clinic: Any, asha: str) -> None:
    guardian = {"patient": asha, "name": "Ravi Nair", "relation": "father", "phone": "98450 54321", "email": ""}
    assert desk.post("/guardianview/add", data=guardian).status_code == 302
    assert one(clinic, Guardian).phone == "+919845054321"
    assert desk.post("/guardianview/add", data={**guardian, "phone": "1"}).status_code == 422
    assert desk.post("/consentview/add", data={"patient": asha, "kind": "MESSAGES"}).status_code == 302
    consent = one(clinic, Consent)
    assert consent.withdrawn_at is None
    page = desk.get(f"/patientview/show/{asha}").text
    assert "Ravi Nair" in page
    assert desk.post(f"/consentview/action/update/{consent.id}").status_code == 302
    assert one(clinic, Consent).withdrawn_at is not None


def test_a_patient_is_looked_up_as_in_the_search_box(desk: Any, asha: str) -> None:
    answer = desk.get("/guardianview/lookup/patient?q=nair+asha").get_json()
    assert answer == {"items": [{"id": asha, "text": "Asha Nair"}]}


def test_another_clinics_patient_cannot_be_chosen(desk: Any, other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        theirs = make_patient().id
    guardian = {"patient": theirs, "name": "Ravi", "relation": "father"}
    assert desk.post("/guardianview/add", data=guardian).status_code == 422
    for path in ("show", "edit"):
        assert desk.get(f"/patientview/{path}/{theirs}").status_code == 404
    assert desk.post(f"/patientview/delete/{theirs}").status_code == 404


def test_a_patient_sees_only_themselves_on_every_screen(console_as: Any, clinic: Any, asha: str) -> None:
    with tenant_scope(clinic.id):
        other = make_patient(first_name="Ravi", last_name="Iyer").id
    patient = console_as("PATIENT", patient_id=asha)
    page = patient.get("/patientview/list/").text
    assert "Asha Nair" in page
    assert "Ravi Iyer" not in page
    assert "Ravi Iyer" not in patient.get("/patientview/export").text
    assert patient.get(f"/patientview/show/{asha}").status_code == 200
    assert patient.get(f"/patientview/show/{other}").status_code == 404
    assert patient.get("/guardianview/lookup/patient?q=ravi").get_json() == {"items": []}
    assert patient.get(f"/api/v1/patients/{other}/photo").status_code == 404


def test_charts_count_in_the_database(desk: Any, clinic: Any, asha: str) -> None:
    page = desk.get("/patientview/chart/")
    assert page.status_code == 200
    assert r"40\u201364" in page.text
    assert "Female" in page.text


def test_a_doctor_is_kept_with_specialities_and_locations(desk: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        skin, heart = make_speciality(name="Dermatology").id, make_speciality(name="Cardiology").id
        location = Location(name="Main")
        db.session.add(location)
        db.session.commit()
        place = location.id
    form = {
        "title": "Dr",
        "first_name": "Anita",
        "last_name": "Rao",
        "qualifications": "MBBS",
        "registration_number": "MH-1",
        "registration_council": "",
        "specialities": [skin, heart],
        "locations": [place],
        "types": ["IN_PERSON", "HOME_VISIT"],
        "default_room": "",
        "languages": "English, Hindi",
        "phone": "98450 12345",
        "email": "",
        "about": "",
        "active": "y",
    }
    answer = desk.post("/doctorview/add", data=form)
    assert answer.status_code == 302, answer.text
    doctor = one(clinic, Doctor)
    assert (doctor.name, doctor.types, doctor.languages) == (
        "Dr Anita Rao",
        ["IN_PERSON", "HOME_VISIT"],
        ["English", "Hindi"],
    )
    page = desk.get(answer.location).text
    assert "Cardiology, Dermatology" in page
    edit = desk.get(f"/doctorview/edit/{doctor.id}").text
    boxes = [tag for tag in re.findall(r"<input[^>]*>", edit) if "checked" in tag and 'type="checkbox"' in tag]
    names = sorted(name for tag in boxes for name in re.findall(r'name="(\w+)"', tag))
    assert names == ["active", "locations", "specialities", "specialities", "types", "types"]
    answer = desk.post(f"/doctorview/edit/{doctor.id}", data={**form, "specialities": [heart], "types": ["VIDEO_CALL"]})
    assert answer.status_code == 302, answer.text
    page = desk.get(f"/doctorview/show/{doctor.id}").text
    assert "Cardiology" in page
    assert "Dermatology" not in page
    assert desk.post("/doctorview/add", data=form).status_code == 422
    assert desk.post(f"/doctorview/delete/{doctor.id}").status_code == 302
    assert one(clinic, Doctor).active is False


def test_specialities_are_counted_by_their_doctors(desk: Any, clinic: Any) -> None:
    assert desk.post("/specialityview/add", data={"name": "Surgery", "active": "y"}).status_code == 302
    surgery = one(clinic, Speciality)
    with tenant_scope(clinic.id):
        make_doctor(specialities=(surgery,), types=["VIDEO_CALL"])
    assert "Surgery" in desk.get("/specialityview/chart/").text
    assert "Video" in desk.get("/doctorview/chart/").text
    assert desk.post(f"/specialityview/delete/{surgery.id}").status_code == 302
    assert one(clinic, Speciality).name == "Surgery"


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 422), (b"<svg onload='alert(1)'/>", 422), (b"\x89PNG\r\n\x1a\n", 422), (picture().read(), 200)],
)
def test_only_pictures_become_photographs(client_as: Any, asha: str, content: bytes, status: int) -> None:
    nurse = client_as("NURSE")
    assert nurse.put(f"/api/v1/patients/{asha}/photo", data=content).status_code == status
    assert nurse.get(f"/api/v1/patients/{asha}/photo").status_code == (200 if status == 200 else 404)


@pytest.mark.parametrize("name", ["jpeg-square", "png-animated", "png-square", "png-texts", "webp-extended"])
def test_a_picture_that_would_fill_the_memory_is_422(client_as: Any, desk: Any, asha: str, name: str) -> None:
    from tests.core.test_pictures import BOMBS

    nurse = client_as("NURSE")
    answer = nurse.put(f"/api/v1/patients/{asha}/photo", data=BOMBS[name])
    assert answer.status_code == 422
    assert "megapixels" in answer.get_json()["error"]["fields"]["photo"]
    change = {**ASHA, "deceased_on": "", "active": "y", "photo": (io.BytesIO(BOMBS[name]), "me.png")}
    page = desk.post(f"/patientview/edit/{asha}", data=change, content_type="multipart/form-data")
    assert "megapixels" in page.text
    assert nurse.get(f"/api/v1/patients/{asha}/photo").status_code == 404


def test_a_new_photograph_is_small_clean_and_replaces_the_old(client_as: Any, clinic: Any, asha: str) -> None:
    from app.core.files import StoredFile

    nurse = client_as("NURSE")
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    content = io.BytesIO()
    Image.new("RGB", (2000, 1000), "red").save(content, "JPEG", exif=exif)
    for body in (picture().read(), content.getvalue()):
        assert nurse.put(f"/api/v1/patients/{asha}/photo", data=body).status_code == 200
    stored = one(clinic, StoredFile)
    shown = nurse.get(f"/api/v1/patients/{asha}/photo").data
    with Image.open(io.BytesIO(shown)) as drawn:
        assert (drawn.size, drawn.format, dict(drawn.getexif())) == ((480, 240), "JPEG", {})
    assert stored.size == len(shown)
    assert client_as("RECEPTIONIST").put(f"/api/v1/patients/{asha}/photo", data=b"x" * (6 << 20)).status_code == 413
