"""One box finds patients by whatever the receptionist knows of them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, text

from app.core.errors import BadRequest
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.people.models import Patient, search_names
from app.people.queries import patient_page, search_patients
from app.people.queries.patient_search import count_patients
from app.people.services import update_patient
from tests.factories.people import make_patient

PEOPLE = {
    "asha": {"first_name": "Asha", "last_name": "Nair", "phone": "+919845000001", "date_of_birth": "1985-07-20"},
    "asha_rao": {
        "first_name": "Asha Devi",
        "last_name": "Rao",
        "phone": "+919845000002",
        "date_of_birth": "1990-01-02",
    },
    "nair": {"first_name": "Nairobi", "last_name": "Das", "phone": "+918012345678", "date_of_birth": "1985-07-20"},
    "jose": {"first_name": "José", "last_name": "Álvarez-Pérez", "phone": None, "date_of_birth": "2001-12-31"},
    "souza": {"first_name": "Maria", "last_name": "D'Souza", "phone": "+14155552671", "date_of_birth": None},
    "krishna": {"first_name": "कृष्णा", "last_name": "शर्मा", "phone": "+919845000003", "date_of_birth": "1970-05-05"},
    "digits": {
        "first_name": "Omar524",
        "last_name": "Abernathy",
        "phone": "+919845000004",
        "date_of_birth": "1971-05-05",
    },
}


@pytest.fixture
def people(in_clinic: Any) -> dict[str, Patient]:
    return {key: make_patient(**values) for key, values in PEOPLE.items()}


def found(people: dict[str, Patient], typed: str) -> list[str]:
    keys = {patient.id: key for key, patient in people.items()}
    return [keys[patient.id] for patient in search_patients(typed)]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("asha", ["asha_rao", "asha"]),
        ("ASHA N", ["asha"]),
        ("nair asha", ["asha"]),
        ("n a", ["asha"]),
        ("nair", ["nair", "asha"]),
        ("asha devi", ["asha_rao"]),
        ("asha devi r", ["asha_rao"]),
        ("jose alvarez", ["jose"]),
        ("Álvarez-Pé", ["jose"]),
        ("jose perez", ["jose"]),
        ("dsouza", ["souza"]),
        ("d'souza m", ["souza"]),
        ("कृष्", ["krishna"]),
        ("omar524", ["digits"]),
        ("20/07/1985", ["asha", "nair"]),
        ("1985-07-20 nair", ["asha", "nair"]),
        ("nair 1985-07-20 asha", ["asha"]),
        ("98450 00001", ["asha"]),
        ("+91 98450 00002", ["asha_rao"]),
        ("098450", ["digits", "krishna", "asha", "asha_rao"]),
        ("+1 415 555 2671", ["souza"]),
        ("zz", []),
        ("asha zz", []),
        ("devi rao", ["asha_rao"]),
        ("' \" ; --", []),
        ("%", []),
        ("", []),
    ],
)
def test_what_is_typed_finds_who_is_meant(people: dict[str, Patient], typed: str, expected: list[str]) -> None:
    assert sorted(found(people, typed)) == sorted(expected)


def test_first_names_come_before_last_names_each_in_alphabetical_order(people: dict[str, Patient]) -> None:
    assert found(people, "a") == ["asha_rao", "asha", "digits", "jose"]


def test_who_is_called_as_it_was_typed_comes_first(in_clinic: Any) -> None:
    for first_name, last_name in (("Anna Maria", "Zed"), ("Anna", "Zed"), ("Zoe", "Anna")):
        make_patient(first_name=first_name, last_name=last_name)
    rows, _cursor = patient_page("anna z", 10, None)
    assert [row.first_name for row in rows] == ["Anna", "Zoe", "Anna Maria"]


def test_record_numbers_are_found_from_their_beginning_or_by_their_digits(people: dict[str, Patient]) -> None:
    asha = people["asha"]
    assert asha.mrn == "000001"
    assert found(people, "MRN 000001") == ["asha"]
    assert found(people, "1") == ["asha"]
    assert sorted(found(people, "00000")) == sorted(PEOPLE)


def test_record_numbers_with_the_clinics_prefix(app_context: Any) -> None:
    from tests.factories.access import make_clinic

    clinic = make_clinic(settings={"mrn_prefix": "SUN-"})
    with tenant_scope(clinic.id):
        first, second = make_patient(first_name="One"), make_patient(first_name="Two")
        assert (first.mrn, second.mrn) == ("SUN-000001", "SUN-000002")
        assert [patient.id for patient in search_patients("sun-000002")] == [second.id]
        assert [patient.id for patient in search_patients("2")] == [second.id]
        assert {patient.id for patient in search_patients("00000")} == {first.id, second.id}


def test_a_changed_name_is_found_under_the_new_one_only(people: dict[str, Patient]) -> None:
    with unit_of_work():
        update_patient(people["asha"], last_name="Zacharias")
    assert found(people, "zachar") == ["asha"]
    assert found(people, "asha nair") == []


def test_people_put_away_are_not_found(people: dict[str, Patient]) -> None:
    with unit_of_work():
        people["souza"].active = False
    assert found(people, "dsouza") == []


def test_another_clinics_patients_are_not_found(people: dict[str, Patient], other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        make_patient(**PEOPLE["asha"])
        assert len(search_patients("asha")) == 1
    assert sorted(found(people, "asha nair")) == ["asha"]


@pytest.mark.parametrize("typed", ["", "a", "a s", "asha nair", "n", "98450"])
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_show_everybody_once_in_one_order(in_clinic: Any, typed: str, limit: int) -> None:
    for number in range(4):
        make_patient(first_name="Asha", last_name=f"Nair{'abba'[number]}")
        make_patient(first_name="Nita", last_name=f"Aslam{'zzyx'[number]}")
        make_patient(first_name="Sara", last_name="Ali")
    whole, rest = patient_page(typed, 100, None)
    pages, cursor = [], None
    while True:
        rows, cursor = patient_page(typed, limit, cursor)
        pages.extend(rows)
        if cursor is None:
            break
    assert rest is None
    assert [row.id for row in pages] == [row.id for row in whole]
    assert len({row.id for row in whole}) == len(whole) == count_patients(typed)
    assert len(whole) >= 4


@pytest.mark.parametrize("cursor", ["!", "e30", "W10", "WyJ4IiwxLDJd", "a" * 50])
def test_a_cursor_of_somebody_else_is_refused(in_clinic: Any, cursor: str) -> None:
    with pytest.raises(BadRequest):
        patient_page("asha", 10, cursor)


def test_search_names_read_both_ways() -> None:
    assert search_names("José  María", "O'Neil-Das") == ("jose maria oneil das", "oneil das jose maria")


@pytest.mark.parametrize(
    ("typed", "index"),
    [
        ("kav", "ix_patient_search_name"),
        ("nai", "ix_patient_search_last_first"),
        ("kavya nai", "ix_patient_search_name"),
        ("98450 12345", "ix_patient_phone"),
        ("98450", "ix_patient_phone"),
        ("000123", "uq_patient_mrn"),
        ("1985-07-20", "ix_patient_date_of_birth"),
    ],
)
def test_every_way_of_searching_reads_an_index(crowd: Any, typed: str, index: str) -> None:
    plans = explain(lambda: patient_page(typed, 20, None))
    assert any(index in plan for plan in plans), plans
    assert not any("Seq Scan on patient" in plan for plan in plans)


def explain(search: Any) -> list[str]:
    """The plans of the statements over patients that `search` runs, under row-level security.

    Whole tables are read only where no index serves: which is cheaper depends on the sample that ANALYZE drew.
    """
    seen: list[tuple[str, Any]] = []
    connection = db.session.connection()
    event.listen(connection, "before_cursor_execute", lambda _c, _cursor, sql, values, *_: seen.append((sql, values)))
    search()
    statements = [item for item in seen if "patient" in item[0]]
    assert statements
    connection.exec_driver_sql("set local enable_seqscan = off")
    return [
        "\n".join(row[0] for row in connection.exec_driver_sql(f"explain {sql}", values)) for sql, values in statements
    ]


@pytest.fixture
def crowd(in_clinic: Any) -> Any:
    """Twenty thousand patients, enough for the planner to care."""
    with unit_of_work() as session:
        session.execute(
            text(
                """
                insert into patient (id, clinic_id, mrn, first_name, last_name, search_name, search_last_first, gender,
                  date_of_birth, phone, address, city, state, postal_code, language, preferred_channel, tags, alerts,
                  active, created_at, updated_at)
                select gen_random_uuid(), :clinic, lpad(n::text, 6, '0'), first, last, first || ' ' || last,
                  last || ' ' || first, 'female', date '1950-01-01' + n, '+9198' || lpad(n::text, 8, '0'),
                  '', '', '', '', 'en', 'EMAIL', '[]', '[]', true, now(), now()
                from (select n, 'kav' || chr(97 + n % 26) || n % 97 as first,
                        'nai' || chr(97 + n % 25) || n % 89 as last from generate_series(1, 20000) n) names
                """
            ),
            {"clinic": in_clinic.id},
        )
    with unit_of_work() as session:
        session.execute(text("reset role"))
        session.execute(text("analyze patient"))
        session.execute(text("set role clinic_console_app"))
    return in_clinic
