"""PayPal's JSON read into our words.

What a payment is: for an order of intent CAPTURE each capture; for one of intent AUTHORIZE the reservation with all its
captures, named by its first authorization - a reauthorisation has a new id, but is the same money. An order can be
COMPLETED while its capture is PENDING, so the captures are read, not the order's word. Only a COMPLETED refund counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from app.core.money import Money
from app.payments.gateways.base import (
    GatewayDispute,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    OrderState,
    PaymentState,
    RefundState,
)
from app.payments.gateways.paypal_entities import Amount, Capture, Dispute, Order, Refund, Resource, age

ToMoney = Callable[[str, str], Money]

CAPTURE, AUTHORIZE = "CAPTURE", "AUTHORIZE"
_TAKEN = frozenset({"COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"})
_FAILED = frozenset({"DECLINED", "FAILED", "DENIED"})
_REFUND_STATES = {
    "COMPLETED": RefundState.SETTLED,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.FAILED,
}


def read_order(order: Order, money: ToMoney) -> GatewayOrder:
    payments = read_payments(order, money)
    amount = _money(order.unit.amount, money)
    paid = Money.total((payment.captured for payment in payments), amount.currency)
    return GatewayOrder(
        order_id=order.id,
        reference=order.unit.custom_id,
        state=_order_state(order, paid),
        amount=amount,
        paid=paid,
        payments=payments,
        approved=order.status == "APPROVED",
    )


def _order_state(order: Order, paid: Money) -> OrderState:
    if paid:
        return OrderState.PAID
    if order.status == "VOIDED":
        return OrderState.EXPIRED
    return OrderState.ATTEMPTED if order.payments.captures or order.authorizations else OrderState.OPEN


def read_payments(order: Order, money: ToMoney) -> tuple[GatewayPayment, ...]:
    """The payments on an order, the oldest first."""
    if order.authorizations:
        return (_reservation(order, money),)
    return tuple(_captured(order, item, money) for item in sorted(order.payments.captures, key=age))


def _captured(order: Order, capture: Capture, money: ToMoney) -> GatewayPayment:
    amount = _money(capture.amount, money)
    nothing = Money.zero(amount.currency)
    taken = amount if capture.status in _TAKEN else nothing
    refunded = amount if capture.status == "REFUNDED" else _refunded(order, capture.id, nothing, money)
    return GatewayPayment(
        payment_id=capture.id,
        order_id=order.id,
        state=_state(capture.status, taken, refunded),
        amount=amount,
        authorized=taken,
        captured=taken,
        refunded=refunded if taken else nothing,
        voided=nothing,
        method=_method(order),
        fee=_fees([capture], money),
        error_code=_reason(capture),
        created_at=capture.create_time,
    )


def _reservation(order: Order, money: ToMoney) -> GatewayPayment:
    """What is left of a reservation is let go when it is voided, or captured for good."""
    first, last = order.authorizations[0], order.authorizations[-1]
    amount = _money(last.amount, money)
    nothing = Money.zero(amount.currency)
    captures = order.captures_of(first.id)
    taken = _sum((item for item in captures if item.status in _TAKEN), nothing, money)
    pending = _sum((item for item in captures if item.status == "PENDING"), nothing, money)
    refunded = _refunded(order, first.id, nothing, money)
    reserved = last.status not in _FAILED and last.status != "PENDING"
    ended = last.status in ("VOIDED", "CAPTURED")
    return GatewayPayment(
        payment_id=first.id,
        order_id=order.id,
        state=_reservation_state(last.status, taken, refunded),
        amount=amount,
        authorized=max(amount, taken) if reserved else taken,
        captured=taken,
        refunded=refunded,
        voided=max(amount - taken - pending, nothing) if ended else nothing,
        method=_method(order),
        fee=_fees(captures, money),
        created_at=first.create_time,
    )


def _state(status: str, taken: Money, refunded: Money) -> PaymentState:
    if status in _FAILED:
        return PaymentState.FAILED
    if not taken:
        return PaymentState.PENDING
    return PaymentState.REFUNDED if refunded >= taken else PaymentState.CAPTURED


def _reservation_state(status: str, taken: Money, refunded: Money) -> PaymentState:
    if taken or status in _FAILED or status == "PENDING":
        return _state(status, taken, refunded)
    return PaymentState.VOIDED if status == "VOIDED" else PaymentState.AUTHORIZED


def _refunded(order: Order, payment_id: str, nothing: Money, money: ToMoney) -> Money:
    return _sum((item for item in order.refunds_of(payment_id) if item.status == "COMPLETED"), nothing, money)


def _sum(items: Iterable[Resource], nothing: Money, money: ToMoney) -> Money:
    return Money.total((_money(item.amount, money) for item in items), nothing.currency)


def _fees(captures: list[Capture], money: ToMoney) -> Money | None:
    fees = [item.seller_receivable_breakdown.paypal_fee for item in captures]
    told = [_money(fee, money) for fee in fees if fee is not None]
    return Money.total(told, told[0].currency) if told else None


def _reason(capture: Capture) -> str:
    return (capture.status_details.reason or capture.status) if capture.status in _FAILED else ""


def _method(order: Order) -> str:
    return next(iter(order.payment_source or {}), "paypal")


def _money(amount: Amount, money: ToMoney) -> Money:
    return money(amount.value, amount.currency_code)


def with_failure(order: GatewayOrder, code: str, text: str) -> GatewayOrder:
    """The order with a failed payment under its own id: what the payer approved could not be taken."""
    nothing = Money.zero(order.amount.currency)
    failed = GatewayPayment(
        payment_id=order.order_id,
        order_id=order.order_id,
        state=PaymentState.FAILED,
        amount=order.amount,
        authorized=nothing,
        captured=nothing,
        refunded=nothing,
        voided=nothing,
        method="paypal",
        error_code=code,
        error_text=text,
    )
    return replace(order, payments=(*order.payments, failed))


def refundable_parts(order: Order, payment_id: str, money: ToMoney) -> dict[str, Money]:
    """Each capture of a payment with what is left of it; a refund that did not fail counts."""
    left = {item.id: _money(item.amount, money) for item in order.captures_of(payment_id) if item.status in _TAKEN}
    for refund in order.refunds_of(payment_id):
        if refund.capture_id in left and _REFUND_STATES.get(refund.status) is not RefundState.FAILED:
            left[refund.capture_id] -= _money(refund.amount, money)
    return left


def read_refund(refund: Refund, payment_id: str, money: ToMoney) -> GatewayRefund:
    return GatewayRefund(
        refund_id=refund.id,
        payment_id=payment_id,
        state=_REFUND_STATES.get(refund.status, RefundState.PENDING),
        amount=_money(refund.amount, money),
        reference=refund.custom_id,
        bank_reference=refund.acquirer_reference_number,
        created_at=refund.create_time,
        failure=refund.status_details.reason if refund.status in _FAILED else "",
    )


_VERDICTS = {"RESOLVED_SELLER_FAVOUR": "won", "RESOLVED_WITH_PAYOUT": "won", "RESOLVED_BUYER_FAVOUR": "lost"}


def read_dispute(dispute: Dispute, money: ToMoney) -> GatewayDispute:
    """`payment_id` is the disputed transaction: the capture."""
    return GatewayDispute(
        dispute_id=dispute.dispute_id,
        payment_id=dispute.disputed_transactions[0].seller_transaction_id,
        state=_dispute_state(dispute),
        amount=_money(dispute.dispute_amount, money),
        reason=dispute.reason,
        phase=dispute.dispute_life_cycle_stage.lower(),
        respond_by=dispute.seller_response_due_date,
    )


def _dispute_state(dispute: Dispute) -> str:
    if dispute.status == "RESOLVED":
        return _VERDICTS.get(dispute.dispute_outcome.outcome_code, "closed")
    return "open" if dispute.status in ("OPEN", "WAITING_FOR_SELLER_RESPONSE") else "under_review"
