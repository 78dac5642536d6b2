"""The one way in which a payment changes: a verified fact of the gateway, applied under the payment's row lock.

Return page, webhook and poller all come here. Each sum of an attempt only grows and a refund only moves forward, so
that facts may come twice, late or in any order and end in the same state.
"""

from __future__ import annotations

from dataclasses import replace

from app.core.ids import is_id, new_id
from app.core.money import Money
from app.core.vocabulary import in_words
from app.events.services import publish
from app.payments.errors import FactRefused, NotKnownYet
from app.payments.events import PaymentCompleted
from app.payments.gateways.base import GatewayPayment, GatewayRefund, PaymentState, RefundState
from app.payments.models import OperationKind, Payment, PaymentAttempt, Refund, RefundStatus
from app.payments.services.holds import review_capture
from app.payments.services.operations import find_open, finish, orders_opened
from app.payments.services.postings import book_capture, book_fee
from app.payments.services.refund_steps import GATEWAY_HAS_IT, move_refund
from app.payments.services.sums import locked, settle

REFUND_STATES = {
    RefundState.PENDING: RefundStatus.SENT,
    RefundState.SETTLED: RefundStatus.SETTLED,
    RefundState.FAILED: RefundStatus.FAILED,
}


def apply_fact(payment_id: str, fact: GatewayPayment) -> Payment:
    """Take in what the gateway says about one attempt at our order. Raises NotFound or FactRefused."""
    return apply_fact_to(locked(payment_id), fact)


def apply_fact_to(payment: Payment, fact: GatewayPayment) -> Payment:
    """`apply_fact` for a payment that has just been locked."""
    _check_payment(payment, fact)
    attempt = _attempt(payment, fact.payment_id)
    came = _merge(attempt, fact)
    fee = _note_fee(attempt, fact, came)
    settle(payment, operations_moved=False)
    if came:
        book_capture(payment, attempt, came)
        review_capture(payment)
        _publish_completed(payment, came)
    if fee is not None:
        book_fee(attempt, *fee)
    return payment


def apply_release(payment_id: str, gateway_payment_id: str, amount: Money) -> Payment:
    """The gateway let go of what it had only reserved: a void, though some vendors call it a refund."""
    payment = locked(payment_id)
    _check_currency(payment, amount)
    attempt = _attempt(payment, gateway_payment_id)
    attempt.authorized_minor = max(attempt.authorized_minor, amount.minor)
    attempt.voided_minor = max(attempt.voided_minor, amount.minor)
    settle(payment, operations_moved=False)
    return payment


def apply_refund_fact(payment_id: str, fact: GatewayRefund) -> Refund:
    """Take in what the gateway says about a refund, ours or one from the vendor's dashboard.

    Raises NotKnownYet as long as we do not know of the capture, FactRefused where the amounts contradict each other.
    """
    payment = locked(payment_id)
    _check_currency(payment, fact.amount)
    refund = _find_refund(payment, fact)
    if not fact.payment_id:
        fact = _with_attempt(payment, refund, fact)
    status = REFUND_STATES[fact.state]
    if status is not RefundStatus.FAILED:
        _check_captured(payment, refund, fact)
    if refund is None:
        refund = _external_refund(payment, fact)
    elif refund.amount != fact.amount:
        raise FactRefused("the refund has another amount at the gateway")
    else:
        finish(find_open(payment, OperationKind.REFUND, refund), fact.refund_id)  # its own call may never have answered
    refund.gateway_refund_id = fact.refund_id
    refund.bank_reference = fact.bank_reference[:80] or refund.bank_reference
    if status is RefundStatus.FAILED and fact.failure:
        refund.error_code, refund.error_text = fact.failure[:64], in_words(fact.failure)[:300]
    move_refund(refund, payment, status)
    return refund


def _check_payment(payment: Payment, fact: GatewayPayment) -> None:
    _check_currency(payment, fact.amount)
    if not _is_own_order(payment, fact.order_id):
        raise FactRefused("the gateway's payment belongs to another order")


def _is_own_order(payment: Payment, order_id: str | None) -> bool:
    """Also one that had expired when another took its place: what is told late of it is true all the same."""
    return not order_id or payment.order_id in (None, order_id) or order_id in orders_opened(payment)


def _check_currency(payment: Payment, amount: Money) -> None:
    if amount.currency != payment.currency:
        raise FactRefused(f"the gateway's currency is {amount.currency}, ours is {payment.currency}")


def _attempt(payment: Payment, gateway_payment_id: str) -> PaymentAttempt:
    for attempt in payment.attempts:
        if attempt.gateway_payment_id == gateway_payment_id:
            return attempt
    attempt = PaymentAttempt(
        id=new_id(),
        gateway_payment_id=gateway_payment_id,
        currency=payment.currency,
        amount_minor=0,
        authorized_minor=0,
        captured_minor=0,
        voided_minor=0,
        refunded_minor=0,
        failed=False,
        method="",
        failure_code="",
        failure_text="",
    )
    payment.attempts.append(attempt)  # settle() writes it, with its sums
    return attempt


def _merge(attempt: PaymentAttempt, fact: GatewayPayment) -> Money:
    """Raise each sum to what the fact says; how much was newly captured."""
    before = attempt.captured_minor
    attempt.amount_minor = max(attempt.amount_minor, fact.amount.minor)
    attempt.captured_minor = max(attempt.captured_minor, fact.captured.minor)
    attempt.authorized_minor = max(attempt.authorized_minor, fact.authorized.minor, attempt.captured_minor)
    attempt.voided_minor = max(attempt.voided_minor, fact.voided.minor)
    attempt.refunded_minor = max(attempt.refunded_minor, fact.refunded.minor)
    attempt.attempted_at = attempt.attempted_at or fact.created_at
    attempt.method = attempt.method or fact.method[:30]
    if fact.state is PaymentState.FAILED and not attempt.failed:
        attempt.failed = True
        attempt.failure_code, attempt.failure_text = fact.error_code[:64], fact.error_text[:300]
    return Money(attempt.captured_minor - before, attempt.currency)


def _note_fee(attempt: PaymentAttempt, fact: GatewayPayment, came: Money) -> tuple[Money, Money, str] | None:
    """What is to be booked as `book_fee` takes it; once with each part that was captured, which fixes the fee."""
    if fact.fee is None or not attempt.captured_minor or (attempt.fee_minor is not None and not came):
        return None
    tax = fact.tax if fact.tax is not None else Money.zero(fact.fee.currency)
    more = fact.fee - Money(attempt.fee_minor or 0, fact.fee.currency)
    more_tax = tax - Money(attempt.fee_tax_minor or 0, tax.currency)
    key = "" if attempt.fee_minor is None else str(attempt.captured_minor)
    attempt.fee_minor, attempt.fee_tax_minor, attempt.fee_currency = fact.fee.minor, tax.minor, fact.fee.currency
    return (more, more_tax, key) if more.minor > 0 else None


def _publish_completed(payment: Payment, came: Money) -> None:
    publish(
        PaymentCompleted(
            payment_id=payment.id,
            patient_id=payment.patient_id,
            invoice_id=payment.invoice_id,
            appointment_id=payment.appointment_id,
            amount_minor=came.minor,
            captured_minor=payment.captured_minor,
            currency=came.currency,
        )
    )


def _find_refund(payment: Payment, fact: GatewayRefund) -> Refund | None:
    """By the gateway's id; or, before our own commit of it, by our reference."""
    for refund in payment.refunds:
        if refund.gateway_refund_id == fact.refund_id:
            return refund
    if not is_id(fact.reference):
        return None
    mine = (refund for refund in payment.refunds if refund.id == fact.reference and not refund.gateway_refund_id)
    return next(mine, None)


def _with_attempt(payment: Payment, refund: Refund | None, fact: GatewayRefund) -> GatewayRefund:
    """A refund that is told by its order only gives back what paid that order."""
    if not fact.order_id or not _is_own_order(payment, fact.order_id):
        raise NotKnownYet("the refund is of another order")
    captured = (attempt.gateway_payment_id for attempt in payment.attempts if attempt.captured_minor)
    paid = (refund.gateway_payment_id if refund else None) or next(captured, None)
    if paid is None:
        raise NotKnownYet("the refund is of an order that we do not know to be paid")
    return replace(fact, payment_id=paid)


def _check_captured(payment: Payment, refund: Refund | None, fact: GatewayRefund) -> None:
    others = sum(
        item.amount_minor
        for item in payment.refunds
        if item is not refund and item.gateway_payment_id == fact.payment_id and item.status in GATEWAY_HAS_IT
    )
    captured = sum(item.captured_minor for item in payment.attempts if item.gateway_payment_id == fact.payment_id)
    if others + fact.amount.minor > captured:
        raise NotKnownYet("the refund is larger than what we know to be captured")


def _external_refund(payment: Payment, fact: GatewayRefund) -> Refund:
    refund = Refund(
        id=new_id(),
        status=RefundStatus.APPROVED,
        currency=payment.currency,
        amount_minor=fact.amount.minor,
        external=True,
        gateway_payment_id=fact.payment_id,
        reason="",
    )
    payment.refunds.append(refund)
    return refund
