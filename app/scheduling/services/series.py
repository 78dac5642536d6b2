"""Booking, moving and calling off visits in series: all of what was asked for, or nothing. Callers commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import select

from app.core.errors import AppError, Conflict, Invalid, NotFound
from app.core.ids import new_id
from app.core.tenant import db
from app.events.services import publish
from app.scheduling.events import SeriesBooked, SeriesCancelled, SeriesMoved
from app.scheduling.models import Appointment, AppointmentSeries, CancelReason, SeriesVisit
from app.scheduling.models.seats import wall_clock
from app.scheduling.queries import lock_appointment
from app.scheduling.services.booking import MOVABLE, book_appointment, reschedule
from app.scheduling.services.lifecycle import cancel_appointment
from app.scheduling.services.series_days import series_times


class SeriesConflict(Conflict):
    """Some of the times cannot be booked; `days` names each with the reason. Nothing was booked or moved."""

    code = "SERIES_CONFLICT"


def book_series(
    *,
    patient_id: str,
    doctor_id: str,
    type: str,
    first_at: datetime,
    every: str,
    steps: int = 1,
    visits: int,
    location_id: str | None = None,
    notes: str = "",
    times: Sequence[datetime] | None = None,
) -> AppointmentSeries:
    """Book every visit of the series; `times` are those that somebody chose after looking, instead of the rule's.

    Raises Invalid, SeriesConflict, and what a booking raises of patient and doctor.
    """
    wanted = _chosen(times, series_times(first_at, every, steps, visits))
    series = AppointmentSeries(
        id=new_id(),
        patient_id=patient_id,
        doctor_id=doctor_id,
        location_id=location_id,
        type=type,
        every=every,
        steps=steps,
        visits_wanted=visits,
        first_at=first_at,
    )

    def book(starts_at: datetime) -> Appointment:
        return book_appointment(
            patient_id=patient_id,
            doctor_id=doctor_id,
            type=type,
            starts_at=starts_at,
            location_id=location_id,
            notes=notes,
        )

    booked = _all_or_none(wanted, book)
    db.session.add(series)
    db.session.flush()
    for position, visit in enumerate(booked, 1):
        db.session.add(SeriesVisit(appointment_series_id=series.id, appointment_id=visit.id, position=position))
    db.session.flush()
    publish(SeriesBooked(**_facts(series), visits=len(booked)))
    return series


def _chosen(times: Sequence[datetime] | None, rule: Sequence[datetime]) -> list[datetime]:
    wanted = sorted(times) if times is not None else list(rule)
    if not wanted or len(set(wanted)) != len(wanted) or len(wanted) > len(rule):
        raise Invalid(fields={"times": _("Choose each time once, and no more than the series has.")})
    return wanted


def _all_or_none(times: Sequence[Any], deed: Any) -> list[Any]:
    """Try every time before refusing, so that all conflicts are told at once."""
    done, refused = [], []
    for item in times:
        try:
            with db.session.begin_nested():
                done.append(deed(item))
        except (Conflict, Invalid) as refusal:
            refused.append((item, refusal))
    if refused:
        raise _conflict(refused)
    return done


def _conflict(refused: Sequence[tuple[Any, AppError]]) -> AppError:
    """Whatever is wrong with each time; what is wrong with patient, doctor or kind is that alone."""
    for _item, refusal in refused:
        if isinstance(refusal, Invalid) and "startsAt" not in (refusal.fields or {}):
            return refusal
    days = [
        {
            "startsAt": item if isinstance(item, datetime) else item[1],
            "code": refusal.code,
            "message": str(refusal.message),
            "alternatives": refusal.extra.get("alternatives", []),
        }
        for item, refusal in refused
    ]
    when = ", ".join(f"{wall_clock(day['startsAt']):%d %b %H:%M}" for day in days[:5])
    return SeriesConflict(_("Not free: %(times)s.", times=when), days=days)


def get_series(series_id: str) -> AppointmentSeries:
    """Raises NotFound."""
    series = db.session.get(AppointmentSeries, series_id)
    if series is None:
        raise NotFound
    return series


def visits_of(series_id: str) -> list[Appointment]:
    """In the order in which they were booked."""
    wanted = select(Appointment).join(SeriesVisit, SeriesVisit.appointment_id == Appointment.id)
    return list(
        db.session.scalars(wanted.where(SeriesVisit.appointment_series_id == series_id).order_by(SeriesVisit.position))
    )


def find_series_of(appointment_id: str) -> AppointmentSeries | None:
    """The series that a visit is part of."""
    wanted = select(AppointmentSeries).join(SeriesVisit, SeriesVisit.appointment_series_id == AppointmentSeries.id)
    return db.session.scalar(wanted.where(SeriesVisit.appointment_id == appointment_id))


def cancel_following(series: AppointmentSeries, from_id: str, reason: CancelReason | str, note: str = "") -> int:
    """Call off this visit of the series and all after it that have not begun; how many. Raises NotFound, WrongState."""
    following = _following(series, from_id)
    for visit in following:
        cancel_appointment(visit, reason, note)
    publish(SeriesCancelled(**_facts(series), visits=len(following)))
    return len(following)


def move_following(
    series: AppointmentSeries, from_id: str, starts_at: datetime, *, doctor_id: str | None = None
) -> int:
    """Move this visit there, and all after it by as many days and to that time of day; how many.

    Raises NotFound, SeriesConflict: then none was moved.
    """
    following = _following(series, from_id)
    old, new = wall_clock(following[0].starts_at), wall_clock(starts_at)
    days = new.date() - old.date()

    def target(visit: Appointment) -> datetime:
        local = wall_clock(visit.starts_at)
        there = datetime.combine(local.date() + days, new.time(), local.tzinfo)
        return there.astimezone(UTC)

    # Towards later the last goes first: it makes room for the one before it.
    order = list(reversed(following)) if starts_at > following[0].starts_at else following
    moves = [(visit, target(visit)) for visit in order]
    _all_or_none(moves, lambda move: reschedule(move[0], move[1], doctor_id=doctor_id, reason=_("Series moved")))
    publish(SeriesMoved(**_facts(series), visits=len(moves)))
    return len(moves)


def _following(series: AppointmentSeries, from_id: str) -> list[Appointment]:
    """The visit and those of the series that come after it in time and can still be changed, locked by id."""
    known = visits_of(series.id)
    first = next((visit for visit in known if visit.id == from_id), None)
    if first is None:
        raise NotFound
    wanted = [visit for visit in known if visit.starts_at >= first.starts_at and visit.status in MOVABLE]
    if first not in wanted:
        raise Conflict(_("This visit cannot be changed any more."), code="WRONG_STATE", status=str(first.status))
    locked = {visit_id: lock_appointment(visit_id) for visit_id in sorted(visit.id for visit in wanted)}
    return sorted(locked.values(), key=lambda visit: visit.starts_at)


def _facts(series: AppointmentSeries) -> dict[str, Any]:
    return {"appointment_series_id": series.id, "patient_id": series.patient_id, "doctor_id": series.doctor_id}
