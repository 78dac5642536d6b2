"""Time that a change of hours, a holiday or leave opens is offered to those who wait, as a cancelled visit's slot is.

What was bookable is looked at before the change and after it: however the time came about, only what is really new is
offered, and each offer is made in a transaction of its own. Nothing is read where nobody waits.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import inspect, or_, select

from app.core import clock
from app.core.principal import acting_as
from app.core.tenant import db
from app.events.services import publish
from app.people.models import Doctor
from app.scheduling.events import SlotOpened
from app.scheduling.models import WaitingListEntry, WaitingStatus
from app.scheduling.queries.slots import last_bookable, slots
from app.scheduling.services.offers import MOST_CANDIDATES, SHORTEST_NOTICE, best_first
from app.scheduling.timetable import Slot
from app.tenancy.queries import settings_in_scope

# Of a doctor, for a kind of visit: what can be booked on the days that somebody waits for.
Free = dict[tuple[str, str], list[Slot]]


@contextmanager
def offering_opened_time(*doctor_ids: str | None) -> Iterator[None]:
    """Around a change of these doctors' time (None: everybody's): whoever waits is offered what it opens."""
    with acting_as(None):  # who keeps hours need not see who waits
        waiting = _waiting(doctor_ids)
        before = _free(waiting, doctor_ids)
    yield
    if waiting:
        with acting_as(None):
            _offer(waiting, _opened(before, _free(waiting, doctor_ids)))


def doctors_of(row: Any) -> set[str | None]:
    """Whose time a changed row is about, and was about before."""
    was = inspect(row).attrs.doctor_id.history.deleted
    return {row.doctor_id, *(was or ())}


def _waiting(doctor_ids: Sequence[str | None]) -> list[WaitingListEntry]:
    """The best first, of those who could take a slot of these doctors."""
    entry = WaitingListEntry
    today, last = _today(), _last()
    wanted = select(entry).where(entry.status == WaitingStatus.WAITING, entry.last_on >= today, entry.first_on <= last)
    if None not in doctor_ids:
        wanted = wanted.where(or_(entry.doctor_id.is_(None), entry.doctor_id.in_(doctor_ids)))
    return list(db.session.scalars(wanted.order_by(*best_first()).limit(MOST_CANDIDATES)))


def _free(waiting: Sequence[WaitingListEntry], doctor_ids: Iterable[str | None]) -> Free:
    found: Free = {}
    for doctor_id in _doctors(waiting, doctor_ids):
        wishes = [entry for entry in waiting if entry.doctor_id in (None, doctor_id)]
        for type in {entry.type for entry in wishes}:
            first = max(_today(), min(entry.first_on for entry in wishes if entry.type == type))
            last = min(_last(), max(entry.last_on for entry in wishes if entry.type == type))
            found[doctor_id, type] = slots(doctor_id, first, (last - first).days + 1, type)
    return found


def _doctors(waiting: Sequence[WaitingListEntry], doctor_ids: Iterable[str | None]) -> list[str]:
    """Those whose time changes and for whom somebody waits."""
    changed = set(doctor_ids)
    if None not in changed:
        return sorted(doctor_id for doctor_id in changed if doctor_id)
    wanted = select(Doctor.id).where(Doctor.active.is_(True)).order_by(Doctor.id)
    wishes = {entry.doctor_id for entry in waiting}
    return [found for found in db.session.scalars(wanted) if None in wishes or found in wishes] if wishes else []


def _opened(before: Free, after: Free) -> Free:
    return {key: _new_among(free, before.get(key, [])) for key, free in after.items()}


def _new_among(free: Sequence[Slot], known: Sequence[Slot]) -> list[Slot]:
    """Slots in time that was not bookable: another cut of the same hours opens nothing."""
    starts, ends = [slot.starts_at for slot in known], sorted(slot.ends_at for slot in known)

    def was_bookable(slot: Slot) -> bool:
        """Whether more had begun before its end than were over at its start."""
        return bisect_left(starts, slot.ends_at) > bisect_right(ends, slot.starts_at)

    return [slot for slot in free if not was_bookable(slot)]


def _offer(waiting: Sequence[WaitingListEntry], opened: Free) -> None:
    """One slot for each who waits, the best choosing first; the offer itself looks again at who is the best."""
    chosen: set[tuple[str, datetime]] = set()
    for entry in waiting:
        found = next((slot for slot in _suiting(entry, opened) if slot not in chosen), None)
        if found is not None:
            chosen.add(found)
            publish(SlotOpened(doctor_id=found[0], starts_at=found[1]))


def _suiting(entry: WaitingListEntry, opened: Free) -> list[tuple[str, datetime]]:
    zone, earliest = ZoneInfo(settings_in_scope().zone), clock.now() + SHORTEST_NOTICE
    found = [
        (slot.starts_at, doctor_id)
        for (doctor_id, type), free in opened.items()
        if type == entry.type and entry.doctor_id in (None, doctor_id)
        for slot in free
        if slot.starts_at >= earliest and _suits(entry, slot, slot.starts_at.astimezone(zone))
    ]
    return [(doctor_id, starts_at) for starts_at, doctor_id in sorted(found)]


def _suits(entry: WaitingListEntry, slot: Slot, local: datetime) -> bool:
    return (
        entry.first_on <= local.date() <= entry.last_on
        and entry.location_id in (None, slot.location_id)
        and (entry.from_time is None or entry.from_time <= local.time())
        and (entry.until_time is None or entry.until_time > local.time())
    )


def _today() -> date:
    return clock.today(settings_in_scope().zone)


def _last() -> date:
    return last_bookable().astimezone(ZoneInfo(settings_in_scope().zone)).date()
