"""Sending an approved refund to the gateway: claim and commit, call, record and commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.core.money import Money
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways.base import Gateway, GatewayRefund, RefundRequest
from app.payments.models import (
    OperationKind,
    OperationStatus,
    PaymentOperation,
    Refund,
    RefundStatus,
)
from app.payments.services.facts import apply_refund_fact
from app.payments.services.gateway import call, open_gateway
from app.payments.services.operations import claim, finish, note_error, watch
from app.payments.services.refund_steps import move_refund
from app.payments.services.sums import locked, locked_refund, settle


@dataclass(frozen=True)
class _Task:
    gateway: Gateway[Any]
    request: RefundRequest
    payment_id: str
    operation_id: str
    ask_first: bool

    @property
    def amount(self) -> Money:
        return self.request.amount


def send_refund(refund_id: str, *, at_once: bool = False) -> None:
    """Send an approved refund, once; or find out what became of it. Commits in steps: call it outside any.

    Does nothing for a refund that is not approved, or that somebody else is sending. A failed call raises nothing: what
    is unknown is asked about later, what was refused fails the refund.
    """
    with unit_of_work():
        task = _prepare(locked_refund(refund_id), at_once)
    if task is None:
        return
    try:
        fact = call(task.gateway, lambda: _send(task))
    except ProviderError as error:
        with unit_of_work():
            _note_failure(refund_id, task, error)
        return
    with unit_of_work():
        _take(task, fact)


def _prepare(refund: Refund, at_once: bool) -> _Task | None:
    payment = refund.payment
    if refund.status != RefundStatus.APPROVED or refund.external or refund.gateway_payment_id is None:
        return None
    claimed = claim(payment, OperationKind.REFUND, refund.amount, refund=refund, at_once=at_once)
    if claimed is None:
        return None
    request = RefundRequest(refund.gateway_payment_id, refund.amount, claimed.key, refund.id)
    return _Task(open_gateway(payment.account_id), request, payment.id, claimed.operation_id, claimed.ask_first)


def _send(task: _Task) -> GatewayRefund | None:
    """After an unclear end the gateway is asked. Only where a repeat cannot pay twice it is repeated; else it waits."""
    if task.ask_first:
        found = task.gateway.find_refund(task.request.payment_id, task.request.reference)
        if found is not None or not task.gateway.capabilities.idempotent_refund:
            return found
    return task.gateway.refund(task.request)


def _take(task: _Task, fact: GatewayRefund | None) -> None:
    payment = locked(task.payment_id)
    operation = db.session.get(PaymentOperation, task.operation_id)
    if fact is None:
        error = ProviderError(Outcome.UNKNOWN, "not_found", "The gateway does not know of it yet.")
        note_error(operation, error)
        settle(payment)
        return
    finish(operation, fact.refund_id)
    refund = apply_refund_fact(payment.id, fact)
    if refund.status == RefundStatus.SENT:
        watch(payment)


def _note_failure(refund_id: str, task: _Task, error: ProviderError) -> None:
    refund = locked_refund(refund_id)
    operation = db.session.get(PaymentOperation, task.operation_id)
    note_error(operation, error, repeat=True)
    if operation is not None and operation.status == OperationStatus.FAILED:
        refund.error_code, refund.error_text = error.code[:64], error.message[:300]
        move_refund(refund, refund.payment, RefundStatus.FAILED)
    settle(refund.payment)
