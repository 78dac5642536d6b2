"""The books of a second clinic, with 5,000,000 payments of a year, made inside the database.

Each payment is one attempt and pays one invoice of one line; the journal has an entry for the invoice and one for the
money. Ids are counted, so that nothing is looked up while rows go in. The first clinic's lists stay as they are.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from bench.data import bare_tables, connection_arguments
from bench.house import House, Login, build_house
from bench.installation import Installation

KEPT = "books.json"
DAYS = 365  # and today, which is not over and stays in no sum
PAYMENTS_OF_A_PATIENT = 50
TABLES = ("invoice", "invoice_line", "payment", "payment_attempt", "journal_entry", "journal_line")
ZONE = "Asia/Kolkata"

_PATIENTS = """
insert into patient (id, clinic_id, mrn, first_name, last_name, search_name, search_last_first, gender, address, city,
  state, postal_code, language, preferred_channel, tags, alerts, active, created_at, updated_at)
select {patient}, {clinic}, lpad(patient::text, 7, '0'), 'Payer', 'No ' || patient, 'payer no ' || patient,
  'no ' || patient || ' payer', 'female', '', '', '', '', 'en', 'WHATSAPP', '[]', '[]', true, now(), now()
from generate_series(1, {patients}) patient
"""
# What each payment is: its day, its money, whose it is. A tenth has tax; two in five are paid in cash.
_PLAN = """
create temp table bench_plan on commit drop as
select n, day, day::timestamp at time zone {zone} + interval '9 hours' + n % 28800 * interval '1 second' as at,
  net, tax, net + tax as total, {patient} as patient_id, ({doctors}::uuid[])[1 + n % {doctor_count}] as doctor_id,
  (array['CASH', 'CASH', 'UPI', 'CARD_TERMINAL', ''])[1 + n % 5] as tender,
  (array['CASH', 'CASH', 'UPI_CLEARING', 'CARD_CLEARING', 'GATEWAY_CLEARING'])[1 + n % 5] as account,
  {invoice} as invoice_id, {payment} as payment_id, {attempt} as attempt_id
from (
  select n, 1 + n % {patients} as patient, {first}::date + ((n - 1) * ({days} + 1) / {payments})::int as day,
    10000 + n * 37 % 900 * 100 as net,
    case when n % 10 = 0 then (10000 + n * 37 % 900 * 100) * 18 / 100 else 0 end as tax
  from generate_series(1, {payments}) n
) counted
"""
_INVOICES = """
insert into invoice (id, clinic_id, number, status, patient_id, location_id, doctor_id, opened_at, due_on, currency,
  subtotal_minor, discount_minor, tax_minor, total_minor, paid_minor, credited_minor, discount_reason, notes,
  void_reason, pdf_state, created_at, updated_at)
select invoice_id, {clinic}, 'B-' || n, 'OPEN', patient_id, {location}, doctor_id, at, day + 14, 'INR', net, 0, tax,
  total, 0, 0, '', '', '', '', at, at
from bench_plan
"""
_INVOICE_LINES = """
insert into invoice_line (id, clinic_id, invoice_id, position, service_id, description, code, hsn, quantity, currency,
  unit_price_minor, discount_minor, net_minor, share_minor, tax_minor, tax_components, created_at, updated_at)
select {line}, {clinic}, invoice_id, 1, {service}, 'Consultation', 'CONS', '', 1, 'INR', net, 0, net, 0, tax, '[]', at,
  at
from bench_plan
"""
_PAYMENTS = """
insert into payment (id, clinic_id, patient_id, invoice_id, provider, order_id, gateway_payment_id, currency,
  amount_minor, authorized_minor, captured_minor, refunded_minor, voided_minor, pending_minor, refund_pending_minor,
  in_doubt, manual_capture, method, description, reference, notes, failure_code, failure_text, completed_at, payer,
  created_at, updated_at)
select payment_id, {clinic}, patient_id, invoice_id, case tender when '' then 'razorpay' else 'desk' end,
  case tender when '' then 'order_' || n end, 'pay_' || n, 'INR', total, total, total, 0, 0, 0, 0, false, false,
  case tender when '' then 'upi' else tender end, '', '', '', '', '', at, '{{}}', at, at
from bench_plan
"""
_ATTEMPTS = """
insert into payment_attempt (id, clinic_id, payment_id, gateway_payment_id, currency, amount_minor, authorized_minor,
  captured_minor, voided_minor, refunded_minor, failed, method, failure_code, failure_text, attempted_at, created_at,
  updated_at)
select attempt_id, {clinic}, payment_id, 'pay_' || n, 'INR', total, total, total, 0, 0, false, '', '', '', at, at, at
from bench_plan
"""
_ENTRIES = """
insert into journal_entry (id, clinic_id, number, kind, source_table, source_id, source_key, memo, booked_at, booked_on,
  line_count, created_at, updated_at)
select {entry}, {clinic}, 2 * n - 1 + is_payment,
  case is_payment when 0 then 'invoice' else 'payment.captured' end,
  case is_payment when 0 then 'invoice' else 'payment_attempt' end,
  case is_payment when 0 then invoice_id else attempt_id end,
  case is_payment when 0 then '' else total::text end,
  case is_payment when 0 then 'B-' || n else '' end, at, day,
  case when is_payment = 0 and tax > 0 then 3 else 2 end, at, at
from bench_plan cross join (values (0), (1)) kinds (is_payment)
"""
_ENTRY_LINES = """
insert into journal_line (id, clinic_id, entry_id, position, account_id, patient_id, currency, debit_minor,
  credit_minor, created_at, updated_at)
select {entry_line}, {clinic}, {entry}, position, accounts.id, case when of_patient then patient_id end, 'INR', debit,
  credit, at, at
from bench_plan cross join lateral (values
  (0, 0, 'RECEIVABLE', true, total, 0), (0, 1, 'REVENUE', false, 0, net), (0, 2, 'TAX_PAYABLE', false, 0, tax),
  (1, 0, account, false, total, 0), (1, 1, 'PATIENT_CREDIT', true, 0, total)
) lines (is_payment, position, code, of_patient, debit, credit)
join ledger_account accounts on accounts.code = lines.code and accounts.clinic_id = {clinic}
where debit + credit > 0
"""
_SERIES = """
insert into number_series (id, clinic_id, name, period, last, created_at, updated_at)
values (gen_random_uuid(), {clinic}, 'journal', '', 2 * {payments}, now(), now())
"""
STATEMENTS = (_PATIENTS, _PLAN, _INVOICES, _INVOICE_LINES, _PAYMENTS, _ATTEMPTS, _ENTRIES, _ENTRY_LINES, _SERIES)
# How an id is counted: from the payment's number, and from which of its rows it is.
_COUNTED = {
    "patient": "patient",
    "invoice": "n",
    "payment": "n",
    "attempt": "n",
    "line": "n",
    "entry": "n * 2 + is_payment",
    "entry_line": "n * 8 + is_payment * 4 + position",
}


@dataclass(frozen=True)
class Books:
    """The clinic with the payments, the first day of theirs, and how long it took to load them."""

    house: House
    payments: int
    first: date
    load_seconds: float


def open_books(installation: Installation, payments: int) -> Books:
    """The books in the installation, loaded unless they are there with as many payments."""
    path = installation.directory / KEPT
    known = _read(path)
    if known is not None and known.payments == payments and _exists(installation.database_url, known):
        return known
    path.unlink(missing_ok=True)
    with installation.app.app_context():
        from app.core.ids import new_id

        house = build_house(installation.sizes.doctors, f"books-{new_id()[-12:]}")
    print(f"Loading {payments:,} payments with invoices and journal ...", flush=True)
    books = load_books(installation.database_url, house, payments)
    print(f"Loaded in {books.load_seconds:.0f} s.", flush=True)
    path.write_text(json.dumps(asdict(books), default=str))
    return books


def load_books(url: str, house: House, payments: int) -> Books:
    """Fill the clinic's books up to today. `url` is the owner's."""
    from app.core import clock

    started, first = time.perf_counter(), clock.today(ZONE) - timedelta(days=DAYS)
    with psycopg.connect(**connection_arguments(url)) as connection:
        connection.execute("set session_replication_role = replica")
        connection.execute("set maintenance_work_mem = '1GB'")
        values = _values(connection, house, payments, first)
        with bare_tables(connection, TABLES):
            for statement in STATEMENTS:
                connection.execute(sql.SQL(statement).format(**values))  # type: ignore[arg-type]
    with psycopg.connect(**connection_arguments(url), autocommit=True) as connection:
        for table in ("patient", *TABLES):
            connection.execute(sql.SQL("vacuum analyze {}").format(sql.Identifier(table)))
    return Books(house, payments, first, time.perf_counter() - started)


def _values(connection: psycopg.Connection[Any], house: House, payments: int, first: date) -> dict[str, sql.Composable]:
    """What the statements name. Text of a program, not of a user: a plan for each value is what they need."""
    from app.core.ids import new_id

    service = connection.execute("select id::text from service where clinic_id = %s", (house.clinic_id,)).fetchone()
    assert service is not None
    facts = {
        "clinic": house.clinic_id,
        "location": house.location_id,
        "service": service[0],
        "doctors": "{" + ",".join(house.doctor_ids) + "}",
        "doctor_count": len(house.doctor_ids),
        "patients": max(1, payments // PAYMENTS_OF_A_PATIENT),
        "payments": payments,
        "days": DAYS,
        "first": first.isoformat(),
        "zone": ZONE,
    }
    ids = {name: _counted(new_id(), rule) for name, rule in _COUNTED.items() if name != "patient"}
    patient = new_id()
    return {**{name: sql.Literal(fact) for name, fact in facts.items()}, **ids, "patient": _counted(patient, "patient")}


def _counted(start: str, rule: str) -> sql.Composable:
    """An expression for ids that begin like `start` and end with a number."""
    return sql.SQL("({} || lpad(to_hex({}), 12, '0'))::uuid").format(sql.Literal(f"{start[:24]}"), sql.SQL(rule))  # type: ignore[arg-type]


def _exists(url: str, books: Books) -> bool:
    """Whether the database still has them: it may have been loaded anew."""
    with psycopg.connect(**connection_arguments(url)) as connection:
        found = connection.execute("select from clinic where id = %s", (books.house.clinic_id,)).fetchone()
    return found is not None


def _read(path: Path) -> Books | None:
    if not path.exists():
        return None
    values = json.loads(path.read_text())
    logins = {role: Login(**login) for role, login in values["house"].pop("logins").items()}
    house = House(**values["house"], logins=logins)
    return Books(house, values["payments"], date.fromisoformat(values["first"]), values["load_seconds"])
