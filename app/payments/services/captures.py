"""Taking reserved money: claim and commit, call, record and commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _

from app.core.errors import Invalid
from app.core.money import Money
from app.core.providers import ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import NothingToCapture, UnderWay
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway, GatewayPayment
from app.payments.models import OperationKind, Payment, PaymentAttempt, PaymentOperation
from app.payments.services.facts import apply_fact
from app.payments.services.gateway import call, open_gateway, unavailable
from app.payments.services.operations import claim, find_open, finish, note_error
from app.payments.services.sums import locked, settle


@dataclass(frozen=True)
class _Task:
    gateway: Gateway[Any]
    gateway_payment_id: str
    amount: Money
    operation_id: str
    ask_first: bool


def capture_payment(payment_id: str, amount: Money | None = None) -> None:
    """Take what is reserved, or a part where the gateway can. Commits in steps: call it outside any.

    Raises NothingToCapture, Invalid for a wrong amount, UnderWay, and ProviderUnavailable, also for an unknown outcome.
    """
    with unit_of_work():
        task = _prepare(payment_id, amount)
    _carry_out(payment_id, task)


def finish_capture(payment_id: str, *, at_once: bool = False) -> None:
    """Take up a capture whose outcome is unknown: it is done, or done now. Does nothing without one that is due."""
    with unit_of_work():
        task = _take_up(locked(payment_id), at_once)
    if task is not None:
        _carry_out(payment_id, task)


def _prepare(payment_id: str, amount: Money | None) -> _Task:
    payment = locked(payment_id)
    attempt = _reserved(payment)
    if attempt is None:
        raise NothingToCapture
    reserved = _left(attempt)
    wanted = reserved if amount is None else amount
    _check_amount(payment, wanted, reserved)
    if find_open(payment, OperationKind.CAPTURE) is not None:
        raise UnderWay
    claimed = claim(payment, OperationKind.CAPTURE, wanted)
    assert claimed is not None  # the payment is locked and had none
    gateway = open_gateway(payment.account_id)
    return _Task(gateway, attempt.gateway_payment_id, wanted, claimed.operation_id, ask_first=False)


def _take_up(payment: Payment, at_once: bool) -> _Task | None:
    operation = find_open(payment, OperationKind.CAPTURE)
    if operation is None:
        return None
    attempt = _reserved(payment)
    if attempt is None:
        finish(operation, payment.gateway_payment_id)
        settle(payment)
        return None
    claimed = claim(payment, OperationKind.CAPTURE, payment.amount, at_once=at_once)
    if claimed is None:
        return None
    amount = Money(operation.amount_minor, operation.currency)
    return _Task(open_gateway(payment.account_id), attempt.gateway_payment_id, amount, operation.id, claimed.ask_first)


def _reserved(payment: Payment) -> PaymentAttempt | None:
    """The attempt with money that can be taken."""
    return next((attempt for attempt in payment.attempts if _left(attempt)), None)


def _left(attempt: PaymentAttempt) -> Money:
    """A capture ends a reservation: what a first part left is let go by the gateway."""
    taken = attempt.captured_minor or attempt.voided_minor
    return Money(0 if taken else attempt.authorized_minor, attempt.currency)


def _check_amount(payment: Payment, wanted: Money, reserved: Money) -> None:
    if wanted.currency != reserved.currency or not 0 < wanted.minor <= reserved.minor:
        raise Invalid(fields={"amount": _("Between zero and the reserved amount.")})
    if wanted != reserved and not gateway_with_code(payment.provider).capabilities.partial_capture:
        raise Invalid(fields={"amount": _("This gateway captures the whole amount only.")})


def _carry_out(payment_id: str, task: _Task) -> None:
    try:
        fact = call(task.gateway, lambda: _capture(task))
    except ProviderError as error:
        with unit_of_work():
            payment = locked(payment_id)
            note_error(db.session.get(PaymentOperation, task.operation_id), error)
            settle(payment)
        raise unavailable(error, paymentId=payment_id) from None
    with unit_of_work():
        finish(db.session.get(PaymentOperation, task.operation_id), task.gateway_payment_id)
        apply_fact(payment_id, fact)


def _capture(task: _Task) -> GatewayPayment:
    """After an unclear end the gateway is asked; what it has taken is not taken again."""
    if task.ask_first:
        fact = task.gateway.fetch_payment(task.gateway_payment_id)
        if fact.captured:
            return fact
    return task.gateway.capture(task.gateway_payment_id, task.amount)
