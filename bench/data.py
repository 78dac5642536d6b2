"""A clinic with 200,000 patients and 1,000,000 appointments, made inside the database.

Secondary indexes and exclusion constraints are taken off while the rows go in and put back afterwards as they were: so
the tables end as the migrations made them, in seconds instead of an hour.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

SLOTS_A_DAY = 40
# The newest days lie ahead of today, as in a clinic at work; benchmarks book after them.
DAYS_AHEAD = 7
LOADED = ("patient", "appointment")

_INDEXES = """
select c.conname as name, pg_get_constraintdef(c.oid) as definition, true as is_constraint
from pg_constraint c where c.conrelid = %(table)s::regclass and c.contype in ('x', 'u')
union all
select i.relname, pg_get_indexdef(x.indexrelid), false
from pg_index x join pg_class i on i.oid = x.indexrelid
where x.indrelid = %(table)s::regclass and not x.indisprimary
  and not exists (select from pg_constraint c where c.conindid = x.indexrelid)
"""
_PATIENTS = """
insert into patient (id, clinic_id, mrn, first_name, last_name, search_name, search_last_first, gender, date_of_birth,
  phone, address, city, state, postal_code, language, preferred_channel, tags, alerts, active, created_at, updated_at)
select uuidv7(), %(clinic)s, lpad(n::text, 6, '0'), first, last, lower(first || ' ' || last),
  lower(last || ' ' || first), case when n %% 2 = 0 then 'female' else 'male' end,
  date '1930-01-01' + (n * 7919 %% 34000)::int,
  '+9198' || lpad(n::text, 8, '0'), '', '', '', '', 'en', 'WHATSAPP', '[]', '[]', true,
  now() - n * interval '2 minutes', now()
from (
  select n, (%(first)s::text[])[1 + n * 31 %% %(firsts)s] as first,
    (%(last)s::text[])[1 + n * 17 %% %(lasts)s] || ' ' || (%(last)s::text[])[1 + n / 29 %% %(lasts)s] as last
  from generate_series(1, %(patients)s::bigint) n
) named
"""
_APPOINTMENTS = """
insert into appointment (id, clinic_id, patient_id, doctor_id, location_id, type, status, starts_at, ends_at, busy,
  seats, overbooked, overbook_reason, notes, booked_by_patient, cancelled_note, created_at, updated_at)
select uuidv7(), %(clinic)s, p.id, d.id, %(location)s, 'IN_PERSON',
  case when n %% 11 = 0 then 'CANCELLED' when at > now() then 'CONFIRMED' when n %% 23 = 0 then 'NO_SHOW'
    else 'COMPLETED' end,
  at, at + interval '15 minutes', tstzrange(at, at + interval '15 minutes'), int4range(null, null), false, '', '',
  false, '', least(at, now()), least(at, now())
from (
  select n,
    (current_date + %(ahead)s - %(days)s + (n / (%(doctors)s * %(slots)s)))::timestamp at time zone 'Asia/Kolkata'
    + interval '8 hours' + (n / %(doctors)s %% %(slots)s) * interval '15 minutes' as at
  from generate_series(0, %(appointments)s - 1) n
) planned
join bench_doctor d on d.position = n %% %(doctors)s
join bench_patient p on p.position = n::bigint * 7919 %% %(patients)s
"""
_NUMBERED_PATIENTS = """
create temp table bench_patient on commit drop as
select id, row_number() over (order by id) - 1 as position from patient where clinic_id = %(clinic)s
"""
FIRST = ["Meera", "Arjun", "Kavya", "Rahul", "Sara", "Joseph", "Leela", "Vivek", "Zara", "Rohan", "Ananya", "Imran"]
LAST = ["Iyer", "Patel", "Nair", "Verma", "Khan", "Menon", "Sharma", "Gupta", "Reddy", "Shetty", "Das", "Bose", "Rao"]


@dataclass(frozen=True)
class Sizes:
    """How much is loaded."""

    patients: int = 200_000
    appointments: int = 1_000_000
    doctors: int = 50
    # Of the books, and of the diaries, that one check each loads for itself: another number is no reason to load the
    # clinic again.
    payments: int = field(default=5_000_000, repr=False)
    diaries: int = field(default=5_000_000, repr=False)


def load(url: str, clinic_id: str, location_id: str, doctor_ids: list[str], sizes: Sizes) -> float:
    """Fill the clinic; seconds that it took. `url` is the owner's."""
    started = time.perf_counter()
    with psycopg.connect(**connection_arguments(url)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set maintenance_work_mem = '1GB'")
        with bare_tables(connection, LOADED):
            _fill(connection, clinic_id, location_id, doctor_ids, sizes)
    with psycopg.connect(**connection_arguments(url), autocommit=True) as connection:
        connection.execute("vacuum analyze")
    return time.perf_counter() - started


def connection_arguments(url: str) -> dict[str, Any]:
    """What psycopg.connect() takes, of a URL as SQLAlchemy writes it."""
    parts = make_url(url)
    host = parts.query.get("host", parts.host)
    known = {"host": host, "port": parts.port, "user": parts.username, "password": parts.password}
    return {"dbname": parts.database, **{name: value for name, value in known.items() if value is not None}}


@contextmanager
def bare_tables(connection: psycopg.Connection[Any], tables: Sequence[str]) -> Iterator[None]:
    """The tables without secondary indexes, which come back at the end."""
    taken = [(table, *index) for table in tables for index in _secondary_indexes(connection, table)]
    for table, name, _definition, is_constraint in taken:
        connection.execute(
            f'alter table "{table}" drop constraint "{name}"' if is_constraint else f'drop index "{name}"'
        )
    yield
    for table, name, definition, is_constraint in taken:
        connection.execute(
            f'alter table "{table}" add constraint "{name}" {definition}' if is_constraint else definition
        )


def _secondary_indexes(connection: psycopg.Connection[Any], table: str) -> list[Any]:
    """All but the (clinic_id, id) key: foreign keys point at it, and ids in order of time fill it cheaply."""
    found = connection.execute(_INDEXES, {"table": table}).fetchall()
    return [row for row in found if not row[0].endswith("_clinic_id_id")]


def _fill(
    connection: psycopg.Connection[Any], clinic_id: str, location_id: str, doctor_ids: list[str], sizes: Sizes
) -> None:
    fill_patients(connection, clinic_id, sizes.patients)
    fill_diaries(connection, clinic_id, location_id, doctor_ids, sizes.appointments)


def fill_patients(connection: psycopg.Connection[Any], clinic_id: str, patients: int) -> None:
    values = {
        "clinic": clinic_id,
        "patients": patients,
        "first": FIRST,
        "firsts": len(FIRST),
        "last": LAST,
        "lasts": len(LAST),
    }
    connection.execute(_PATIENTS, values)


def fill_diaries(
    connection: psycopg.Connection[Any], clinic_id: str, location_id: str, doctor_ids: list[str], appointments: int
) -> None:
    """As many visits as are asked for, of the patients in turn: on the days up to DAYS_AHEAD, and back from there."""
    counted = connection.execute("select count(*) from patient where clinic_id = %s", [clinic_id]).fetchone()
    values = {
        "clinic": clinic_id,
        "location": location_id,
        "patients": counted[0] if counted else 0,
        "appointments": appointments,
        "doctors": len(doctor_ids),
        "slots": SLOTS_A_DAY,
        "days": -(-appointments // (len(doctor_ids) * SLOTS_A_DAY)),
        "ahead": DAYS_AHEAD,
    }
    connection.execute(_NUMBERED_PATIENTS, values)
    connection.execute("create temp table bench_doctor (id uuid, position int) on commit drop")
    with connection.cursor() as cursor:
        cursor.executemany("insert into bench_doctor values (%s, %s)", [(item, n) for n, item in enumerate(doctor_ids)])
    connection.execute("analyze bench_patient")
    connection.execute(_APPOINTMENTS, values)
