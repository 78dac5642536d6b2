"""A cheque that the bank gives back unpaid: its money was never there, and what it paid is owed again. Callers commit.

The receipt and the capture stay as they were; a settled refund that nobody asked for stands against them, without a
credit note, since nothing of what was sold is taken back. Undone, that refund is a failed one.
"""

from __future__ import annotations

from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.events import InvoiceUpdated
from app.billing.models import Invoice, InvoiceAllocation, InvoiceStatus
from app.billing.services.invoices import facts, lock_invoice
from app.billing.services.settlement import lock_invoices, show_progress, take_back, unallocated, use_payment
from app.billing.services.write_offs import reinstate_invoice
from app.core.errors import Conflict, Invalid
from app.core.formatting import money
from app.core.money import Money
from app.core.tenant import db
from app.events.services import publish
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.ledger.services import booking_day, credit, debit, find_entry, lock_account, post, reverse
from app.payments.models import ORIGINAL, Payment, Refund, TenderKind
from app.payments.services.returned import give_back_whole, take_again
from app.payments.services.sums import locked

CHARGED = "cheque.charge"


class NotReturnable(Conflict):
    """The payment is no cheque, or a part of it went back by another way."""

    code = "NOT_RETURNABLE"


class NotReturned(Conflict):
    """No return was recorded of this payment."""

    code = "NOT_RETURNED"


def return_cheque(payment_id: str, reason: str, *, was_at_bank: bool, charge: Money | None = None) -> Refund:
    """The bank did not honour a cheque; a second call finds the first one's. `charge`: what the bank takes for it.

    `was_at_bank`: it had been entered as arrived there, so that the bank's balance loses it. Raises NotFound, Invalid,
    NotReturnable.
    """
    booking_day()  # before any row, as everybody does who books
    payment = locked(payment_id)
    known = next((refund for refund in payment.refunds if refund.came_back), None)
    if known is not None:
        return known
    _check(payment, reason, charge)
    _lock_what_it_paid(payment)
    if not was_at_bank:
        _check_in_hand(payment.captured)
    refund = give_back_whole(payment, reason.strip(), str(TenderKind.BANK) if was_at_bank else ORIGINAL)
    if charge:
        lines = [debit(AccountCode.GATEWAY_FEES, charge), credit(AccountCode.BANK, charge)]
        post(CHARGED, lines, source=_source(refund), memo=payment.reference)
    return refund


def undo_return(payment_id: str, reason: str, *, keep_charge: bool = False) -> Payment:
    """Another cheque was meant, or the bank honoured it after all; a second call changes nothing.

    The money is where it was before. `keep_charge`: the bank keeps what it took for the return. Raises NotFound,
    Invalid, NotReturned.
    """
    booking_day()
    payment = locked(payment_id)
    refund = next((refund for refund in reversed(payment.refunds) if refund.of_cheque), None)
    if refund is None:
        raise NotReturned(_("No return of this payment was recorded."))
    if not refund.came_back:
        return payment
    if not reason.strip():
        raise Invalid(fields={"reason": _("Say why it counts again.")})
    _lock_what_it_paid(payment)
    take_again(refund, payment, reason.strip())
    charge = find_entry(CHARGED, _source(refund))
    if charge is not None and not keep_charge:
        reverse(charge, reason.strip())
    return payment


def pay_again(payment: Payment) -> None:
    """Use a locked payment that counts again for what it had paid, as far as that is still owed. Safe to repeat."""
    wanted = select(InvoiceAllocation).where(InvoiceAllocation.payment_id == payment.id)
    for allocation in db.session.scalars(wanted.order_by(InvoiceAllocation.id)).all():
        use_payment(payment, allocation.invoice_id, Money(allocation.returned_minor, payment.currency))


def owe_again(payment: Payment, reason: str) -> list[Invoice]:
    """Take a locked payment that is gone off what it settled, the newest first. Safe to repeat."""
    over = -unallocated(payment)
    wanted = select(InvoiceAllocation).where(InvoiceAllocation.payment_id == payment.id)
    owed = []
    for allocation in db.session.scalars(wanted.order_by(InvoiceAllocation.id.desc())).all():
        amount = min(over, allocation.amount)
        if amount.minor > 0:
            owed.append(_owe(allocation, amount, reason))
            over -= amount
    return owed


def can_come_back(payment: Payment) -> bool:
    """A cheque of the desk, all of which is still with the clinic."""
    cheque = payment.at_desk and payment.method == TenderKind.CHEQUE
    return cheque and payment.captured_minor > 0 and payment.kept == payment.captured


def _lock_what_it_paid(payment: Payment) -> None:
    paid = select(InvoiceAllocation.invoice_id).where(InvoiceAllocation.payment_id == payment.id)
    lock_invoices(list(db.session.scalars(paid)))


def _source(refund: Refund) -> tuple[str, str]:
    return (Refund.__tablename__, refund.id)


def _owe(allocation: InvoiceAllocation, amount: Money, reason: str) -> Invoice:
    invoice = lock_invoice(allocation.invoice_id)
    if invoice.status == InvoiceStatus.WRITTEN_OFF:  # what it covered was no part of what was given up
        reinstate_invoice(invoice, reason)
    take_back(invoice, allocation, amount)
    show_progress(invoice)
    publish(InvoiceUpdated(**facts(invoice), status=invoice.status))
    return invoice


def _check(payment: Payment, reason: str, charge: Money | None) -> None:
    if not can_come_back(payment):
        raise NotReturnable(_("Only a cheque comes back, and only while nothing of it was refunded."))
    if not reason.strip():
        raise Invalid(fields={"reason": _("Say why the bank gave it back.")})
    if charge is not None and (charge.currency != payment.currency or charge.minor < 0):
        raise Invalid(fields={"charge": _("An amount is not negative.")})


def _check_in_hand(amount: Money) -> None:
    """What was entered as arrived at the bank is not in hand any more."""
    lock_account(AccountCode.CHEQUE_CLEARING)
    there = balance(AccountCode.CHEQUE_CLEARING, currency=amount.currency)
    if amount > there:
        text = _("Cheques in hand are only %(amount)s: this one had reached the bank.", amount=money(there))
        raise Invalid(fields={"was_at_bank": text})
