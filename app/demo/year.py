"""A year of visits with their invoices, payments and journal entries, as the services would have written them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range

from app.billing.models import Invoice, InvoiceLine, InvoiceStatus
from app.billing.services.invoices import ISSUED
from app.core.ids import new_id
from app.core.tenant import db
from app.demo.books import Books, book_entry, next_invoice_number, pay_at_desk, remember_numbers
from app.demo.bulk import Rows
from app.demo.cash_desk import CashDesk
from app.demo.cast import CANCEL_REASONS, DemoDoctor
from app.demo.house import EVENING, MORNING, SLOT_MINUTES, House, fee_of
from app.demo.memberships import Memberships
from app.ledger.accounts import AccountCode
from app.ledger.models import LedgerAccount
from app.people.models import Doctor
from app.scheduling.models import Appointment, AppointmentStatus
from app.tenancy.queries import settings_in_scope

DAYS = 365
TENDERS = ("CASH", "CASH", "UPI", "UPI", "UPI", "CARD_TERMINAL")
TYPES = ("IN_PERSON",) * 7 + ("VIDEO_CALL",) * 3
NO_SHOWS, CANCELLED, UNPAID = 0.06, 0.08, 0.03


def add_year(house: House, patients: list[str], today: date, random: Random) -> int:
    """Visits of the last year; how many rows were written."""
    settings = settings_in_scope()
    accounts = {row.code: row.id for row in db.session.execute(select(LedgerAccount.code, LedgerAccount.id))}
    books = Books(Rows(), accounts, settings.invoice_prefix, settings.fiscal_year_starts_in)
    rooms = {row.id: row.default_room_id for row in db.session.execute(select(Doctor.id, Doctor.default_room_id))}
    zone = ZoneInfo(settings.zone)
    cash_desk = CashDesk(house.location_id, zone, books)
    memberships = Memberships(books, patients, today, random)
    for day in (today - timedelta(days=back) for back in range(DAYS, 0, -1)):
        before = books.entries
        memberships.bill(day)
        for doctor_id, doctor in house.doctors:
            for at in _times(day, random):
                starts_at = datetime.combine(day, at, zone)
                _visit(books, house, doctor_id, doctor, rooms[doctor_id], random.choice(patients), starts_at, random)
        cash_desk.close_day(day, before)
    memberships.finish()
    cash_desk.finish()
    remember_numbers(books)
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
    invoice_id = new_id()
    books.rows.add(
        Invoice,
        id=invoice_id,
        number=next_invoice_number(books, on),
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
    book_entry(books, ISSUED, (Invoice.__tablename__, invoice_id), "", at, lines)
    if paid:
        pay_at_desk(
            books, patient_id, invoice_id, total, random.choice(TENDERS), at + timedelta(minutes=3), visit["id"]
        )
