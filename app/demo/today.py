"""The present of a demo clinic, made by the services themselves: visits done, under way and to come."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from app.billing.services import collect_at_desk, invoice_for_visit
from app.core import clock
from app.core.principal import Principal, acting_as
from app.core.tenant import db
from app.demo.cash_desk import open_todays_drawer
from app.demo.house import House
from app.demo.memberships import use_memberships
from app.demo.open_matters import add_open_matters
from app.demo.planned import add_planned
from app.demo.twins import register_twice
from app.events.models import DeliveryStatus, EventDelivery
from app.queueing.services import arrive, call_next, issue_walk_in, serve
from app.scheduling.models import Appointment
from app.scheduling.queries import local_bounds, slots
from app.scheduling.services import book_appointment, complete, confirm_appointment, no_show
from app.tenancy.queries import settings_in_scope

DAYS_AHEAD = 10
TODAY, LATER = 9, 4
TENDERS = ("CASH", "UPI", "UPI", "CARD_TERMINAL")
VISIT = timedelta(minutes=15)
# Who is expected within this time sits in the waiting room.
EARLY = timedelta(minutes=40)


def add_present(house: House, patients: list[str], today: date, random: Random) -> None:
    """Book today and the days ahead as if it were early this morning, then let the day go by until now."""
    now = clock.now()
    early = datetime.combine(today, time(7), ZoneInfo(settings_in_scope().zone))
    with clock.travel(to=min(early, now)):
        for ahead in range(DAYS_AHEAD + 1):
            for doctor_id, _ in house.doctors:
                _book_day(doctor_id, today + timedelta(days=ahead), TODAY if ahead == 0 else LATER, patients, random)
    use_memberships(house, today, random)
    person = open_todays_drawer(house.location_id, min(early + timedelta(hours=1), now))
    for visit in _visits_of(today):
        _bring_up_to(now, visit, person, random)
    add_open_matters(patients, person, random)
    _fill_waiting_room(house, patients, random)
    add_planned(house, patients, today, person, random)
    register_twice(patients)
    _keep_quiet()


def _book_day(doctor_id: str, day: date, most: int, patients: list[str], random: Random) -> None:
    free = slots(doctor_id, day)
    for slot in sorted(random.sample(free, min(most, len(free))), key=lambda item: item.starts_at):
        type = "VIDEO_CALL" if random.random() < 0.2 else "IN_PERSON"
        visit = book_appointment(
            patient_id=random.choice(patients), doctor_id=doctor_id, type=type, starts_at=slot.starts_at
        )
        if type == "VIDEO_CALL" or random.random() < 0.4:
            confirm_appointment(visit)


def _visits_of(today: date) -> list[Appointment]:
    first, last = local_bounds(today, today)
    wanted = select(Appointment).where(Appointment.starts_at >= first, Appointment.starts_at < last)
    return list(db.session.scalars(wanted.order_by(Appointment.starts_at, Appointment.id)))


def _bring_up_to(now: datetime, visit: Appointment, person: Principal, random: Random) -> None:
    """As far as a visit of that time has usually come by now; `person` is at the desk."""
    if visit.starts_at - EARLY > now:
        return
    if visit.starts_at < now - VISIT and random.random() < 0.07:
        with clock.travel(to=visit.starts_at + VISIT):
            no_show(visit)
        return
    with clock.travel(to=min(now, visit.starts_at - timedelta(minutes=random.randint(4, 25)))):
        if random.random() < 0.75:
            _take(visit, person, random)
        _visit, token = arrive(visit.id)
    if visit.starts_at > now:
        return
    with clock.travel(to=min(now, visit.starts_at + timedelta(minutes=random.randint(0, 6)))):
        call_next(visit.doctor_id)
        serve(token.id)
    if visit.starts_at + VISIT < now:
        with clock.travel(to=min(now, visit.starts_at + VISIT + timedelta(minutes=random.randint(0, 9)))):
            complete(visit)
            if invoice_for_visit(visit).amount_due:
                _take(visit, person, random)


def _take(visit: Appointment, person: Principal, random: Random) -> None:
    with acting_as(person):
        collect_at_desk(visit, random.choice(TENDERS))


def _fill_waiting_room(house: House, patients: list[str], random: Random) -> None:
    """Whatever the hour, somebody waits: the queue can be tried at once."""
    for doctor_id, _ in house.doctors[:2]:
        for _ in range(2):
            issue_walk_in(doctor_id, house.location_id, random.choice(patients))


def _keep_quiet() -> None:
    """What was made up is no news: nobody is written to about it."""
    db.session.flush()
    db.session.execute(
        update(EventDelivery)
        .where(EventDelivery.status == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.DONE, finished_at=clock.now())
    )
