"""A year of visits with their invoices, payments and journal entries, as the services would have written them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from app.billing.models import Invoice, InvoiceAllocation, InvoiceLine, InvoiceStatus
from app.billing.numbering import fiscal_year, numbered
from app.billing.services.invoices import ISSUED
from app.billing.services.settlement import APPLIED
from app.core.ids import new_id
from app.core.series import NumberSeries
from app.core.tenant import db
from app.demo.bulk import Rows
from app.demo.cast import CANCEL_REASONS, DemoDoctor
from app.demo.house import EVENING, MORNING, SLOT_MINUTES, House, fee_of
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine, LedgerAccount
from app.payments.models import DESK, Payment, PaymentAttempt
from app.payments.services.postings import TENDER_ACCOUNTS
from app.people.models import Doctor
from app.scheduling.models import Appointment, AppointmentStatus
from app.tenancy.queries import settings_in_scope

DAYS = 365
TENDERS = ("CASH", "CASH", "UPI", "UPI", "UPI", "CARD_TERMINAL")
TYPES = ("IN_PERSON",) * 7 + ("VIDEO_CALL",) * 3
NO_SHOWS, CANCELLED, UNPAID = 0.06, 0.08, 0.03


@dataclass
class Books:
    """Numbers given out so far, and the ids of the ledger's accounts."""

    rows: Rows
    accounts: dict[str, str]
    prefix: str
    first_month: int
    invoices: dict[str, int] = field(default_factory=dict)
    entries: int = 0


def add_year(house: House, patients: list[str], today: date, random: Random) -> int:
    """Visits of the last year; how many rows were written."""
    settings = settings_in_scope()
    accounts = {row.code: row.id for row in db.session.execute(select(LedgerAccount.code, LedgerAccount.id))}
    books = Books(Rows(), accounts, settings.invoice_prefix, settings.fiscal_year_starts_in)
    rooms = {row.id: row.default_room_id for row in db.session.execute(select(Doctor.id, Doctor.default_room_id))}
    zone = ZoneInfo(settings.zone)
    for day in (today - timedelta(days=back) for back in range(DAYS, 0, -1)):
        for doctor_id, doctor in house.doctors:
            for at in _times(day, random):
                starts_at = datetime.combine(day, at, zone)
                _visit(books, house, doctor_id, doctor, rooms[doctor_id], random.choice(patients), starts_at, random)
    _remember_numbers(books)
    return books.rows.write()


def _times(day: date, random: Random) -> list[time]:
    """Some of the day's slots; Mondays are busy, Sunday has only a morning, and the clinic grew over the year."""
    opened = [*_slots(*MORNING), *(_slots(*EVENING) if day.weekday() < 6 else ())]
    usual = {0: 4, 5: 3, 6: 1}.get(day.weekday(), 2)
    return sorted(random.sample(opened, usual + random.randint(0, 1)))


def _slots(opens: time, closes: time) -> list[time]:
    first, last = opens.hour * 60, closes.hour * 60
    return [time(minute // 60, minute % 60) for minute in range(first, last, SLOT_MINUTES)]


def _visit(
    books: Books,
    house: House,
    doctor_id: str,
    doctor: DemoDoctor,
    room_id: str | None,
    patient_id: str,
    starts_at: datetime,
    random: Random,
) -> None:
    type, ends_at = random.choice(TYPES), starts_at + timedelta(minutes=SLOT_MINUTES)
    status, more = _ending(starts_at, ends_at, random)
    visit = {
        "id": new_id(),
        "patient_id": patient_id,
        "doctor_id": doctor_id,
        "location_id": house.location_id,
        "room_id": room_id if type == "IN_PERSON" else None,
        "type": type,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "created_at": starts_at - timedelta(days=random.randint(0, 9), hours=random.randint(1, 20)),
    }
    blank = {
        "checked_in_at": None,
        "started_at": None,
        "completed_at": None,
        "cancelled_at": None,
        "cancelled_reason": None,
    }
    books.rows.add(Appointment, **visit, status=status, busy=Range(starts_at, ends_at), **{**blank, **more})
    if status == AppointmentStatus.COMPLETED:
        _bill(books, house, visit, fee_of(doctor, type), random)


def _ending(starts_at: datetime, ends_at: datetime, random: Random) -> tuple[str, dict[str, Any]]:
    chance = random.random()
    if chance < NO_SHOWS:
        return AppointmentStatus.NO_SHOW, {}
    if chance < NO_SHOWS + CANCELLED:
        reason = random.choice(CANCEL_REASONS)
        cancelled_at = starts_at - timedelta(hours=random.randint(1, 30))
        return AppointmentStatus.CANCELLED, {"cancelled_at": cancelled_at, "cancelled_reason": reason}
    late = timedelta(minutes=random.randint(0, 12))
    arrived = starts_at - timedelta(minutes=random.randint(2, 20))
    return AppointmentStatus.COMPLETED, {
        "checked_in_at": arrived,
        "started_at": starts_at + late,
        "completed_at": ends_at + late,
    }


def _bill(books: Books, house: House, visit: dict[str, Any], total: int, random: Random) -> None:
    paid = random.random() >= UNPAID
    at, on = visit["ends_at"], visit["ends_at"].date()
    year = fiscal_year(on, books.first_month)
    books.invoices[year] = books.invoices.get(year, 0) + 1
    invoice_id = new_id()
    books.rows.add(
        Invoice,
        id=invoice_id,
        number=numbered(books.prefix, year, books.invoices[year]),
        status=InvoiceStatus.PAID if paid else InvoiceStatus.OPEN,
        patient_id=visit["patient_id"],
        appointment_id=visit["id"],
        location_id=visit["location_id"],
        doctor_id=visit["doctor_id"],
        opened_at=at,
        due_on=on + timedelta(days=14),
        currency="INR",
        subtotal_minor=total,
        total_minor=total,
        paid_minor=total if paid else 0,
        created_at=at,
    )
    names = {"IN_PERSON": "Consultation", "VIDEO_CALL": "Video consultation", "HOME_VISIT": "Home visit"}
    books.rows.add(
        InvoiceLine,
        id=new_id(),
        invoice_id=invoice_id,
        position=1,
        service_id=house.service_ids[visit["type"]],
        description=names[visit["type"]],
        currency="INR",
        unit_price_minor=total,
        net_minor=total,
        created_at=at,
    )
    patient_id = visit["patient_id"]
    lines = [(AccountCode.RECEIVABLE, total, patient_id), (AccountCode.REVENUE, -total, None)]
    _book(books, ISSUED, (Invoice.__tablename__, invoice_id), "", at, lines)
    if paid:
        _pay(books, visit, invoice_id, total, random.choice(TENDERS))


def _pay(books: Books, visit: dict[str, Any], invoice_id: str, total: int, tender: str) -> None:
    payment_id, attempt_id, at = new_id(), new_id(), visit["ends_at"] + timedelta(minutes=3)
    patient_id = visit["patient_id"]
    sums = {
        "currency": "INR",
        "amount_minor": total,
        "authorized_minor": total,
        "captured_minor": total,
        "created_at": at,
    }
    books.rows.add(
        Payment,
        id=payment_id,
        patient_id=patient_id,
        invoice_id=invoice_id,
        appointment_id=visit["id"],
        provider=DESK,
        gateway_payment_id=payment_id,
        method=tender,
        completed_at=at,
        payer={},
        **sums,
    )
    books.rows.add(
        PaymentAttempt,
        id=attempt_id,
        payment_id=payment_id,
        gateway_payment_id=payment_id,
        method=tender,
        attempted_at=at,
        **sums,
    )
    books.rows.add(
        InvoiceAllocation,
        id=new_id(),
        invoice_id=invoice_id,
        payment_id=payment_id,
        currency="INR",
        amount_minor=total,
        created_at=at,
    )
    money_in = [(TENDER_ACCOUNTS[tender], total, None), (AccountCode.PATIENT_CREDIT, -total, patient_id)]  # type: ignore[index]
    _book(books, "payment.captured", (PaymentAttempt.__tablename__, attempt_id), str(total), at, money_in)
    applied = [(AccountCode.PATIENT_CREDIT, total, patient_id), (AccountCode.RECEIVABLE, -total, patient_id)]
    _book(books, APPLIED, (Invoice.__tablename__, invoice_id), new_id(), at, applied)


def _book(
    books: Books,
    kind: str,
    source: tuple[str, str],
    key: str,
    at: datetime,
    lines: Sequence[tuple[str, int, str | None]],
) -> None:
    """A journal entry; a positive amount is a debit."""
    books.entries += 1
    entry_id = new_id()
    books.rows.add(
        JournalEntry,
        id=entry_id,
        number=books.entries,
        kind=kind,
        source_table=source[0],
        source_id=source[1],
        source_key=key,
        booked_at=at,
        booked_on=at.date(),
        line_count=len(lines),
        created_at=at,
    )
    for position, (account, amount, patient_id) in enumerate(lines):
        books.rows.add(
            JournalLine,
            id=new_id(),
            entry_id=entry_id,
            position=position,
            account_id=books.accounts[account],
            patient_id=patient_id,
            currency="INR",
            debit_minor=max(amount, 0),
            credit_minor=max(-amount, 0),
            created_at=at,
        )


def _remember_numbers(books: Books) -> None:
    for year, last in books.invoices.items():
        books.rows.add(NumberSeries, id=new_id(), name=ISSUED, period=year, last=last)
    books.rows.add(NumberSeries, id=new_id(), name="journal", period="", last=books.entries)
