"""The books of a demo clinic: numbers given out so far, invoices paid at the desk, journal entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from app.billing.models import Invoice, InvoiceAllocation
from app.billing.numbering import fiscal_year, numbered
from app.billing.services.invoices import ISSUED
from app.billing.services.settlement import APPLIED
from app.core.ids import new_id
from app.core.series import NumberSeries
from app.demo.bulk import Rows
from app.ledger.accounts import AccountCode
from app.ledger.models import JournalEntry, JournalLine
from app.payments.models import DESK, Payment, PaymentAttempt
from app.payments.services.postings import TENDER_ACCOUNTS


@dataclass(frozen=True)
class Taking:
    """Money that one payment brought."""

    payment_id: str
    tender: str
    minor: int
    at: datetime


@dataclass
class Books:
    """Numbers given out so far, and the ids of the ledger's accounts."""

    rows: Rows
    accounts: dict[str, str]
    prefix: str
    first_month: int
    invoices: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    # What came on the day that is being written.
    takings: list[Taking] = field(default_factory=list)


def next_invoice_number(books: Books, on: date) -> str:
    year = fiscal_year(on, books.first_month)
    books.invoices[year] = books.invoices.get(year, 0) + 1
    return numbered(books.prefix, year, books.invoices[year])


def pay_at_desk(
    books: Books, patient_id: str, invoice_id: str, total: int, tender: str, at: datetime, visit_id: str | None = None
) -> None:
    """A whole invoice paid at once."""
    payment_id, attempt_id = new_id(), new_id()
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
        appointment_id=visit_id,
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
        applied_minor=total,
        created_at=at,
    )
    books.takings.append(Taking(payment_id, tender, total, at))
    money_in = [(TENDER_ACCOUNTS[tender], total, None), (AccountCode.PATIENT_CREDIT, -total, patient_id)]  # type: ignore[index]
    book_entry(books, "payment.captured", (PaymentAttempt.__tablename__, attempt_id), str(total), at, money_in)
    applied = [(AccountCode.PATIENT_CREDIT, total, patient_id), (AccountCode.RECEIVABLE, -total, patient_id)]
    book_entry(books, APPLIED, (Invoice.__tablename__, invoice_id), new_id(), at, applied)


def book_entry(
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


def remember_numbers(books: Books) -> None:
    """Whoever counts on continues from here."""
    for year, last in books.invoices.items():
        books.rows.add(NumberSeries, id=new_id(), name=ISSUED, period=year, last=last)
    books.rows.add(NumberSeries, id=new_id(), name="journal", period="", last=books.entries)
