"""Taking money: what is reserved, or what the payer approved. Claim and commit, call, record and commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import exists, select

from app.core.errors import Invalid
from app.core.money import Money
from app.core.providers import ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import NothingToCapture, UnderWay
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway, GatewayPayment, PaymentState
from app.payments.models import OperationKind, OperationStatus, Payment, PaymentAttempt, PaymentOperation
from app.payments.services.facts import apply_fact
from app.payments.services.gateway import call, open_gateway, unavailable
from app.payments.services.operations import Claim, begin, claim, fail, find_open, finish, note_error
from app.payments.services.sums import locked, settle


@dataclass(frozen=True)
class _Task:
    """`attempt_id` is the reservation to take from, `taken` what was taken of it before; None: the approved order."""

    gateway: Gateway[Any]
    order_id: str
    attempt_id: str | None
    amount: Money
    taken: Money
    claim: Claim
    reserve: bool
    final: bool


def capture_payment(payment_id: str, amount: Money | None = None, *, final: bool = True) -> None:
    """Take what is reserved, or a part where the gateway can; without `final` the rest stays reserved. Commits in
    steps: call it outside any.

    Raises NothingToCapture, Invalid for a wrong amount, UnderWay, and ProviderUnavailable, also for an unknown outcome.
    """
    with unit_of_work():
        task = _prepare(payment_id, amount, final)
    _carry_out(payment_id, task)


def note_approval(payment: Payment, *, at_once: bool) -> None:
    """The payer agreed: from now on it is owed, once, that the money is taken. The payment is locked.

    After a failure only somebody who acts (`at_once`: the payer came back, a notice, **Check now**) tries again.
    """
    if not _waits_for_money(payment) or find_open(payment, OperationKind.CAPTURE) is not None:
        return
    if at_once or not _failed_before(payment):
        begin(payment, OperationKind.CAPTURE, payment.amount)


def finish_capture(payment_id: str, *, at_once: bool = False) -> None:
    """Take up a capture that is owed or whose outcome is unknown: it is done, or done now. Does nothing without one
    that is due.
    """
    with unit_of_work():
        task = _take_up(locked(payment_id), at_once)
    if task is not None:
        _carry_out(payment_id, task)


def left_to_capture(payment: Payment, attempt: PaymentAttempt) -> Money:
    """What of a reservation can be taken. Most gateways end it with the first part, and let go of the rest."""
    taken = attempt.captured_minor + attempt.voided_minor
    if taken and not gateway_with_code(payment.provider).capabilities.repeated_captures:
        return Money.zero(attempt.currency)
    return Money(max(attempt.authorized_minor - taken, 0), attempt.currency)


def reservation(payment: Payment) -> PaymentAttempt | None:
    """The attempt with money that can be taken."""
    if payment.at_desk:
        return None
    return next((attempt for attempt in payment.attempts if left_to_capture(payment, attempt)), None)


def _prepare(payment_id: str, amount: Money | None, final: bool) -> _Task:
    payment = locked(payment_id)
    attempt = reservation(payment)
    if attempt is None:
        raise NothingToCapture
    reserved = left_to_capture(payment, attempt)
    wanted = reserved if amount is None else amount
    _check_amount(payment, wanted, reserved)
    if any(find_open(payment, kind) for kind in (OperationKind.CAPTURE, OperationKind.VOID)):
        raise UnderWay
    begin(payment, OperationKind.CAPTURE, wanted).final = final or wanted == reserved
    task = _take_up(payment, at_once=True)
    assert task is not None  # the payment is locked and had none
    return task


def _take_up(payment: Payment, at_once: bool) -> _Task | None:
    operation = find_open(payment, OperationKind.CAPTURE)
    if operation is None:
        return None
    attempt = reservation(payment)
    if attempt is None and not _waits_for_money(payment):
        finish(operation, payment.gateway_payment_id)
        settle(payment)
        return None
    claimed = claim(payment, OperationKind.CAPTURE, payment.amount, at_once=at_once)
    if claimed is None:
        return None
    return _Task(
        open_gateway(payment.account_id),
        payment.order_id or "",
        attempt.gateway_payment_id if attempt else None,
        operation.amount,
        attempt.captured if attempt else Money.zero(payment.currency),
        claimed,
        payment.manual_capture,
        operation.final,
    )


def _waits_for_money(payment: Payment) -> bool:
    """Whether no attempt of an open order came to anything: whoever gave the payment up takes no money for it."""
    return bool(payment.order_id) and not payment.abandoned_at and all(item.failed for item in payment.attempts)


def _failed_before(payment: Payment) -> bool:
    wanted = exists().where(
        PaymentOperation.payment_id == payment.id,
        PaymentOperation.kind == OperationKind.CAPTURE,
        PaymentOperation.status == OperationStatus.FAILED,
    )
    return bool(db.session.scalar(select(wanted)))


def _check_amount(payment: Payment, wanted: Money, reserved: Money) -> None:
    if wanted.currency != reserved.currency or not 0 < wanted.minor <= reserved.minor:
        raise Invalid(fields={"amount": _("Between zero and the reserved amount.")})
    if wanted != reserved and not gateway_with_code(payment.provider).capabilities.partial_capture:
        raise Invalid(fields={"amount": _("This gateway captures the whole amount only.")})


def _carry_out(payment_id: str, task: _Task) -> None:
    try:
        facts = call(task.gateway, lambda: _capture(task) if task.attempt_id else _collect(task))
    except ProviderError as error:
        with unit_of_work():
            payment = locked(payment_id)
            operation = db.session.get(PaymentOperation, task.claim.operation_id)
            note_error(operation, error, repeat=task.attempt_id is None)
            settle(payment)
        raise unavailable(error, paymentId=payment_id) from None
    with unit_of_work():
        _record(payment_id, task, facts)


def _record(payment_id: str, task: _Task, facts: tuple[GatewayPayment, ...]) -> None:
    locked(payment_id)
    operation = db.session.get(PaymentOperation, task.claim.operation_id)
    failed = [fact for fact in facts if fact.state is PaymentState.FAILED]
    if len(failed) == len(facts):
        reason = failed[-1] if failed else None
        fail(operation, reason.error_code if reason else "not_approved", reason.error_text if reason else "")
        settle(locked(payment_id))
    else:
        finish(operation, task.attempt_id or facts[-1].payment_id)
    for fact in facts:
        apply_fact(payment_id, fact)


def _capture(task: _Task) -> tuple[GatewayPayment, ...]:
    """After an unclear end the gateway is asked; what it has taken is not taken again."""
    assert task.attempt_id is not None
    if task.claim.ask_first:
        fact = task.gateway.fetch_payment(task.attempt_id)
        if fact.captured > task.taken:
            return (fact,)
    return (task.gateway.capture(task.attempt_id, task.amount, key=task.claim.key, final=task.final),)


def _collect(task: _Task) -> tuple[GatewayPayment, ...]:
    """The same for an approved order; one whose approval is gone by now has nothing to take."""
    order = task.gateway.fetch_order(task.order_id) if task.claim.ask_first else None
    if order is None or order.approved:
        order = task.gateway.collect(task.order_id, reserve=task.reserve, key=task.claim.key)
    return order.payments
