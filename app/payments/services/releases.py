"""Letting go of reserved money: claim and commit, call, record and commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.providers import ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import UnderWay
from app.payments.gateways import gateway_with_code
from app.payments.gateways.base import Gateway, GatewayPayment
from app.payments.models import OperationKind, Payment, PaymentOperation
from app.payments.services.captures import left_to_capture, reservation
from app.payments.services.facts import apply_fact
from app.payments.services.gateway import call, open_gateway, unavailable
from app.payments.services.operations import Claim, claim, find_open, finish, note_error
from app.payments.services.sums import locked, settle


@dataclass(frozen=True)
class ReleaseTask:
    """A claimed void, ready for its call."""

    gateway: Gateway[Any]
    attempt_id: str
    claim: Claim


def prepare_release(payment_id: str) -> ReleaseTask | None:
    """Claim the void of what is reserved; None where nothing is, or the gateway has no such call. Raises UnderWay."""
    payment = locked(payment_id)
    attempt = reservation(payment)
    if attempt is None or not gateway_with_code(payment.provider).capabilities.void:
        return None
    if find_open(payment, OperationKind.CAPTURE) is not None:
        raise UnderWay
    claimed = claim(payment, OperationKind.VOID, left_to_capture(payment, attempt), at_once=True)
    if claimed is None:
        raise UnderWay
    return ReleaseTask(open_gateway(payment.account_id), attempt.gateway_payment_id, claimed)


def finish_release(payment_id: str, *, at_once: bool = False) -> None:
    """Take up a void whose outcome is unknown: voiding twice is harmless. Does nothing without one that is due."""
    with unit_of_work():
        task = _take_up(locked(payment_id), at_once)
    if task is not None:
        carry_out_release(payment_id, task)


def carry_out_release(payment_id: str, task: ReleaseTask) -> None:
    """Make the call and record it. Raises ProviderUnavailable, also for an unknown outcome."""
    try:
        fact = call(task.gateway, lambda: task.gateway.void(task.attempt_id, key=task.claim.key))
    except ProviderError as error:
        with unit_of_work():
            payment = locked(payment_id)
            note_error(db.session.get(PaymentOperation, task.claim.operation_id), error)
            settle(payment)
        raise unavailable(error, paymentId=payment_id) from None
    with unit_of_work():
        _record(payment_id, task, fact)


def _take_up(payment: Payment, at_once: bool) -> ReleaseTask | None:
    operation = find_open(payment, OperationKind.VOID)
    if operation is None:
        return None
    attempt = reservation(payment)
    if attempt is None:
        finish(operation, payment.gateway_payment_id)
        settle(payment)
        return None
    claimed = claim(payment, OperationKind.VOID, operation.amount, at_once=at_once)
    if claimed is None:
        return None
    return ReleaseTask(open_gateway(payment.account_id), attempt.gateway_payment_id, claimed)


def _record(payment_id: str, task: ReleaseTask, fact: GatewayPayment) -> None:
    locked(payment_id)
    finish(db.session.get(PaymentOperation, task.claim.operation_id), task.attempt_id)
    apply_fact(payment_id, fact)
