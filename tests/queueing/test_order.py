"""Need first, then arrival, and nobody waits for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import column, select, values
from sqlalchemy.types import DateTime, Integer

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.queueing.models import PriorityClass
from app.queueing.queries.order import calling_order
from app.tenancy.settings import ClinicSettings
from tests.factories.people import make_doctor
from tests.factories.queueing import make_token
from tests.factories.scheduling import make_location

pytestmark = pytest.mark.usefixtures("in_clinic")

OPENED = datetime(2026, 11, 23, 4, tzinfo=UTC)
RULES = ClinicSettings(queue_ageing_minutes=10, queue_longest_minutes=60)


@dataclass(frozen=True)
class Patient:
    """Who comes `minute` minutes after opening, in which class, and how many minutes the doctor takes for them."""

    number: int
    minute: int
    priority: int
    takes: int

    @property
    def arrived_at(self) -> datetime:
        return OPENED + timedelta(minutes=self.minute)


def in_order(waiting: Sequence[Patient], minute: float, rules: ClinicSettings = RULES) -> list[int]:
    """Their numbers as the product's own terms order them, in PostgreSQL."""
    columns = column("priority", Integer), column("arrived_at", DateTime(timezone=True)), column("number", Integer)
    rows = values(*columns, name="waiting").data([(item.priority, item.arrived_at, item.number) for item in waiting])
    now = OPENED + timedelta(minutes=minute)
    terms = calling_order(rows.c.priority, rows.c.arrived_at, rows.c.number, now, rules)
    return list(db.session.scalars(select(rows.c.number).order_by(*terms)))


def test_a_class_is_gained_with_every_span_waited_but_emergencies_go_first() -> None:
    walk_in, booked, elderly = Patient(1, 0, 4, 1), Patient(2, 15, 3, 1), Patient(3, 25, 1, 1)
    everybody = [walk_in, booked, elderly, Patient(4, 29, 0, 1)]
    assert in_order([walk_in, booked], 15) == [1, 2]  # 15 minutes: as if booked, and was there first
    assert in_order(everybody, 29) == [4, 3, 1, 2]  # 29 minutes: as if disabled
    assert in_order(everybody, 31) == [4, 1, 3, 2]  # 31 minutes: as if elderly
    assert in_order(everybody, 61) == [1, 4, 2, 3]  # an hour: nobody is called before them any more


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 20)), max_size=5),
    mine=st.sampled_from(PriorityClass),
    every=st.integers(1, 4),
    takes=st.lists(st.integers(1, 20), min_size=4, max_size=4),
    stream=st.lists(st.integers(0, 4), min_size=3, max_size=3),
)
def test_the_longest_wait_is_the_stated_one_under_endless_arrivals_with_higher_priority(
    in_clinic: Any,
    before: list[tuple[int, int]],
    mine: PriorityClass,
    every: int,
    takes: list[int],
    stream: list[int],
) -> None:
    """Others keep coming, more of them than the doctor can see, from emergencies down; my turn comes all the same."""
    early = [Patient(number, 0, priority, taking) for number, (priority, taking) in enumerate(before)]
    me = Patient(len(early), 0, mine, 1)
    longest = max([1, *takes, *(patient.takes for patient in early)])
    promised = RULES.queue_longest_minutes + (len(early) + 1) * longest
    waiting, minute, came, number = [*early, me], 0, 0, len(early) + 1
    while True:
        while came <= minute:  # those who came while the last patient was inside
            waiting.append(Patient(number, came, stream[number % 3] if number % 2 else 0, takes[number % 4]))
            number, came = number + 1, came + every
        called = in_order(waiting, minute)[0]
        if called == me.number:
            break
        patient = next(item for item in waiting if item.number == called)
        waiting.remove(patient)
        minute += patient.takes
        assert minute <= promised
    assert minute <= promised


def test_whoever_has_waited_long_is_called_first(caller: Callable[..., Any]) -> None:
    doctor, location = make_doctor(), make_location()
    with clock.travel(timedelta(minutes=-50)):
        walk_in = make_token(doctor, location, priority=PriorityClass.WALK_IN)
    elderly = make_token(doctor, location, priority=PriorityClass.ELDERLY)
    emergency = make_token(doctor, location, priority=PriorityClass.EMERGENCY)
    nurse = caller("NURSE")
    shown = [token["id"] for token in nurse.get(f"/queues/{doctor.id}").json["tokens"]]
    called = [nurse.post(f"/queues/{doctor.id}/call-next").json["token"]["id"] for _ in range(3)]
    assert shown == called == [emergency.id, walk_in.id, elderly.id]


def test_the_clinic_decides_how_fast_a_wait_counts(clinic: Any, caller: Callable[..., Any]) -> None:
    from app.tenancy.queries import clinic_in_scope
    from app.tenancy.services import update_clinic

    with unit_of_work():
        found = clinic_in_scope()
        update_clinic(found, settings={**found.settings.model_dump(mode="json"), "queue_ageing_minutes": 60})
    doctor, location = make_doctor(), make_location()
    with clock.travel(timedelta(minutes=-50)):
        make_token(doctor, location, priority=PriorityClass.WALK_IN)
    elderly = make_token(doctor, location, priority=PriorityClass.ELDERLY)
    assert caller("NURSE").post(f"/queues/{doctor.id}/call-next").json["token"]["id"] == elderly.id
