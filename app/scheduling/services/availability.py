"""Keeping a doctor's hours: the weekly plan as a whole, exceptions one by one or as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.core import clock
from app.core.errors import Forbidden, Invalid, NotFound
from app.core.ids import new_id
from app.core.principal import find_principal, may
from app.core.tenant import db
from app.people.models import Doctor
from app.scheduling.models import AvailabilityException, AvailabilityRule, DoctorLeave, ExceptionKind
from app.scheduling.queries.availability import exceptions_from, weekly_hours
from app.scheduling.services.opened_time import doctors_of, offering_opened_time
from app.scheduling.services.turns import take_turn
from app.tenancy.models import Location, Room
from app.tenancy.queries import settings_in_scope

RULE_COLUMNS = ("weekday", "opens", "closes", "location_id", "room_id", "valid_from", "valid_until")
EXCEPTION_COLUMNS = ("kind", "starts_on", "ends_on", "opens", "closes", "location_id", "room_id")


def set_weekly_hours(doctor_id: str, plan: Sequence[dict[str, Any]]) -> list[AvailabilityRule]:
    """Replace a doctor's weekly hours; booked visits stay as they are. Raises NotFound, Invalid."""
    _check_doctor(doctor_id)
    check_keeper(doctor_id)
    _check_places(plan, "weekly")
    _refuse_overlaps(plan)
    with offering_opened_time(doctor_id):
        for rule in weekly_hours(doctor_id):
            db.session.delete(rule)
        db.session.add_all([AvailabilityRule(id=new_id(), doctor_id=doctor_id, **_with_slot(item)) for item in plan])
        db.session.flush()
    return weekly_hours(doctor_id)


def set_exceptions(doctor_id: str, plan: Sequence[dict[str, Any]]) -> list[AvailabilityException]:
    """Replace a doctor's exceptions from today on; the clinic's holidays stay. Raises NotFound, Invalid."""
    _check_doctor(doctor_id)
    check_keeper(doctor_id)
    _check_places(plan, "exceptions")
    today = clock.today(settings_in_scope().zone)
    with offering_opened_time(doctor_id):
        for item in exceptions_from(doctor_id, today):
            if item.doctor_id == doctor_id:
                db.session.delete(item)
        rows = [AvailabilityException(id=new_id(), doctor_id=doctor_id, **_with_slot(item)) for item in plan]
        db.session.add_all(rows)
        db.session.flush()
    return exceptions_from(doctor_id, today)


def save_rule(rule: AvailabilityRule) -> AvailabilityRule:
    """Add or change one weekly rule. Raises Invalid, Forbidden."""
    with db.session.no_autoflush:  # what is being checked is not yet fit to be written
        check_keeper(rule.doctor_id)
        values = _values_of(rule, RULE_COLUMNS)
        others = [_values_of(item, RULE_COLUMNS) for item in weekly_hours(rule.doctor_id) if item.id != rule.id]
        _check_places([values], "weekly")
        _refuse_overlaps([*others, values])
        return _keep(rule)


def save_exception(item: AvailabilityException) -> AvailabilityException:
    """Add or change one exception. Raises Invalid, Forbidden."""
    with db.session.no_autoflush:
        check_keeper(item.doctor_id)
        _check_places([_values_of(item, EXCEPTION_COLUMNS)], "exceptions")
        return _keep(item)


def delete_hours(row: AvailabilityRule | AvailabilityException) -> None:
    """Take out weekly hours, an exception or a holiday; booked visits stay as they are. Raises Forbidden."""
    check_keeper(row.doctor_id)
    with offering_opened_time(row.doctor_id):
        db.session.delete(row)
        db.session.flush()


def check_keeper(doctor_id: str | None) -> None:
    """A doctor keeps their own hours only; holidays (no doctor) are for whoever may keep those. Raises Forbidden."""
    principal = find_principal()
    if doctor_id is None and principal is not None and not may("holiday", "create"):
        raise Forbidden
    if doctor_id and principal and principal.role == "DOCTOR" and principal.doctor_id != doctor_id:
        raise Forbidden(_("Only your own hours are yours to change."))


def _values_of(row: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def _keep(row: Any) -> Any:
    """Where no slot length is given the clinic's usual one counts."""
    with db.session.no_autoflush, offering_opened_time(*doctors_of(row)):
        row.slot_minutes = row.slot_minutes or settings_in_scope().slot_minutes
        db.session.add(row)
        db.session.flush()
    return row


def remove_time(
    doctor_id: str | None, starts_on: date, ends_on: date | None = None, *, reason: str = "", **hours: time
) -> AvailabilityException:
    """Close one doctor's days, or everybody's (a holiday); `opens` and `closes` narrow it to part of each day."""
    return _add_exception(ExceptionKind.REMOVE, doctor_id, starts_on, ends_on, reason=reason, **hours)


def add_time(
    doctor_id: str, starts_on: date, opens: time, closes: time, location_id: str, **more: Any
) -> AvailabilityException:
    """Open extra hours on one day, or on each day until `ends_on`."""
    return _add_exception(
        ExceptionKind.ADD,
        doctor_id,
        starts_on,
        more.pop("ends_on", None),
        opens=opens,
        closes=closes,
        location_id=location_id,
        **more,
    )


def _add_exception(
    kind: ExceptionKind, doctor_id: str | None, starts_on: date, ends_on: date | None, **values: Any
) -> AvailabilityException:
    if doctor_id:
        _check_doctor(doctor_id)
    check_keeper(doctor_id)
    values = {"kind": kind, "starts_on": starts_on, "ends_on": ends_on or starts_on, **values}
    _check_places([values], "exceptions")
    return _keep(AvailabilityException(doctor_id=doctor_id, **_with_slot(values)))


def add_leave(doctor_id: str, starts_at: datetime, ends_at: datetime, *, reason: str = "") -> DoctorLeave:
    """Keep the doctor's time free of visits from now on; visits that are booked already stay. Raises NotFound, Invalid.

    Bookings under way are waited for: whoever looks for the visits in that time afterwards sees all of them.
    """
    if starts_at >= ends_at:
        raise Invalid(fields={"endsAt": _("Must be after the beginning.")})
    _check_doctor(doctor_id)
    take_turn(doctor_id)
    leave = DoctorLeave(id=new_id(), doctor_id=doctor_id, starts_at=starts_at, ends_at=ends_at, reason=reason.strip())
    db.session.add(leave)
    db.session.flush()
    return leave


def cancel_leave(leave: DoctorLeave) -> None:
    """The doctor is there after all; a second call changes nothing."""
    with offering_opened_time(leave.doctor_id):
        leave.cancelled_at = leave.cancelled_at or clock.now()
        db.session.flush()


def _check_doctor(doctor_id: str) -> None:
    if db.session.scalar(select(Doctor.id).where(Doctor.id == doctor_id)) is None:
        raise NotFound


def _with_slot(item: dict[str, Any]) -> dict[str, Any]:
    """Where no slot length is given the clinic's usual one counts."""
    values = {key: value for key, value in item.items() if value is not None}
    return {"slot_minutes": settings_in_scope().slot_minutes, **values}


def _check_places(plan: Sequence[dict[str, Any]], name: str) -> None:
    """Hours of the day in order, at places that the clinic has. Raises Invalid with a text per field."""
    locations = set(db.session.scalars(select(Location.id).where(Location.active.is_(True))))
    rooms = {row.id: row.location_id for row in db.session.execute(select(Room.id, Room.location_id))}
    problems: dict[str, str] = {}
    for number, item in enumerate(plan):
        for field, text in _problems_of(item, locations, rooms):
            problems[f"{name}.{number}.{field}"] = text
    if problems:
        raise Invalid(fields=problems)


def _problems_of(item: dict[str, Any], locations: set[str], rooms: dict[str, str]) -> list[tuple[str, str]]:
    problems = []
    opens, closes = item.get("opens"), item.get("closes")
    if (opens is None) != (closes is None) or (opens and closes and opens >= closes):
        problems.append(("closes", _("Must be after the opening time.")))
    if item.get("location_id") is not None and item["location_id"] not in locations:
        problems.append(("locationId", _("Unknown location.")))
    if item.get("room_id") is not None and rooms.get(item["room_id"]) != item.get("location_id"):
        problems.append(("roomId", _("Unknown room of this location.")))
    if item.get("kind") == ExceptionKind.ADD and not (opens and closes and item.get("location_id")):
        problems.append(("opens", _("Added time needs hours and a location.")))
    for first, last, field in (("starts_on", "ends_on", "endsOn"), ("valid_from", "valid_until", "validUntil")):
        if item.get(first) and item.get(last) and item[first] > item[last]:
            problems.append((field, _("Must not be before the first day.")))
    return problems


def _refuse_overlaps(plan: Sequence[dict[str, Any]]) -> None:
    """A doctor cannot be in two places, nor keep two grids, at one time."""
    by_day: dict[int, list[tuple[int, dict[str, Any]]]] = defaultdict(list)
    for number, item in enumerate(plan):
        by_day[item["weekday"]].append((number, item))
    for items in by_day.values():
        for position, (number, item) in enumerate(items):
            if any(_overlap(item, other) for _number, other in items[:position]):
                raise Invalid(fields={f"weekly.{number}.opens": _("Overlaps other hours of the same day.")})


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    hours = one["opens"] < other["closes"] and other["opens"] < one["closes"]
    return hours and _starts(one) <= _ends(other) and _starts(other) <= _ends(one)


def _starts(item: dict[str, Any]) -> date:
    return item.get("valid_from") or date.min


def _ends(item: dict[str, Any]) -> date:
    return item.get("valid_until") or date.max
