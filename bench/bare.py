"""The other side of the ratios: the same rows read and written by hand in a bare Flask application.

No log-in, no clinic in scope, no walls, no validation, no limits, no records of what happened: only the statements.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from flask import Flask, Response, request
from sqlalchemy import create_engine, text

from app.core.ids import new_id

ZONE = ZoneInfo("Asia/Kolkata")
LIST = text("""
select a.id, a.status, a.type, a.starts_at, a.ends_at, a.doctor_id, a.patient_id, a.location_id, a.room_id,
  a.overbooked, a.payment_due_at, d.title, d.first_name, d.last_name, p.mrn, p.first_name as patient_first_name,
  p.last_name as patient_last_name
from appointment a join doctor d on d.id = a.doctor_id join patient p on p.id = a.patient_id
where a.clinic_id = :clinic order by a.starts_at, a.id limit 20
""")
# What one booking of ours writes: the visit, its history, its event and the entry of the trail.
BOOK = (
    text("""
insert into appointment (id, clinic_id, patient_id, doctor_id, location_id, type, status, starts_at, ends_at, busy,
  seats, overbooked, overbook_reason, notes, booked_by_patient, cancelled_note, created_at, updated_at)
values (:id, :clinic, :patient, :doctor, :location, 'IN_PERSON', 'SCHEDULED', :at,
  cast(:at as timestamptz) + interval '15 minutes',
  tstzrange(cast(:at as timestamptz), cast(:at as timestamptz) + interval '15 minutes'),
  int4range(null, null), false, '', '', false, '', now(), now())
"""),
    text("""
insert into appointment_change (id, clinic_id, appointment_id, kind, to_status, to_starts_at, reason, created_at,
  updated_at)
values (:change, :clinic, :id, 'BOOKED', 'SCHEDULED', :at, '', now(), now())
"""),
    text("""
insert into event (id, clinic_id, type, category, priority, version, source, occurred_at, subject_id, payload,
  payload_hash, details, created_at, updated_at)
values (:event, :clinic, 'appointment.created', 'APPOINTMENT', 'NORMAL', '1.0', 'scheduling', now(), :id,
  cast(:payload as jsonb), '', '{}', now(), now())
"""),
    text("""
insert into audit_entry (id, clinic_id, number, at, action, entity, entity_id, changes, event_id, mac, created_at,
  updated_at)
values (:entry, :clinic, :number, now(), 'appointment.created', 'appointment', :id, cast(:payload as jsonb), :event,
  '', now(), now())
"""),
)
# A webhook as it came; nothing is verified, and no worker is woken.
KEEP = text("""
insert into webhook_event (id, clinic_id, gateway, account_id, event_id, event, raw, headers, status, attempts, next_at,
  error, created_at, updated_at)
values (:id, :clinic, 'bare', :clinic, :event, '', :raw, '{}', 'IGNORED', 0, now(), '', now(), now())
""")

# A doctor's free slots: weekly and added hours, less closed time, visits, holds and leave. No buffers, groups or rooms.
SLOTS = text("""
with hours as (
  select day, opens, closes, slot_minutes, location_id
  from generate_series(cast(:first as date), cast(:first as date) + cast(:days as int) - 1, interval '1 day') day
  join availability_rule rule on rule.weekday = extract(isodow from day) - 1
    and (valid_from is null or valid_from <= day) and (valid_until is null or valid_until >= day)
  where rule.clinic_id = :clinic and rule.doctor_id = :doctor and :type = any(rule.types)
), slot as (
  select starts_at, starts_at + slot_minutes * interval '1 minute' as ends_at, location_id, day
  from hours cross join lateral generate_series(
    (day::date + opens) at time zone :zone,
    (day::date + closes) at time zone :zone - slot_minutes * interval '1 minute',
    slot_minutes * interval '1 minute') starts_at
), taken as (
  select range_agg(busy) as times from (
    select busy from appointment where clinic_id = :clinic and doctor_id = :doctor
      and starts_at between cast(:first as date) - 1 and cast(:first as date) + cast(:days as int) + 1
      and status in ('REQUESTED', 'SCHEDULED', 'CONFIRMED', 'CHECKED_IN', 'IN_PROGRESS')
    union all
    select busy from slot_hold where clinic_id = :clinic and doctor_id = :doctor and expires_at > now()
    union all
    select tstzrange(starts_at, ends_at) from doctor_leave
    where clinic_id = :clinic and doctor_id = :doctor and cancelled_at is null
    union all
    select tstzrange((day + coalesce(opens, time '00:00')) at time zone :zone,
      case when closes is null then (day + 1)::timestamp else day + closes end at time zone :zone)
    from availability_exception
    cross join lateral (select generate_series(starts_on, ends_on, interval '1 day')::date as day) days
    where clinic_id = :clinic and (doctor_id = :doctor or doctor_id is null) and kind = 'REMOVE'
      and ends_on >= cast(:first as date)
  ) busy
)
select starts_at, ends_at, location_id from slot cross join taken
where starts_at > now() and not coalesce(taken.times && tstzrange(starts_at, ends_at), false)
order by starts_at
""")


def create_app() -> Flask:
    app = Flask(__name__)
    engine = create_engine(os.environ["DATABASE_URL"], pool_size=20)

    @app.post("/hooks")
    def keep() -> Response:
        with engine.begin() as connection:
            values = {
                "id": new_id(),
                "event": new_id(),
                "clinic": os.environ["BENCH_CLINIC"],
                "raw": request.get_data(),
            }
            connection.execute(KEEP, values)
        return _json({"received": True})

    @app.get("/appointments")
    def appointments() -> Response:
        with engine.connect() as connection:
            rows = connection.execute(LIST, {"clinic": os.environ["BENCH_CLINIC"]})
            return _json({"items": [_show(row) for row in rows]})

    @app.get("/slots")
    def slots() -> Response:
        with engine.connect() as connection:
            rows = connection.execute(SLOTS, _asked())
            return _json({"items": [_slot(row) for row in rows], "nextCursor": None})

    @app.post("/appointments")
    def book() -> Response:
        values = _values(orjson.loads(request.get_data()))
        with engine.begin() as connection:
            for statement in BOOK:
                connection.execute(statement, values)
        return _json({"id": values["id"], "status": "SCHEDULED", "startsAt": values["at"]}, 201)

    return app


def _asked() -> dict[str, Any]:
    return {
        "clinic": os.environ["BENCH_CLINIC"],
        "doctor": request.args["doctor"],
        "type": request.args["type"],
        "days": int(request.args["days"]),
        "first": datetime.now(ZONE).date(),
        "zone": ZONE.key,
    }


def _slot(row: Any) -> dict[str, Any]:
    return {
        "startsAt": row.starts_at,
        "endsAt": row.ends_at,
        "locationId": row.location_id,
        "available": True,
        "seatsLeft": 1,
    }


def _values(body: dict[str, Any]) -> dict[str, Any]:
    """Entries of the trail count backwards here: our own side goes on with its chain."""
    return {
        **{name: new_id() for name in ("id", "change", "event", "entry")},
        "clinic": os.environ["BENCH_CLINIC"],
        "location": os.environ["BENCH_LOCATION"],
        "patient": body["patientId"],
        "doctor": body["doctorId"],
        "at": body["startsAt"],
        "payload": orjson.dumps(body).decode(),
        "number": -time.time_ns(),
    }


def _show(row: Any) -> dict[str, Any]:
    return {
        "id": row.id,
        "status": row.status,
        "type": row.type,
        "startsAt": row.starts_at,
        "endsAt": row.ends_at,
        "doctorId": row.doctor_id,
        "doctorName": f"{row.title} {row.first_name} {row.last_name}",
        "patientId": row.patient_id,
        "patientName": f"{row.patient_first_name} {row.patient_last_name}",
        "mrn": row.mrn,
        "locationId": row.location_id,
        "roomId": row.room_id,
        "overbooked": row.overbooked,
        "paymentDueAt": row.payment_due_at,
    }


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=str), status=status, mimetype="application/json")
