"""The estimate of a wait, on days that are lived again: it beats guessing by the slot's length."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from statistics import mean
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.people.models import Doctor
from app.queueing.models import DoctorQueue, PriorityClass, QueueToken
from app.queueing.queries.queues import state_of, today
from app.queueing.services import call_next, done, issue_walk_in, serve, undo
from app.tenancy.models import Location
from app.tenancy.queries import settings_in_scope
from tests.factories.people import make_doctor, make_patient
from tests.factories.queueing import make_token
from tests.factories.scheduling import local, make_location, tomorrow

pytestmark = pytest.mark.usefixtures("in_clinic")

DAYS = 4  # a single day is luck
A_MOMENT = 1 / 4  # minutes; their order must not hang on how fast the test runs
Day = list[tuple[float, float]]  # each patient: minutes after opening when they come, minutes that they take


def a_day(seed: int, usual: float, patients: int = 24) -> Day:
    """Patients come about as fast as the doctor works, in a bunch at first; a few take much longer than the others."""
    chance = Random(seed)
    comes, day = 0.0, []
    for number in range(patients):
        comes += A_MOMENT if number < 5 else chance.expovariate(1 / usual)
        long_one = 2.2 if chance.random() < 0.12 else 1
        day.append((comes, max(1.5, chance.gauss(usual, usual * 0.25) * long_one)))
    return day


class LivedDay:
    """One day of a doctor, through the product's own verbs at the times at which things happened."""

    def __init__(self, doctor: Doctor, location: Location, day_number: int, patient_id: str) -> None:
        self.doctor, self.location, self.patient_id = doctor, location, patient_id
        self.opened = local(tomorrow(), 9) + timedelta(days=day_number)
        self.told: dict[str, tuple[float, float, float]] = {}  # at, by the doctor's pace, by the slot
        self.errors: list[float] = []
        self.guesses: list[float] = []

    def live(self, day: Day) -> None:
        takes = {}
        coming, free_at, inside = list(day), 0.0, None
        while coming or inside or self._waiting():
            if coming and (coming[0][0] <= free_at or not (inside or self._waiting())):
                minute, length = coming.pop(0)
                takes[self._comes(minute)] = length
                free_at = max(free_at, minute)
            elif inside or self._waiting():
                inside = self._next(free_at, inside)
                free_at += takes[inside] if inside else 0

    def _waiting(self) -> bool:
        """Whether somebody who came was not called yet."""
        return len(self.told) > len(self.errors)

    def _comes(self, minute: float) -> str:
        with clock.travel(to=self.opened + timedelta(minutes=minute)), unit_of_work():
            token = issue_walk_in(self.doctor.id, self.location.id, self.patient_id, PriorityClass.BOOKED)
            state = state_of(self.doctor.id, self.location.id)
            place = state.positions[token.id]
            guess = (place if state.current else place - 1) * settings_in_scope().slot_minutes
            wait = state.wait_of(token.id)
            assert wait is not None
            self.told[token.id] = (minute, wait, guess)
            return str(token.id)

    def _next(self, minute: float, inside: str | None) -> str | None:
        with clock.travel(to=self.opened + timedelta(minutes=minute)), unit_of_work():
            if inside:
                done(inside)
            token = call_next(self.doctor.id, self.location.id)
            if token is None:
                return None
            serve(token.id)
            at, wait, guess = self.told[token.id]
            self.errors.append(abs(minute - at - wait))
            self.guesses.append(abs(minute - at - guess))
            return str(token.id)


@pytest.mark.parametrize(
    ("usual", "share"), [(6, 0.7), (10, 0.7), (15, 1.1), (24, 0.7)], ids=["quick", "brisk", "as planned", "slow"]
)
def test_on_a_lived_day_the_estimate_beats_the_slots_length(usual: int, share: float) -> None:
    """Patients wait as long as they are told, to a smaller mean error than by place times slot.

    Who works exactly by the slot is guessed well by it: there the estimate is about as good.
    """
    doctor, location, patient = make_doctor(), make_location(), make_patient()
    days = [LivedDay(doctor, location, number, patient.id) for number in range(DAYS)]
    for number, day in enumerate(days):
        day.live(a_day(seed=usual * 10 + number, usual=usual))
    assert [len(day.errors) for day in days] == [24] * DAYS
    first, later = (
        (mean(error for day in lived for error in day.errors), mean(guess for day in lived for guess in day.guesses))
        for lived in (days[:1], days[1:])
    )
    assert first[0] < first[1] * share, f"nothing was known of the doctor: {first}"
    assert later[0] < later[1] * share, f"a day and more was known: {later}"
    print(f"minutes wrong on average: {first[0]:.1f} and {later[0]:.1f}, by the slot {first[1]:.1f} and {later[1]:.1f}")


def test_who_is_inside_longer_than_usual_still_takes_a_while() -> None:
    doctor, location = make_doctor(), make_location()
    first, second = (make_token(doctor, location) for _ in range(2))
    with unit_of_work():
        call_next(doctor.id)
    waits = []
    for minutes in (0, 10, 100):
        with clock.travel(timedelta(minutes=minutes)):
            waits.append(state_of(doctor.id).wait_of(second.id))
    assert waits == [15, 5, 4]
    assert state_of(doctor.id).wait_of(first.id) is None


def test_slips_of_the_hand_and_breaks_are_no_pace() -> None:
    doctor, location = make_doctor(), make_location()
    tokens = [make_token(doctor, location) for _ in range(3)]
    start = clock.now()
    for token, stays in zip(tokens, (timedelta(seconds=5), timedelta(hours=3), timedelta(minutes=9)), strict=True):
        with clock.travel(to=start), unit_of_work():
            serve(token.id)
        with clock.travel(to=start + stays), unit_of_work():
            done(token.id)
    queue = db.session.scalars(select(DoctorQueue)).one()
    assert (queue.served, queue.served_seconds) == (2, (60 + 9) * 60)
    with unit_of_work():
        undo(tokens[1].id)
    assert (queue.served, queue.served_seconds) == (1, 9 * 60)


def test_my_place_and_wait_are_told(caller: Callable[..., Any]) -> None:
    doctor, location, me = make_doctor(), make_location(), make_patient()
    make_token(doctor, location)
    token: QueueToken = make_token(doctor, location, patient_id=me.id)
    (mine,) = caller("PATIENT", patient_id=me.id).get("/queues/me").json["items"]
    assert (mine["id"], mine["position"], mine["waitMinutes"]) == (token.id, 2, 15)
    assert mine["day"] == today().isoformat()
