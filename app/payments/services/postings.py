"""What payments book. Only money that moved is booked: a reservation or its release is none."""

from __future__ import annotations

from app.core.money import Money
from app.ledger.accounts import AccountCode
from app.ledger.services import Line, credit, debit, find_entry, post, reverse
from app.payments.models import DESK, ORIGINAL, Dispute, Payment, PaymentAttempt, Refund, Settlement, TenderKind

TENDER_ACCOUNTS = {
    TenderKind.CASH: AccountCode.CASH,
    TenderKind.UPI: AccountCode.UPI_CLEARING,
    TenderKind.CARD_TERMINAL: AccountCode.CARD_CLEARING,
    TenderKind.CHEQUE: AccountCode.CHEQUE_CLEARING,
    TenderKind.BANK: AccountCode.BANK,
}
SENT, SETTLED = "refund.sent", "refund.settled"


def account_of(payment: Payment) -> AccountCode:
    """Where the payment's money is."""
    return TENDER_ACCOUNTS[TenderKind(payment.method)] if payment.provider == DESK else AccountCode.GATEWAY_CLEARING


def book_capture(payment: Payment, attempt: PaymentAttempt, amount: Money) -> None:
    """`amount` came now; the attempt's captured sum tells this capture from an earlier part."""
    post(
        "payment.captured",
        [debit(account_of(payment), amount), credit(AccountCode.PATIENT_CREDIT, amount, payment.patient_id)],
        source=(PaymentAttempt.__tablename__, attempt.id),
        source_key=str(attempt.captured_minor),
    )


def book_fee(attempt: PaymentAttempt, fee: Money, tax: Money, part: str = "") -> None:
    """What the gateway keeps; `tax` is part of the fee, `part` tells a later capture's fee from the first."""
    post(
        "payment.fee",
        [
            debit(AccountCode.GATEWAY_FEES, fee - tax),
            debit(AccountCode.INPUT_TAX, tax),
            credit(AccountCode.GATEWAY_CLEARING, fee),
        ],
        source=(PaymentAttempt.__tablename__, attempt.id),
        source_key=part,
    )


def book_refund_sent(refund: Refund) -> None:
    """The gateway took it from our balance; the payer does not have it yet."""
    lines = [debit(AccountCode.REFUND_CLEARING, refund.amount), credit(AccountCode.GATEWAY_CLEARING, refund.amount)]
    post(SENT, lines, source=_source(refund))


def book_refund_settled(refund: Refund, payment: Payment) -> None:
    """The payer has it, from the desk or from the gateway, or the payer's bank never gave it."""
    taken_from = _paid_out_of(refund, payment)
    if taken_from is AccountCode.REFUND_CLEARING:
        book_refund_sent(refund)
    lines = [
        debit(AccountCode.PATIENT_CREDIT, refund.amount, payment.patient_id),
        credit(taken_from, refund.amount),
    ]
    post(SETTLED, lines, source=_source(refund), memo=refund.bank_reference if refund.came_back else "")


def book_lost_dispute(dispute: Dispute) -> None:
    """The payer's bank keeps the money; what the patient owes is not touched."""
    if dispute.amount_minor:
        lines = [debit(AccountCode.CHARGEBACKS, dispute.amount), credit(AccountCode.GATEWAY_CLEARING, dispute.amount)]
        post("dispute.lost", lines, source=(Dispute.__tablename__, dispute.id))


def book_settlement(settlement: Settlement, charges: Money) -> None:
    """The gateway's balance reached the bank. `charges` is what it kept for itself, beside the fees of payments."""
    source = (Settlement.__tablename__, settlement.id)
    if charges:
        lines = _either_way(AccountCode.GATEWAY_FEES, AccountCode.GATEWAY_CLEARING, charges)
        post("settlement.charge", lines, source=source)
    if settlement.net_minor:
        lines = _either_way(AccountCode.BANK, AccountCode.GATEWAY_CLEARING, settlement.net)
        post("settlement.paid", lines, source=source)


def correct_fee(attempt: PaymentAttempt, difference: Money, tax: Money, source_key: str) -> None:
    """The gateway kept another fee than it had told; `tax` is part of the difference."""
    lines = [
        *_one_side(AccountCode.GATEWAY_FEES, difference - tax),
        *_one_side(AccountCode.INPUT_TAX, tax),
        *_one_side(AccountCode.GATEWAY_CLEARING, -difference),
    ]
    post("payment.fee.corrected", lines, source=(PaymentAttempt.__tablename__, attempt.id), source_key=source_key)


def _either_way(grows: AccountCode, shrinks: AccountCode, amount: Money) -> list[Line]:
    return [*_one_side(grows, amount), *_one_side(shrinks, -amount)]


def _one_side(account: AccountCode, amount: Money) -> list[Line]:
    """A debit, or a credit where the amount is negative."""
    return [debit(account, amount) if amount.minor >= 0 else credit(account, -amount)]


def undo_refund(refund: Refund, reason: str) -> None:
    """The refund came back: reverse what was booked of it."""
    for kind in (SETTLED, SENT):
        entry = find_entry(kind, _source(refund))
        if entry is not None:
            reverse(entry, reason)


def _paid_out_of(refund: Refund, payment: Payment) -> AccountCode:
    if refund.destination != ORIGINAL:
        return TENDER_ACCOUNTS[TenderKind(refund.destination)]
    own = account_of(payment)
    return AccountCode.REFUND_CLEARING if own is AccountCode.GATEWAY_CLEARING else own


def _source(refund: Refund) -> tuple[str, str]:
    return (Refund.__tablename__, refund.id)
