"""How visits, hours and holds look in JSON."""

from __future__ import annotations

from datetime import time
from typing import Any

from app.catalog.queries import VisitPrice
from app.scheduling.models import Appointment, AvailabilityException, AvailabilityRule, DoctorLeave, SlotHold


def show_appointment(visit: Appointment) -> dict[str, Any]:
    """A visit as its verbs answer it."""
    return {
        "id": visit.id,
        "status": visit.status,
        "type": visit.type,
        "startsAt": visit.starts_at,
        "endsAt": visit.ends_at,
        "doctorId": visit.doctor_id,
        "patientId": visit.patient_id,
        "locationId": visit.location_id,
        "roomId": visit.room_id,
        "overbooked": visit.overbooked,
        "paymentDueAt": visit.payment_due_at,
        "notes": visit.notes,
        "address": visit.address,
        "checkedInAt": visit.checked_in_at,
        "startedAt": visit.started_at,
        "completedAt": visit.completed_at,
        "cancelledAt": visit.cancelled_at,
        "cancelledReason": visit.cancelled_reason,
    }


def show_follow_up(visit: Appointment, before_id: str, price: VisitPrice | None) -> dict[str, Any]:
    """A follow-up with its link and, where the clinic prices such visits, its price before tax."""
    cost = {
        "price": price.unit_price.to_json() if price else None,
        "currency": price.unit_price.currency if price else None,
        "followUpPrice": price is not None and price.follow_up,
    }
    return {**show_appointment(visit), "followUpOf": before_id, **cost}


def show_row(row: Any) -> dict[str, Any]:
    """A visit in a list, with the names that a schedule shows; `row` has the columns of LISTED."""
    (id_, status, type_, starts_at, ends_at, doctor_id, patient_id, location_id, room_id, overbooked, payment_due_at,
     title, first_name, last_name, mrn, patient_first_name, patient_last_name) = row  # fmt: skip
    return {
        "id": id_,
        "status": status,
        "type": type_,
        "startsAt": starts_at,
        "endsAt": ends_at,
        "doctorId": doctor_id,
        "doctorName": f"{title} {first_name} {last_name}".strip() if first_name else f"{title} {last_name}".strip(),
        "patientId": patient_id,
        "patientName": f"{patient_first_name} {patient_last_name}".strip(),
        "mrn": mrn,
        "locationId": location_id,
        "roomId": room_id,
        "overbooked": overbooked,
        "paymentDueAt": payment_due_at,
    }


def show_rule(rule: AvailabilityRule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "weekday": rule.weekday,
        **_hours(rule),
        "validFrom": rule.valid_from,
        "validUntil": rule.valid_until,
    }


def show_exception(item: AvailabilityException) -> dict[str, Any]:
    """A holiday of the clinic has no doctor."""
    return {
        "id": item.id,
        "kind": item.kind,
        "holiday": item.doctor_id is None,
        "startsOn": item.starts_on,
        "endsOn": item.ends_on,
        **_hours(item),
        "reason": item.reason,
    }


def show_holiday(item: Any) -> dict[str, Any]:
    """A row of holidays(), or the exception itself."""
    return {
        "id": item.id,
        "startsOn": item.starts_on,
        "endsOn": item.ends_on,
        "opens": _wall_clock(item.opens),
        "closes": _wall_clock(item.closes),
        "locationId": item.location_id,
        "reason": item.reason,
    }


def show_leave(leave: DoctorLeave) -> dict[str, Any]:
    """Why a doctor is away is not for everybody who may book."""
    return {"id": leave.id, "startsAt": leave.starts_at, "endsAt": leave.ends_at}


def _hours(row: AvailabilityRule | AvailabilityException) -> dict[str, Any]:
    return {
        "opens": _wall_clock(row.opens),
        "closes": _wall_clock(row.closes),
        "locationId": row.location_id,
        "roomId": row.room_id,
        "types": row.types,
        "slotMinutes": row.slot_minutes,
        "capacity": row.capacity,
    }


def _wall_clock(value: time | None) -> str | None:
    return None if value is None else f"{value:%H:%M}"


def show_hold(hold: SlotHold) -> dict[str, Any]:
    return {
        "id": hold.id,
        "doctorId": hold.doctor_id,
        "type": hold.type,
        "startsAt": hold.starts_at,
        "endsAt": hold.ends_at,
        "locationId": hold.location_id,
        "expiresAt": hold.expires_at,
    }
