"""Which lane of its clinic's chain a transaction writes into (ADR 40).

One chain with one end would make every change of a clinic wait for the commit of the one before. A transaction takes
the first lane that nobody is writing into; where there is none it opens another one, and tells so in lane 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import cast

from sqlalchemy import Connection, Table, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert as upsert

from app.audit.chain import seal
from app.audit.models import AuditChain, AuditEntry
from app.core.kept import Kept

LANES = 16

_chain = cast(Table, AuditChain.__table__)
_OF_CLINIC = _chain.c.clinic_id == bindparam("of_clinic")
_ENDS = select(_chain.c.lane, _chain.c.length, _chain.c.mac).where(_OF_CLINIC)
_FREE = Kept(_ENDS.order_by(_chain.c.lane).limit(1).with_for_update(skip_locked=True))
_OF_LANE = Kept(_ENDS.where(_chain.c.lane == bindparam("of_lane")).with_for_update())
_ENTRY_LANES = select(func.max(AuditEntry.lane)).where(AuditEntry.clinic_id == bindparam("of_clinic")).scalar_subquery()
_LAST = Kept(select(func.greatest(func.max(_chain.c.lane), _ENTRY_LANES).label("lane")).where(_OF_CLINIC))
_LANES = Kept(select(_chain.c.lane).where(_OF_CLINIC).order_by(_chain.c.lane))


@dataclass(frozen=True)
class End:
    """Where a lane goes on: locked until the transaction ends. `opens` is a new lane that lane 0 has to tell of."""

    lane: int
    length: int
    mac: str
    opens: int | None = None


def take_lane(connection: Connection, clinic_id: str, spread: int) -> End:
    """The end of a free lane. Where all there may be are taken, one of them is waited for: which one, `spread` says."""
    free = _FREE.execute(connection, {"of_clinic": clinic_id}).one_or_none()
    if free is not None:
        return End(free.lane, free.length, free.mac)
    lanes = _lanes(connection, clinic_id)
    if not lanes:
        connection.execute(upsert(AuditChain).values(clinic_id=clinic_id).on_conflict_do_nothing())
    elif 0 not in lanes or lanes[-1] + 1 >= LANES:
        return _wait(connection, clinic_id, lanes[spread % len(lanes)])
    end = _wait(connection, clinic_id, 0)
    if lanes and lanes == _lanes(connection, clinic_id):  # nobody opened one while we waited
        return replace(end, opens=_open(connection, clinic_id))
    return end


def _wait(connection: Connection, clinic_id: str, lane: int) -> End:
    found = _OF_LANE.execute(connection, {"of_clinic": clinic_id, "of_lane": lane}).one()
    return End(found.lane, found.length, found.mac)


def _lanes(connection: Connection, clinic_id: str) -> list[int]:
    """Those that are there: where somebody took a head away, it shows in the check, and the clinic can still write."""
    return [row.lane for row in _LANES.execute(connection, {"of_clinic": clinic_id})]


def _open(connection: Connection, clinic_id: str) -> int | None:
    """The next lane, none where there may be no more; never the number of one that has entries, but lost its head."""
    lane = int(_LAST.execute(connection, {"of_clinic": clinic_id}).one().lane) + 1
    if lane >= LANES:
        return None
    values = {"clinic_id": clinic_id, "lane": lane, "seal": seal(clinic_id, lane, 0, "")}
    connection.execute(upsert(AuditChain).values(values))
    return lane
