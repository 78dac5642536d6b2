"""Time that opens by extra or weekly hours, a holiday taken back, leave that ended: whoever waits is offered it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.people.models import Doctor
from app.scheduling.events import SlotOpened
from app.scheduling.listeners import offer_opened_slot
from app.scheduling.models import DoctorLeave, OfferStatus, SlotOffer, WaitingListEntry
from app.scheduling.services import add_time, cancel_leave, delete_hours, remove_time, set_exceptions, set_weekly_hours
from app.tenancy.models import Location
from tests.factories.people import make_doctor
from tests.factories.scheduling import (
    local,
    make_appointment,
    make_doctor_leave,
    make_exception,
    make_location,
    make_open_doctor,
    tomorrow,
)
from tests.factories.waiting import make_waiting_list_entry

pytestmark = pytest.mark.usefixtures("in_clinic")

DAY = timedelta(days=1)


@pytest.fixture
def place() -> Location:
    return make_location()


@pytest.fixture
def closed_doctor(place: Location) -> Doctor:
    """Keeps no hours yet."""
    return make_doctor(location_ids=(place.id,))


def published() -> list[SlotOpened]:
    db.session.rollback()
    wanted = select(EventRecord.payload).where(EventRecord.type == SlotOpened.type).order_by(EventRecord.id)
    return [SlotOpened.model_validate(payload) for payload in db.session.scalars(wanted)]


def opened() -> list[datetime]:
    """When the slots begin that were found to be new."""
    return [event.starts_at for event in published()]


def offers() -> dict[str, datetime]:
    """Entry → what is kept for it, once every opened slot was heard of, twice."""
    for event in published() * 2:
        with unit_of_work():
            offer_opened_slot(event)
    wanted = select(SlotOffer).where(SlotOffer.status == OfferStatus.OPEN)
    return {offer.waiting_list_entry_id: offer.starts_at for offer in db.session.scalars(wanted)}


def test_extra_hours_are_offered_the_best_choosing_first(place: Location, closed_doctor: Doctor) -> None:
    first, urgent = make_waiting_list_entry(closed_doctor), make_waiting_list_entry(urgent=True)
    late = make_waiting_list_entry(closed_doctor, from_time=time(10, 30))
    elsewhere, by_video = (
        make_waiting_list_entry(location_id=make_location().id),
        make_waiting_list_entry(type="VIDEO_CALL"),
    )
    with unit_of_work():
        add_time(closed_doctor.id, tomorrow(), time(10), time(11), place.id, slot_minutes=15, types=["IN_PERSON"])
    expected = {
        urgent.id: local(tomorrow(), 10),
        first.id: local(tomorrow(), 10, 15),
        late.id: local(tomorrow(), 10, 30),
    }
    assert offers() == expected
    assert {str(db.session.get_one(WaitingListEntry, entry.id).status) for entry in (elsewhere, by_video)} == {
        "WAITING"
    }


def test_no_more_slots_are_offered_than_people_wait(place: Location, closed_doctor: Doctor) -> None:
    make_waiting_list_entry(closed_doctor)
    with unit_of_work():
        add_time(closed_doctor.id, tomorrow(), time(8), time(18), place.id, ends_on=tomorrow() + 5 * DAY)
    assert opened() == [local(tomorrow(), 8)]


def test_where_nobody_waits_nothing_is_said(place: Location, closed_doctor: Doctor) -> None:
    make_waiting_list_entry(make_open_doctor())
    with unit_of_work():
        add_time(closed_doctor.id, tomorrow(), time(10), time(11), place.id)
    assert opened() == []


def test_leave_that_ends_is_offered_without_what_is_booked() -> None:
    doctor = make_open_doctor(hours={"opens": time(9), "closes": time(10)})
    make_appointment(doctor, starts_at=local(tomorrow(), 9))
    leave = make_doctor_leave(doctor)
    entry = make_waiting_list_entry(doctor, last_on=tomorrow())
    for _twice in range(2):
        with unit_of_work():
            cancel_leave(db.session.get_one(DoctorLeave, leave.id))
    assert offers() == {entry.id: local(tomorrow(), 9, 15)}


def test_a_holiday_taken_back_opens_every_doctor() -> None:
    one, other = (make_open_doctor(hours={"opens": time(9), "closes": time(9, 15)}) for _each in range(2))
    holiday = make_exception(None, "REMOVE", tomorrow())
    entries = [make_waiting_list_entry(doctor, last_on=tomorrow()) for doctor in (one, other, None)]
    with unit_of_work():
        delete_hours(db.session.merge(holiday))
    assert offers() == {entry.id: local(tomorrow(), 9) for entry in entries[:2]}


def test_weekly_hours_and_closed_days_as_a_whole(place: Location, closed_doctor: Doctor) -> None:
    hours = {"weekday": tomorrow().weekday(), "opens": time(9), "closes": time(10), "location_id": place.id}
    entry = make_waiting_list_entry(closed_doctor, last_on=tomorrow())
    with unit_of_work():
        set_weekly_hours(closed_doctor.id, [hours])
        remove_time(closed_doctor.id, tomorrow())
    assert opened() == [local(tomorrow(), 9)]
    assert offers() == {}, "the day was closed again before anybody was asked"
    with unit_of_work():
        set_exceptions(closed_doctor.id, [])
    assert offers() == {entry.id: local(tomorrow(), 9)}


def test_another_cut_of_the_same_hours_opens_nothing(place: Location, closed_doctor: Doctor) -> None:
    hours = {"weekday": tomorrow().weekday(), "opens": time(9), "closes": time(10), "location_id": place.id}
    with unit_of_work():
        set_weekly_hours(closed_doctor.id, [{**hours, "slot_minutes": 20}])
    make_waiting_list_entry(closed_doctor)
    with unit_of_work():
        set_weekly_hours(closed_doctor.id, [{**hours, "slot_minutes": 15}])
    assert opened() == []
    with unit_of_work():
        set_weekly_hours(closed_doctor.id, [{**hours, "slot_minutes": 15, "closes": time(10, 15)}])
    assert opened() == [local(tomorrow(), 10)]


def test_closed_time_given_to_another_doctor_opens_the_one_before(visitor: Callable[..., Any]) -> None:
    doctor, colleague = (make_open_doctor(hours={"opens": time(9), "closes": time(9, 15)}) for _each in range(2))
    closed = make_exception(doctor, "REMOVE", tomorrow())
    entry = make_waiting_list_entry(doctor, last_on=tomorrow())
    form = {
        "kind": "REMOVE",
        "doctor": colleague.id,
        "starts_on": str(tomorrow()),
        "types": ["IN_PERSON"],
        "capacity": "1",
    }
    assert visitor("CLINIC_ADMIN").post(f"/availabilityexceptionview/edit/{closed.id}", data=form).status_code == 302
    assert offers() == {entry.id: local(tomorrow(), 9)}


def test_a_holiday_moved_by_api_opens_its_old_day(caller: Callable[..., Any]) -> None:
    doctor = make_open_doctor(hours={"opens": time(9), "closes": time(9, 15)})
    holiday = make_exception(None, "REMOVE", tomorrow())
    entry = make_waiting_list_entry(doctor, last_on=tomorrow())
    moved = caller("CLINIC_ADMIN").put(f"/holidays/{holiday.id}", json={"startsOn": str(tomorrow() + DAY)})
    assert moved.status_code == 200
    assert offers() == {entry.id: local(tomorrow(), 9)}
