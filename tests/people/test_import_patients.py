"""`flask import-patients`: real people's data, with whatever is wrong with it."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.audit.models import AuditEntry
from app.core.tenant import db, tenant_scope
from app.people.commands import import_patients
from app.people.models import Patient
from app.people.patient_csv import OPTIONAL, REQUIRED
from tests.factories.people import make_patient

HEADER = ",".join([*REQUIRED, *(name for name in OPTIONAL if name != "email")])
SYNTHEA = "shared/data/patients.csv"


def line(number: int, **overrides: str) -> str:
    values = {
        "source_id": f"src-{number}",
        "first_name": "Ravi",
        "last_name": f"Kumar{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}{'uvwxyz'[number // 100 % 6]}",
        "gender": "male",
        "date_of_birth": f"19{number % 90 + 10}-03-04",
        "deceased_on": "",
        "phone": f"98450{number:05d}",
        "address": '"12, Palm Road"',
        "city": "Pune",
        "state": "Maharashtra",
        "postal_code": "411001",
        "country": "IN",
        "language": "Hindi",
    }
    return ",".join({**values, **overrides}.values())


@pytest.fixture
def csv_file(tmp_path: Path) -> Any:
    def write(*lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        path = tmp_path / "patients.csv"
        path.write_bytes("\n".join([header, *lines, ""]).encode(encoding))
        return path

    return write


@pytest.fixture
def run(app: Any, clinic: Any) -> Any:
    def invoke(path: Path, *options: str) -> Any:
        return app.test_cli_runner().invoke(import_patients, [str(path), "--clinic", clinic.subdomain, *options])

    return invoke


def report_of(path: Path) -> list[dict[str, str]]:
    with path.with_name("patients.report.csv").open(newline="") as handle:
        return list(csv.DictReader(handle))


def patients_of(clinic: Any) -> list[Patient]:
    with tenant_scope(clinic.id):
        patients = list(db.session.scalars(select(Patient).order_by(Patient.mrn)))
        db.session.expunge_all()
    return patients


def test_a_clean_row_becomes_a_patient(csv_file: Any, run: Any, clinic: Any) -> None:
    path = csv_file(line(1))
    result = run(path)
    assert result.exit_code == 0, result.output
    assert "1 rows: 1 accepted, 0 accepted with notes, 0 duplicate, 0 rejected." in result.output
    (patient,) = patients_of(clinic)
    assert (patient.mrn, patient.name, patient.source_id) == ("000001", "Ravi Kumarbku", "src-1")
    assert (patient.phone, patient.phone_raw) == ("+919845000001", None)
    assert (patient.address, patient.city, patient.language) == ("12, Palm Road", "Pune", "hi")
    assert str(patient.date_of_birth) == "1911-03-04"
    assert report_of(path) == [
        {"row": "1", "source_id": "src-1", "outcome": "accepted", "mrn": "000001", "reasons": ""}
    ]


@pytest.mark.parametrize(
    ("overrides", "outcome", "reason", "kept"),
    [
        ({"phone": "555-329-9199"}, "accepted with notes", "Phone:", {"phone": None, "phone_raw": "555-329-9199"}),
        ({"phone": "call me"}, "accepted with notes", "Phone:", {"phone": None, "phone_raw": "call me"}),
        ({"phone": ""}, "accepted", "", {"phone": None, "phone_raw": None}),
        ({"phone": "+1 415 555 2671", "country": "US"}, "accepted", "", {"phone": "+14155552671"}),
        ({"phone": "(415) 555-2671", "country": "US"}, "accepted", "", {"phone": "+14155552671"}),
        ({"first_name": "Omar524"}, "accepted with notes", "digits", {"first_name": "Omar524"}),
        ({"last_name": "Alcántar"}, "accepted", "", {"last_name": "Alcántar", "search_name": "ravi alcantar"}),
        ({"last_name": ""}, "accepted", "", {"last_name": ""}),
        ({"gender": "X"}, "accepted with notes", "Gender:", {"gender": "unknown"}),
        ({"gender": "F"}, "accepted", "", {"gender": "female"}),
        ({"language": "Bluebird"}, "accepted with notes", "Language:", {"language": "en"}),
        ({"language": "French (France)"}, "accepted", "", {"language": "fr"}),
        ({"country": "Narnia"}, "accepted with notes", "Country:", {"country": None, "phone": "+919845000001"}),
        ({"deceased_on": "1999-05-11"}, "accepted", "", {"active": True}),
        ({"date_of_birth": ""}, "accepted", "", {"date_of_birth": None}),
        ({"first_name": ""}, "rejected", "First name:", None),
        ({"first_name": "!!"}, "rejected", "First name:", None),
        ({"first_name": "A" * 81}, "rejected", "First name:", None),
        ({"source_id": ""}, "rejected", "Source id:", None),
        ({"date_of_birth": "20/07/1985"}, "rejected", "Date of birth:", None),
        ({"date_of_birth": "2999-01-01"}, "rejected", "Date of birth:", None),
        ({"date_of_birth": "1985-02-30"}, "rejected", "Date of birth:", None),
        ({"deceased_on": "1900-01-01"}, "rejected", "Deceased on:", None),
        ({"city": "Pu\x00ne"}, "rejected", "City:", None),
        ({"city": "Pune,Extra"}, "rejected", "cells", None),
    ],
)
def test_what_can_be_kept_is_kept_and_what_was_wrong_is_told(
    csv_file: Any, run: Any, clinic: Any, overrides: dict[str, str], outcome: str, reason: str, kept: Any
) -> None:
    path = csv_file(line(1, **overrides), line(2))
    result = run(path)
    assert result.exit_code == 0, result.output
    first, second = report_of(path)
    assert (first["outcome"], second["outcome"]) == (outcome, "accepted")
    assert reason in first["reasons"]
    assert bool(reason) == bool(first["reasons"])
    patients = patients_of(clinic)
    assert len(patients) == (1 if kept is None else 2)
    if kept:
        assert {name: getattr(patients[0], name) for name in kept} == kept


def test_a_second_run_adds_nobody(csv_file: Any, run: Any, clinic: Any) -> None:
    path = csv_file(*(line(number) for number in range(5)))
    assert "5 accepted" in run(path).output
    again = run(path)
    assert "0 accepted, 0 accepted with notes, 5 duplicate, 0 rejected." in again.output
    assert len(patients_of(clinic)) == 5


def test_an_interrupted_import_goes_on_where_it_was(csv_file: Any, run: Any, clinic: Any) -> None:
    run(csv_file(*(line(number) for number in range(250))))
    path = csv_file(*(line(number) for number in range(450)))
    assert "200 accepted, 0 accepted with notes, 250 duplicate" in run(path).output
    patients = patients_of(clinic)
    assert [patient.mrn for patient in patients] == [f"{number:06d}" for number in range(1, 451)]


def test_the_same_source_id_twice_in_a_file_is_one_patient(csv_file: Any, run: Any, clinic: Any) -> None:
    path = csv_file(line(1), line(1, first_name="Somebody"), line(2))
    assert "2 accepted, 0 accepted with notes, 1 duplicate" in run(path).output
    assert [row["outcome"] for row in report_of(path)] == ["accepted", "duplicate", "accepted"]


def test_a_namesake_with_the_same_birthday_is_kept_and_told(csv_file: Any, run: Any, clinic: Any) -> None:
    with tenant_scope(clinic.id):
        make_patient(first_name="Ravi", last_name="Kumarbku", date_of_birth="1911-03-04")
    path = csv_file(line(1), line(2, last_name="Twin", date_of_birth="1950-01-01"),
                    line(3, last_name="Twin", date_of_birth="1950-01-01"))  # fmt: skip
    assert run(path).exit_code == 0
    reasons = [row["reasons"] for row in report_of(path)]
    assert "MRN 000001" in reasons[0]
    assert reasons[1] == ""
    assert "MRN 000003" in reasons[2]
    assert len(patients_of(clinic)) == 4


def test_other_clinics_source_ids_do_not_count(csv_file: Any, run: Any, clinic: Any, other_clinic: Any) -> None:
    with tenant_scope(other_clinic.id):
        make_patient(source_id="src-1")
    assert "1 accepted" in run(csv_file(line(1))).output
    assert len(patients_of(other_clinic)) == 1


def test_every_patient_taken_over_is_in_the_trail(csv_file: Any, run: Any, clinic: Any) -> None:
    run(csv_file(line(1), line(2)))
    with tenant_scope(clinic.id):
        registered = select(func.count()).where(AuditEntry.action == "patient.registered")
        assert db.session.scalar(registered) == 2


def test_the_report_goes_where_it_is_wanted(csv_file: Any, run: Any, tmp_path: Path) -> None:
    wanted = tmp_path / "elsewhere.csv"
    result = run(csv_file(line(1, source_id="=cmd()")), "--report", str(wanted))
    assert str(wanted) in result.output
    with wanted.open(newline="") as handle:
        assert [row["source_id"] for row in csv.DictReader(handle)] == ["'=cmd()"]


def test_a_byte_order_mark_windows_line_ends_and_empty_lines_do_no_harm(run: Any, clinic: Any, tmp_path: Path) -> None:
    path = tmp_path / "patients.csv"
    path.write_bytes(("\ufeff" + HEADER + "\r\n\r\n" + line(1) + "\r\n\r\n" + line(2)).encode())
    assert "2 accepted" in run(path).output
    assert [row["row"] for row in report_of(path)] == ["1", "2"]


WRONG_FILES = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n", "header lacks"),
    "header only": (HEADER.encode(), "no rows"),
    "other header": (b"id,name\n1,Ravi\n", "header lacks: source_id"),
    "unknown column": (f"{HEADER},shoe_size\n{line(1)},42\n".encode(), "unknown columns: 'shoe_size'"),
    "column twice": (f"{HEADER},phone\n{line(1)},1\n".encode(), "twice"),
    "semicolons": (HEADER.replace(",", ";").encode(), "header lacks"),
    "latin-1": (f"{HEADER}\n{line(1)}\n{line(2, last_name='Alcántar')}\n".encode("latin-1"), "not UTF-8"),
    "utf-16": (f"{HEADER}\n{line(1)}\n".encode("utf-16"), "not UTF-8"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00", "not UTF-8"),
    "huge field": (f"{HEADER}\n{line(1)}\n{line(2, city='x' * 200_000)}\n".encode(), "no proper CSV"),
    "huge line": (f"{HEADER}\n{line(1)}\n".encode() + b"x" * 1_100_000, "more than"),
    "open quote": (f"{HEADER}\n{line(1)}\n{line(2, city=chr(34) + 'Pune')}\n".encode(), "no proper CSV"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_file_that_is_no_such_csv_changes_nothing(run: Any, clinic: Any, tmp_path: Path, name: str) -> None:
    content, words = WRONG_FILES[name]
    path = tmp_path / "patients.csv"
    path.write_bytes(content)
    result = run(path)
    assert result.exit_code == 1
    assert words in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert patients_of(clinic) == []
    assert not path.with_name("patients.report.csv").exists()


def test_a_missing_file_or_clinic_is_one_line(app: Any, clinic: Any, tmp_path: Path, csv_file: Any) -> None:
    runner = app.test_cli_runner()
    missing = runner.invoke(import_patients, [str(tmp_path / "nothing.csv"), "--clinic", clinic.subdomain])
    assert (missing.exit_code, missing.output) == (
        1, "Error: The file cannot be read: No such file or directory.\n",
    )  # fmt: skip
    unknown = runner.invoke(import_patients, [str(csv_file(line(1))), "--clinic", "nowhere"])
    assert (unknown.exit_code, "There is no clinic 'nowhere'" in unknown.output) == (1, True)
    assert patients_of(clinic) == []


def test_the_clinics_id_will_do(app: Any, clinic: Any, csv_file: Any) -> None:
    result = app.test_cli_runner().invoke(import_patients, [str(csv_file(line(1))), "--clinic", clinic.id])
    assert result.exit_code == 0
    assert len(patients_of(clinic)) == 1


def test_the_synthetic_patients_are_all_accounted_for(
    run: Any, clinic: Any, project_root: Path, tmp_path: Path
) -> None:
    source = project_root.parent / SYNTHEA
    if not source.exists():
        pytest.skip(f"{SYNTHEA} is not beside the repository")
    report = tmp_path / "patients.report.csv"
    result = run(source, "--report", str(report))
    assert result.exit_code == 0, result.output
    outcomes = Counter(row["outcome"] for row in report_of(report))
    assert outcomes == {"accepted with notes": 400}
    patients = patients_of(clinic)
    assert len(patients) == 400
    assert all(patient.phone is None and patient.phone_raw for patient in patients)
    assert sum(1 for patient in patients if patient.deceased_on) == 80
    assert "400 duplicate" in run(source, "--report", str(report)).output
    assert len(patients_of(clinic)) == 400
