"""Patients of a demo clinic."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from sqlalchemy import update

from app.core import clock
from app.core.ids import new_id
from app.core.series import NumberSeries, next_number
from app.core.tenant import db
from app.demo.bulk import Rows
from app.demo.cast import ALERTS, FEMALE, MALE, STREETS, SURNAMES, DemoClinic
from app.people.models import Gender, Patient, search_names

PATIENTS = 260


def add_patients(demo: DemoClinic, today: date, random: Random, count: int = PATIENTS) -> list[str]:
    """Their ids; the first is Meera Iyer, who has a log-in."""
    rows = Rows()
    ids = [_add(rows, demo, number, today, random) for number in range(1, count + 1)]
    rows.write()
    next_number("mrn")
    db.session.execute(update(NumberSeries).where(NumberSeries.name == "mrn").values(last=count))
    return ids


def _add(rows: Rows, demo: DemoClinic, number: int, today: date, random: Random) -> str:
    female = number == 1 or random.random() < 0.52
    first = "Meera" if number == 1 else random.choice(FEMALE if female else MALE)
    last = "Iyer" if number == 1 else random.choice(SURNAMES)
    search_name, last_first = search_names(first, last)
    patient_id = new_id()
    rows.add(
        Patient,
        id=patient_id,
        mrn=f"{number:06d}",
        first_name=first,
        last_name=last,
        search_name=search_name,
        search_last_first=last_first,
        gender=Gender.FEMALE if female else Gender.MALE,
        date_of_birth=today - timedelta(days=random.randint(400, 30000)),
        phone=f"{demo.dial}{demo.phone_prefix}{number:05d}",
        email=f"patient{number}@{demo.subdomain}.example",
        address=f"{random.randint(1, 240)} {random.choice(STREETS)}",
        city=demo.settings["address"].rpartition(", ")[2].partition(" ")[0],
        country=demo.country,
        language="hi" if random.random() < 0.2 else "en",
        alerts=[random.choice(ALERTS)] if random.random() < 0.12 else [],
        created_at=clock.now() - timedelta(days=420 * (PATIENTS - number) / PATIENTS, minutes=random.randint(0, 500)),
    )
    return patient_id
