"""The present of a demo clinic, made by the services themselves: visits done, under way and to come."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from app.core import clock
from app.demo.house import House
from app.scheduling.queries import slots
from app.scheduling.services import book_appointment, confirm_appointment
from app.tenancy.queries import settings_in_scope

DAYS_AHEAD = 10
TODAY, LATER = 9, 4


def add_present(house: House, patients: list[str], today: date, random: Random) -> None:
    """Book today and the days ahead, as if it were early this morning."""
    early = datetime.combine(today, time(7), ZoneInfo(settings_in_scope().zone))
    with clock.travel(to=min(early, clock.now())):
        for ahead in range(DAYS_AHEAD + 1):
            for doctor_id, _ in house.doctors:
                _book_day(doctor_id, today + timedelta(days=ahead), TODAY if ahead == 0 else LATER, patients, random)


def _book_day(doctor_id: str, day: date, most: int, patients: list[str], random: Random) -> None:
    free = slots(doctor_id, day)
    for slot in sorted(random.sample(free, min(most, len(free))), key=lambda item: item.starts_at):
        type = "VIDEO_CALL" if random.random() < 0.2 else "IN_PERSON"
        visit = book_appointment(
            patient_id=random.choice(patients), doctor_id=doctor_id, type=type, starts_at=slot.starts_at
        )
        if type == "VIDEO_CALL" or random.random() < 0.4:
            confirm_appointment(visit)
