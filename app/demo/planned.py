"""What is planned beyond single visits: who waits for a slot, a course of visits, a doctor's leave."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from app.core.principal import Principal, acting_as
from app.demo.house import House
from app.scheduling.models import Every
from app.scheduling.queries import slots
from app.scheduling.services.leave_plans import plan_leave
from app.scheduling.services.series import book_series
from app.scheduling.services.series_days import DayState, SeriesDay, preview_series, series_times
from app.scheduling.services.waiting import join_waiting_list
from app.tenancy.queries import settings_in_scope

WAITING = ("Mornings only", "Can come at short notice", "", "Lives nearby")


def add_planned(house: House, patients: list[str], today: date, person: Principal, random: Random) -> None:
    """`person` is at the desk."""
    doctors = [doctor_id for doctor_id, _ in house.doctors]
    with acting_as(person):
        for at, note in enumerate(WAITING):
            join_waiting_list(
                patient_id=random.choice(patients),
                type="IN_PERSON",
                first_on=today,
                last_on=today + timedelta(days=14),
                doctor_id=doctors[at % len(doctors)] if at else None,
                until_time=time(13) if note == WAITING[0] else None,
                urgent=at == 1,
                note=note,
            )
        _course(doctors[0], random.choice(patients), today)
        _leave(doctors[-1], today)


def _course(doctor_id: str, patient_id: str, today: date) -> None:
    """Six weekly visits; a day that is taken goes to the time that is nearest."""
    free = slots(doctor_id, today + timedelta(days=1), 14, "IN_PERSON")
    if not free:
        return
    first = free[len(free) // 2].starts_at
    days = preview_series(doctor_id, "IN_PERSON", series_times(first, Every.WEEK, 1, 6))
    times = [day.starts_at if day.state == DayState.FREE else day.others[0] for day in days if _possible(day)]
    book_series(
        patient_id=patient_id,
        doctor_id=doctor_id,
        type="IN_PERSON",
        first_at=first,
        every=Every.WEEK,
        visits=6,
        notes="Physiotherapy",
        times=times,
    )


def _possible(day: SeriesDay) -> bool:
    return day.state == DayState.FREE or bool(day.others)


def _leave(doctor_id: str, today: date) -> None:
    begins = datetime.combine(today + timedelta(days=30), time(0), ZoneInfo(settings_in_scope().zone))
    plan_leave(doctor_id, begins, begins + timedelta(days=3), [], reason="Conference")
