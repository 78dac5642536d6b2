"""One sum by several tenders at once: cash, card terminal, UPI, cheque, bank. One transaction, one receipt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from app.billing.models import Invoice, Receipt
from app.billing.services.checkout import invoice_to_collect
from app.billing.services.deeds import taken_before
from app.billing.services.receipts import find_receipt, parts_of
from app.core.errors import Invalid
from app.core.formatting import money
from app.core.money import Money
from app.payments.models import Payment, TenderKind
from app.payments.services import record_tender
from app.scheduling.models import Appointment

MOST_PARTS = 10


@dataclass(frozen=True)
class Part:
    """One tender of several. `tendered` is cash that was handed over, the change included."""

    tender: str
    amount: Money
    reference: str = ""
    tendered: Money | None = None


@dataclass(frozen=True)
class SplitCollected:
    """What was taken, its receipt, and what goes back of the cash."""

    payments: list[Payment]
    invoice: Invoice
    receipt: Receipt
    change: Money


def collect_split(
    target: Appointment | Invoice, parts: Sequence[Part], *, payment_id: str | None = None
) -> SplitCollected:
    """Take exactly what is due, in parts. Whoever may have to ask again gives the first part's `payment_id`.

    Raises Invalid, FormSentAlready, and NotPayable, AlreadyPaid, NoPrice, NoOpenDrawer.
    """
    known = taken_before(payment_id, target.patient_id, _sum_of(parts))
    if known is not None:
        return _collected(known)
    invoice = invoice_to_collect(target)
    _check(parts, invoice.amount_due)
    first = _record(invoice, parts[0], payment_id, None)
    for part in parts[1:]:
        _record(invoice, part, None, first.id)
    receipt = find_receipt(first.id)
    assert receipt is not None  # the first part's own transaction issued it
    return _collected(receipt)


def _collected(receipt: Receipt) -> SplitCollected:
    payments = parts_of(receipt)
    change = Money.total((payment.change for payment in payments), payments[0].currency)
    return SplitCollected(payments, payments[0].invoice, receipt, change)


def _sum_of(parts: Sequence[Part]) -> Money | None:
    return Money.total((part.amount for part in parts), parts[0].amount.currency) if parts else None


def _record(invoice: Invoice, part: Part, payment_id: str | None, first_id: str | None) -> Payment:
    return record_tender(
        part.tender,
        part.amount,
        patient_id=invoice.patient_id,
        invoice_id=invoice.id,
        appointment_id=invoice.appointment_id,
        reference=part.reference,
        tendered=part.tendered,
        split_id=first_id,
        payment_id=payment_id,
    )


def _check(parts: Sequence[Part], due: Money) -> None:
    if not 0 < len(parts) <= MOST_PARTS:
        raise Invalid(fields={"parts": _("Type at least one amount.")})
    for part in parts:
        _check_part(part, due.currency)
    taken = Money.total((part.amount for part in parts), due.currency)
    if taken != due:
        text = _("The parts make %(taken)s, but %(due)s is due.", taken=money(taken), due=money(due))
        raise Invalid(fields={"parts": text})


def _check_part(part: Part, currency: str) -> None:
    if part.tender not in set(TenderKind):
        raise Invalid(fields={"parts": _("There is no such tender.")})
    if part.amount.currency != currency or part.amount.minor <= 0:
        raise Invalid(fields={"parts": _("The amount must be above zero.")})
    if part.tender != TenderKind.CASH and not part.reference.strip():
        raise Invalid(fields={"parts": _("Type the reference of each transfer, slip or cheque.")})
    if part.tendered is not None and (part.tender != TenderKind.CASH or part.tendered < part.amount):
        raise Invalid(fields={"parts": _("Less cash was handed over than should be taken.")})
