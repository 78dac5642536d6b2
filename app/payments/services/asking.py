"""Asking the gateway how a payment stands: for the return page, the poller and **Check now**.

What is asked is planned in one transaction and taken in by another; between them the gateway is called.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.providers import ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import NotKnownYet
from app.payments.gateways.base import ORDER_EXPIRED, Gateway, GatewayOrder, GatewayRefund
from app.payments.models import OperationKind, Payment, PaymentOperation, Refund, RefundStatus
from app.payments.services.captures import finish_capture, note_approval
from app.payments.services.charging import finish_charge
from app.payments.services.checkout import order_reference, record_order
from app.payments.services.facts import apply_fact, apply_refund_fact
from app.payments.services.gateway import call, open_gateway, unavailable
from app.payments.services.operations import (
    WATCH,
    claim,
    fail,
    find_open,
    finish,
    note_error,
    postpone,
)
from app.payments.services.releases import finish_release
from app.payments.services.sending import send_refund
from app.payments.services.sums import locked, settle

GONE = "not_carried_out"


@dataclass(frozen=True)
class _Question:
    """What to ask about a payment. `creating`: the unknown operation that may have opened an order; `reference`: our
    name of that order; `refund_names`: our names of refunds, for a gateway that lists none.
    """

    gateway: Gateway[Any]
    order_id: str | None
    reference: str
    creating: str | None
    with_refunds: tuple[str, ...]
    refund_names: tuple[str, ...]
    unsent: tuple[str, ...]


@dataclass(frozen=True)
class _Answer:
    order: GatewayOrder | None
    refunds: tuple[GatewayRefund, ...]


def ask_gateway(payment_id: str, *, at_once: bool = True, refund_id: str | None = None) -> None:
    """Bring a payment up to what its gateway knows, and finish what was left unclear. Commits in steps.

    `at_once` also takes up what waits for its next step; `refund_id` is a refund that a notice spoke of. Raises
    NotFound, and ProviderUnavailable without an answer.
    """
    with unit_of_work():
        question = _plan(payment_id, at_once, refund_id)
    if question is None:
        finish_charge(payment_id, at_once=at_once)
        return
    try:
        answer = call(question.gateway, lambda: _ask(question))
    except ProviderError as error:
        with unit_of_work():
            _note_silence(payment_id, question, error)
        raise unavailable(error, paymentId=payment_id) from None
    with unit_of_work():
        _take(payment_id, question, answer, at_once)
    finish_capture(payment_id, at_once=at_once)
    finish_release(payment_id, at_once=at_once)
    for refund_id in question.unsent:
        send_refund(refund_id, at_once=at_once)


def _plan(payment_id: str, at_once: bool, refund_id: str | None) -> _Question | None:
    payment = locked(payment_id)
    if payment.at_desk:
        return None
    creating = None
    if payment.order_id is None:
        if find_open(payment, OperationKind.CREATE_ORDER) is None:
            return None  # the gateway was never asked to do anything
        claimed = claim(payment, OperationKind.CREATE_ORDER, payment.amount, at_once=at_once)
        if claimed is None:
            return None
        creating = claimed.operation_id
    return _Question(
        open_gateway(payment.account_id),
        payment.order_id,
        order_reference(payment),
        creating,
        _with_refunds(payment),
        _refund_names(payment, refund_id),
        _unsent(payment),
    )


def _refund_names(payment: Payment, told: str | None) -> tuple[str, ...]:
    sent = [refund.gateway_refund_id or refund.id for refund in payment.refunds if refund.status == RefundStatus.SENT]
    return tuple(dict.fromkeys([*sent, told] if told else sent))


def _with_refunds(payment: Payment) -> tuple[str, ...]:
    """The gateway's payments whose refunds we do not know for certain."""
    waiting = {refund.gateway_payment_id for refund in payment.refunds if refund.status == RefundStatus.SENT}
    for attempt in payment.attempts:
        known = sum(item.amount_minor for item in payment.refunds if _settled_on(item, attempt.gateway_payment_id))
        if attempt.refunded_minor > known:
            waiting.add(attempt.gateway_payment_id)
    return tuple(sorted(item for item in waiting if item))


def _settled_on(refund: Refund, gateway_payment_id: str) -> bool:
    return refund.status == RefundStatus.SETTLED and refund.gateway_payment_id == gateway_payment_id


def _unsent(payment: Payment) -> tuple[str, ...]:
    return tuple(refund.id for refund in payment.refunds if refund.status == RefundStatus.APPROVED)


def _ask(question: _Question) -> _Answer:
    gateway, order = question.gateway, _order(question)
    if not gateway.capabilities.lists_refunds:
        found = (gateway.find_refund("", name) for name in question.refund_names)
        return _Answer(order, tuple(refund for refund in found if refund is not None))
    wanted = set(question.with_refunds)
    wanted.update(item.payment_id for item in order.payments if item.refunded) if order else None
    refunds = [refund for item in sorted(wanted) for refund in gateway.refunds_of(item)]
    return _Answer(order, tuple(refunds))


def _order(question: _Question) -> GatewayOrder | None:
    """None for an order that was not opened, or that the gateway has forgotten as nobody paid it."""
    if question.order_id is None:
        return question.gateway.find_order(question.reference)
    try:
        return question.gateway.fetch_order(question.order_id)
    except ProviderError as error:
        if error.code != ORDER_EXPIRED:
            raise
        return None


def _take(payment_id: str, question: _Question, answer: _Answer, at_once: bool) -> None:
    if answer.order is None:
        _take_missing_order(payment_id, question.creating)
        _go_on_watching(locked(payment_id))
        return
    if question.order_id is None:
        record_order(payment_id, answer.order.order_id, question.creating)
    for fact in answer.order.payments:
        apply_fact(payment_id, fact)
    for refund in answer.refunds:
        try:
            apply_refund_fact(payment_id, refund)
        except NotKnownYet:
            continue  # of an attempt that the gateway let go of: no money of ours
    payment = locked(payment_id)
    if answer.order.approved:
        note_approval(payment, at_once=at_once)
    _go_on_watching(payment)


def _take_missing_order(payment_id: str, operation_id: str | None) -> None:
    """Nothing was opened, as far as the gateway knows; believe it for good after the last step."""
    payment = locked(payment_id)
    operation = db.session.get(PaymentOperation, operation_id) if operation_id else None
    if operation is not None and operation.open:
        postpone(operation)
        if operation.next_at is None:
            fail(operation, GONE)
    settle(payment)


def _go_on_watching(payment: Payment) -> None:
    operation = find_open(payment, OperationKind.FETCH)
    if operation is None:
        return
    operation.attempts += 1
    if _is_settled(payment) or operation.attempts > len(WATCH):
        finish(operation)
    else:
        postpone(operation)


def _is_settled(payment: Payment) -> bool:
    moved = payment.captured_minor or any(attempt.voided_minor for attempt in payment.attempts)
    return bool(moved) and not any(refund.status == RefundStatus.SENT for refund in payment.refunds)


def _note_silence(payment_id: str, question: _Question, error: ProviderError) -> None:
    payment = locked(payment_id)
    if question.creating is not None:
        note_error(db.session.get(PaymentOperation, question.creating), error)
    watching = find_open(payment, OperationKind.FETCH)
    if watching is not None:
        watching.attempts += 1
        postpone(watching)
    settle(payment)
