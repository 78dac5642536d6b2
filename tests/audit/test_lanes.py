"""Several transactions of a clinic write their trail at once; what is done to any lane shows."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from threading import Barrier
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.audit.chain import ENDS_NOTED
from app.audit.jobs import check_trails
from app.audit.lanes import LANES
from app.audit.models import AuditChain, AuditEntry
from app.audit.services import record
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from tests.audit.test_chain import findings, tamper
from tests.waiting import wait_until

PATIENCE = "20s"  # a change that waits for this long waits for somebody


class Trail:
    """A clinic's trail, and colleagues who write into it."""

    def __init__(self, app: Flask, clinic_id: str, pool: ThreadPoolExecutor) -> None:
        self.app, self.clinic_id, self.pool = app, clinic_id, pool

    def write(self, begin: Barrier | None = None) -> Future[None]:
        """Beside us, a transaction with one entry."""
        return self.pool.submit(self._write, begin)

    def _write(self, begin: Barrier | None) -> None:
        with self.app.app_context(), tenant_scope(self.clinic_id), unit_of_work():
            db.session.execute(text(f"set local lock_timeout = '{PATIENCE}'"))
            if begin:
                begin.wait()
            record("trail.noted", "location", None)

    @contextmanager
    def busy(self, *lanes: int) -> Iterator[None]:
        """Somebody is writing into these lanes."""
        with all_tenants(), unit_of_work():
            wanted = select(AuditChain).where(AuditChain.clinic_id == self.clinic_id, AuditChain.lane.in_(lanes))
            assert len(db.session.scalars(wanted.with_for_update()).all()) == len(lanes)
            yield

    def open_lane(self) -> None:
        """All lanes are busy when somebody else comes."""
        with self.busy(*self.lengths()):
            written = self.write()
            wait_until(_somebody_waits)
        written.result()

    def lengths(self) -> dict[int, int]:
        with tenant_scope(self.clinic_id):
            return {head.lane: head.length for head in db.session.scalars(select(AuditChain).order_by(AuditChain.lane))}

    def actions(self, lane: int) -> list[str]:
        with tenant_scope(self.clinic_id):
            of_lane = select(AuditEntry.action).where(AuditEntry.lane == lane).order_by(AuditEntry.number)
            return list(db.session.scalars(of_lane))


def _somebody_waits() -> bool:
    """In this database: who waits for a transaction does so in none, but holds something in one."""
    here = "(select oid from pg_database where datname = current_database())"
    waiting = f"select from pg_locks w join pg_locks held using (pid) where not w.granted and held.database = {here}"
    return bool(db.session.scalar(text(f"select exists ({waiting})")))


@pytest.fixture
def trail(app: Flask, clinic: Any) -> Iterator[Trail]:
    with ThreadPoolExecutor(LANES + 4) as pool:
        trail = Trail(app, clinic.id, pool)
        trail.write().result()
        yield trail


@pytest.fixture
def lanes(trail: Trail) -> Trail:
    """Three lanes, with two entries in each of the later ones."""
    trail.open_lane()
    trail.open_lane()
    for busy in ((0,), (0,), (0, 1), (0, 1)):
        with trail.busy(*busy):
            trail.write().result()
    return trail


def test_who_writes_alone_stays_in_one_lane(trail: Trail) -> None:
    for _entry in range(3):
        trail.write().result()
    assert list(trail.lengths()) == [0]


def test_a_change_waits_for_no_other_one_of_its_clinic(lanes: Trail) -> None:
    assert lanes.actions(0)[-4:] == ["trail.noted", "audit.lane.opened"] * 2
    assert lanes.actions(1) == lanes.actions(2) == ["trail.noted"] * 2
    assert findings(lanes.clinic_id) == []


def test_many_at_once_leave_a_trail_that_holds(trail: Trail) -> None:
    crowd = LANES + 4
    before = sum(trail.lengths().values())
    for _round in range(5):
        begin = Barrier(crowd)
        for written in [trail.write(begin) for _number in range(crowd)]:
            written.result()
    lengths = trail.lengths()
    assert list(lengths) == list(range(len(lengths)))
    assert 1 < len(lengths) <= LANES
    opened = len(lengths) - 1
    assert sum(lengths.values()) - before == 5 * crowd + opened
    assert findings(trail.clinic_id) == []


def test_where_all_lanes_are_busy_one_is_waited_for(trail: Trail) -> None:
    while len(trail.lengths()) < LANES:
        trail.open_lane()
    trail.open_lane()
    assert len(trail.lengths()) == LANES
    assert findings(trail.clinic_id) == []


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("update audit_entry set username = 'x' where lane = 2 and number = 1", "entry 2/1 was changed, or what"),
        ("delete from audit_entry where lane = 1 and number = 1", "entries 1/1 to 1/1 are missing"),
        ("delete from audit_entry where lane = 1 and number = 2", "entries 1/2 to 1/2 were cut off the end"),
        ("delete from audit_entry where lane = 1", "entries 1/1 to 1/2 were cut off the end"),
        ("delete from audit_chain where lane = 2", "the head of lane 2 is missing"),
        ("update audit_chain set length = 1 where lane = 1", "the head of lane 1 was forged"),
        ("delete from audit_entry where lane = 0 and action = 'audit.lane.opened'", "are missing"),
        ("delete from audit_entry where action = 'audit.lane.opened'", "nothing tells that lane 1 was opened"),
    ],
)
def test_tampering_with_a_lane_shows(lanes: Trail, statement: str, finding: str) -> None:
    tamper(f"{statement} and clinic_id = :clinic", clinic=lanes.clinic_id)
    assert any(finding in found for found in findings(lanes.clinic_id))


@pytest.mark.parametrize("lane", [0, 1, 2])
def test_a_clinic_writes_on_although_a_head_is_missing(lanes: Trail, lane: int) -> None:
    tamper(f"delete from audit_chain where lane = {lane} and clinic_id = :clinic", clinic=lanes.clinic_id)
    before = sum(lanes.lengths().values())
    with lanes.busy(*lanes.lengths()):
        written = lanes.write()
        wait_until(lambda: written.done() or _somebody_waits())
    written.result()
    with lanes.busy(0) if lane else nullcontext():
        lanes.write().result()
    assert sum(lanes.lengths().values()) >= before + 2
    assert findings(lanes.clinic_id) != []


def test_a_lane_that_is_gone_shows(lanes: Trail) -> None:
    for table in ("audit_entry", "audit_chain"):
        tamper(f"delete from {table} where lane = 2 and clinic_id = :clinic", clinic=lanes.clinic_id)
    assert findings(lanes.clinic_id) == ["the head of lane 2 is missing"]


class Lane1:
    """Lane 1 of a trail, as somebody who can write to the tables sees it."""

    def __init__(self, trail: Trail) -> None:
        self._trail = trail
        with tenant_scope(trail.clinic_id):
            head = db.session.scalars(select(AuditChain).where(AuditChain.lane == 1)).one()
            self._kept = {"length": head.length, "mac": head.mac, "seal": head.seal, "clinic": trail.clinic_id}

    def put_back(self) -> None:
        """As it was when it was seen: nothing of the lane itself tells."""
        tamper("delete from audit_entry where lane = 1 and clinic_id = :clinic and number > :length", **self._kept)
        head = "update audit_chain set length = :length, mac = :mac, seal = :seal"
        tamper(f"{head} where lane = 1 and clinic_id = :clinic", **self._kept)

    def write(self) -> None:
        with self._trail.busy(0):
            self._trail.write().result()


@pytest.mark.parametrize("written_since", [0, 1, 2])
def test_a_lane_that_was_put_back_shows_once_the_ends_were_noted(lanes: Trail, written_since: int) -> None:
    lane = Lane1(lanes)
    lane.write()
    check_trails()
    assert findings(lanes.clinic_id) == []
    lane.put_back()
    for _entry in range(written_since):
        lane.write()
    told = "entry 1/3 is not the one that was there when the lanes' ends were noted"
    for _check in range(2):
        assert findings(lanes.clinic_id) == [told]
        check_trails()


def test_the_ends_of_one_lane_are_not_noted(trail: Trail) -> None:
    check_trails()
    assert ENDS_NOTED not in trail.actions(0)


def test_entries_of_two_lanes_cannot_change_places(lanes: Trail) -> None:
    for table in ("audit_entry", "audit_chain"):
        for lane, other in ((1, 9), (2, 1), (9, 2)):
            tamper(
                f"update {table} set lane = :other where lane = :lane and clinic_id = :clinic",
                lane=lane,
                other=other,
                clinic=lanes.clinic_id,
            )
    told = findings(lanes.clinic_id)
    assert "entry 1/1 was changed, or what stands before it was" in told
    assert "the head of lane 2 was forged" in told
