"""Specialities, doctors and patients, committed to the clinic in scope."""

from __future__ import annotations

from itertools import count
from typing import Any

from app.core.tenant import db
from app.people.models import Doctor, Patient, Speciality
from app.people.services import add_doctor, register_patient
from tests.factories.commits import one_commit

_numbers = count(1)
FIRST_NAMES = ("Asha", "Ravi", "Meera", "Arjun", "Kavya", "Imran", "Nisha", "Joseph")
LAST_NAMES = ("Nair", "Sharma", "Iyer", "Khan", "Fernandes", "Patel", "Das", "Reddy")


def make_speciality(**overrides: Any) -> Speciality:
    with one_commit():
        speciality = Speciality(**{"name": f"Speciality {next(_numbers)}", **overrides})
        db.session.add(speciality)
    return speciality


def make_doctor(
    *, specialities: tuple[Speciality, ...] = (), location_ids: tuple[str, ...] = (), **overrides: Any
) -> Doctor:
    number = next(_numbers)
    values = {
        "first_name": FIRST_NAMES[number % 8],
        "last_name": LAST_NAMES[number // 8 % 8],
        "registration_number": f"REG-{number:06d}",
        "types": ["IN_PERSON", "VIDEO_CALL"],
        **overrides,
    }
    with one_commit():
        return add_doctor(
            Doctor(**values), speciality_ids=[item.id for item in specialities], location_ids=location_ids
        )


def make_patient(**overrides: Any) -> Patient:
    """A grown-up who is not old, with a telephone number of their own (+91 98450 00001 and on).

    Age has a say in a queue: whoever comes first must not depend on how many patients earlier tests made.
    """
    number = next(_numbers)
    values = {
        "first_name": FIRST_NAMES[number % 8],
        "last_name": LAST_NAMES[number // 8 % 8],
        "phone": f"+919845{number:06d}",
        "gender": "female" if number % 2 else "male",
        "date_of_birth": f"{1970 + number % 30}-03-{number % 28 + 1:02d}",
        **overrides,
    }
    with one_commit():
        return register_patient(**values)
