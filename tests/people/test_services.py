"""Registering and changing patients and doctors."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from sqlalchemy import select

from app.audit.models import AuditEntry
from app.core import clock
from app.core.errors import Invalid, NotFound
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.people.models import Consent, Doctor, Guardian
from app.people.queries import find_duplicates, get_doctor, get_patient
from app.people.services import (
    add_doctor,
    register_patient,
    save_doctor,
    set_consent,
    set_guardians,
    update_patient,
)
from app.tenancy.models import Location
from tests.factories.access import set_settings
from tests.factories.people import make_doctor, make_patient, make_speciality


def test_numbers_are_given_in_order_per_clinic(in_clinic: Any, other_clinic: Any) -> None:
    assert [make_patient().mrn for _ in range(3)] == ["000001", "000002", "000003"]
    with tenant_scope(other_clinic.id):
        assert make_patient().mrn == "000001"


def test_a_rolled_back_registration_leaves_no_gap(in_clinic: Any) -> None:
    with pytest.raises(RuntimeError), unit_of_work():
        register_patient(first_name="Asha")
        raise RuntimeError
    assert make_patient().mrn == "000001"


def test_values_are_stored_in_their_normal_forms(in_clinic: Any) -> None:
    patient = make_patient(
        first_name="  José   María ",
        last_name="Nair",
        phone="098450 12345",
        email="Asha@Example.COM",
        gender="F",
        language="Hindi",
        country="in",
        tags=["VIP", " VIP ", "", "diabetic"],
        date_of_birth=date(1985, 7, 20),
    )
    assert (patient.first_name, patient.name, patient.search_name) == (
        "José María",
        "José María Nair",
        "jose maria nair",
    )
    assert (patient.phone, patient.email, patient.gender) == ("+919845012345", "Asha@example.com", "female")
    assert (patient.language, patient.country, patient.tags) == ("hi", "IN", ["VIP", "diabetic"])


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"first_name": ""}, "firstName"),
        ({"first_name": "- !"}, "firstName"),
        ({"phone": "12"}, "phone"),
        ({"phone": "555-329-9199"}, "phone"),
        ({"email": "asha@"}, "email"),
        ({"gender": "robot"}, "gender"),
        ({"language": "Bluebird"}, "language"),
        ({"country": "IND"}, "country"),
        ({"preferred_channel": "PIGEON"}, "preferredChannel"),
        ({"date_of_birth": "1985-13-01"}, "dateOfBirth"),
        ({"date_of_birth": "1799-01-01"}, "dateOfBirth"),
        ({"date_of_birth": "1985-07-20", "deceased_on": "1984-07-20"}, "deceasedOn"),
        ({"tags": ["x"] * 5 + ["y" * 500]}, "tags"),
        ({"last_name": "x" * 81}, "lastName"),
    ],
)
def test_a_value_that_cannot_be_right_is_refused_by_its_field(in_clinic: Any, values: Any, field: str) -> None:
    with pytest.raises(Invalid) as caught, unit_of_work():
        register_patient(**{"first_name": "Asha", **values})
    assert list(caught.value.fields or {}) == [field]
    assert make_patient().mrn == "000001"


def test_today_is_the_clinics_day(in_clinic: Any) -> None:
    """At 20:00 UTC it is tomorrow in Kolkata, and a child may be born there."""
    set_settings(in_clinic.id, zone="Asia/Kolkata")
    with clock.travel(to=datetime(2026, 11, 20, 20, 0, tzinfo=UTC)):
        assert make_patient(date_of_birth="2026-11-21").date_of_birth == date(2026, 11, 21)
        with pytest.raises(Invalid):
            make_patient(date_of_birth="2026-11-22")


def test_a_change_keeps_the_rest_and_is_checked_against_it(in_clinic: Any) -> None:
    patient = make_patient(date_of_birth="1985-07-20", city="Pune")
    with unit_of_work():
        update_patient(patient, last_name="Menon", deceased_on="2020-01-01")
    assert (patient.last_name, patient.city, patient.deceased_on) == ("Menon", "Pune", date(2020, 1, 1))
    with pytest.raises(Invalid), unit_of_work():
        update_patient(patient, date_of_birth="2020-06-01")


def test_a_good_number_replaces_the_unusable_one(in_clinic: Any) -> None:
    with unit_of_work():
        patient = make_patient(phone=None)
        patient.phone_raw = "555-1"
        update_patient(patient, phone="9845012345")
    assert (patient.phone, patient.phone_raw) == ("+919845012345", None)


def test_registration_and_change_are_events_in_the_trail(in_clinic: Any) -> None:
    patient = make_patient()
    with unit_of_work():
        update_patient(patient, city="Pune")
    types = db.session.scalars(
        select(EventRecord.type).where(EventRecord.subject_id == patient.id).order_by(EventRecord.id)
    )
    assert list(types) == ["patient.registered", "patient.updated"]
    event = db.session.scalars(select(EventRecord).where(EventRecord.type == "patient.registered")).one()
    assert event.payload == {"patientId": patient.id}
    entries = select(AuditEntry.action).where(AuditEntry.entity_id == patient.id)
    assert set(db.session.scalars(entries)) == {"patient.registered", "patient.updated"}


def test_a_double_is_found_by_name_and_birthday_or_by_telephone(in_clinic: Any, other_clinic: Any) -> None:
    asha = make_patient(first_name="Asha", last_name="Naïr", date_of_birth="1985-07-20", phone="+919845000001")
    born = date(1985, 7, 20)
    assert find_duplicates("ASHA", "nair", born) == [asha]
    assert find_duplicates("Somebody", "Else", phone="+919845000001") == [asha]
    assert find_duplicates("Asha", "Nair", born, except_id=asha.id) == []
    assert find_duplicates("Asha", "Nair", date(1985, 7, 21)) == []
    assert find_duplicates("Asha", "Nair") == []
    with tenant_scope(other_clinic.id):
        assert find_duplicates("Asha", "Nair", born, "+919845000001") == []


def test_guardians_are_replaced_as_a_whole(in_clinic: Any) -> None:
    patient = make_patient()
    with unit_of_work():
        set_guardians(patient, [{"name": "Ravi", "relation": "father", "phone": "9845012345"}, {"name": "Meera"}])
    assert [(item.name, item.phone) for item in patient.guardians] == [("Ravi", "+919845012345"), ("Meera", None)]
    with pytest.raises(Invalid) as caught, unit_of_work():
        set_guardians(patient, [{"name": "Nobody", "phone": "12"}])
    assert list(caught.value.fields or {}) == ["guardians.phone"]
    with unit_of_work():
        set_guardians(patient, [{"name": "Meera"}])
    assert [item.name for item in db.session.scalars(select(Guardian))] == ["Meera"]


def test_a_withdrawn_consent_stays_on_record(in_clinic: Any) -> None:
    patient = make_patient()
    for given in (True, True, False, False, True):
        with unit_of_work():
            set_consent(patient, "MESSAGES", given)
    history = [consent.withdrawn_at is None for consent in db.session.scalars(select(Consent).order_by(Consent.id))]
    assert history == [False, True]
    with pytest.raises(Invalid):
        set_consent(patient, "EVERYTHING", True)


def test_patients_of_another_clinic_do_not_exist(in_clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        theirs = make_patient().id
        doctor = make_doctor().id
    with pytest.raises(NotFound):
        get_patient(theirs)
    with pytest.raises(NotFound):
        get_doctor(doctor)


def test_a_doctor_has_specialities_and_locations(in_clinic: Any) -> None:
    with unit_of_work():
        main, branch = Location(name="Main"), Location(name="Branch")
        db.session.add_all([main, branch])
    skin, heart = make_speciality(name="Dermatology"), make_speciality(name="Cardiology")
    doctor = make_doctor(first_name="Anita", last_name="Rao", specialities=(skin, heart), location_ids=(main.id,))
    assert (doctor.name, doctor.short_name) == ("Dr Anita Rao", "Dr Rao")
    assert [item.name for item in doctor.specialities] == ["Cardiology", "Dermatology"]
    with unit_of_work():
        save_doctor(doctor, speciality_ids=[skin.id], location_ids=[branch.id])
    assert [item.name for item in doctor.specialities] == ["Dermatology"]
    assert [item.name for item in doctor.locations] == ["Branch"]
    with unit_of_work():
        save_doctor(doctor)
    assert [item.name for item in doctor.locations] == ["Branch"]


def test_a_doctor_takes_only_known_kinds_of_visits(in_clinic: Any) -> None:
    with pytest.raises(Invalid):
        add_doctor(Doctor(first_name="Anita", types=["TELEPATHY"]))
