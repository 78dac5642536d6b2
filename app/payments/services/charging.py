"""Charging a saved instrument without its owner present: claim and commit, call, record and commit.

The operation is committed with the payment. Whoever takes it up after an unclear end asks the gateway by the payment's
id first, and repeats under the operation's key, so that nobody is charged twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from app.core import clock
from app.core.money import Money
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.services import publish
from app.payments.events import PaymentFailed
from app.payments.gateways.base import GatewayPayment, PaymentState
from app.payments.gateways.saved_methods import SavedCharge
from app.payments.models import OperationKind, OperationStatus, Payment, PaymentMethod, PaymentOperation, PaymentStatus
from app.payments.services.facts import apply_fact
from app.payments.services.gateway import call, open_gateway
from app.payments.services.operations import begin, claim, fail, find_open, finish, note_error
from app.payments.services.payments import create_payment
from app.payments.services.saved_methods import customer_at
from app.payments.services.sums import locked, settle

REMOVED = "method_removed"
WAITING = (PaymentStatus.PENDING, PaymentStatus.UNKNOWN)


@dataclass(frozen=True)
class _Task:
    gateway: Any  # a Gateway that also SavesMethods
    charge: SavedCharge
    operation_id: str
    ask_first: bool


def begin_charge(method: PaymentMethod, amount: Money, *, invoice_id: str, description: str) -> Payment:
    """A payment that a worker charges to the instrument after the commit. Raises Invalid as create_payment() does."""
    from app.payments.jobs import check_payment

    payment = create_payment(
        amount, patient_id=method.patient_id, invoice_id=invoice_id, description=description, method=method
    )
    begin(payment, OperationKind.CHARGE, amount)
    check_payment.enqueue(payment.clinic_id, payment.id)
    return payment


def charge_under_way(invoice_id: str) -> bool:
    """Whether an instrument is being charged for the invoice, or may have been."""
    wanted = select(Payment.id).where(
        Payment.invoice_id == invoice_id, Payment.saved_method_id.is_not(None), Payment.status.in_(WAITING)
    )
    return db.session.scalar(wanted.limit(1)) is not None


def finish_charge(payment_id: str, *, at_once: bool = False) -> None:
    """Charge the instrument, or find out what became of it. Commits in steps: call it outside any unit of work.

    Does nothing without a charge that is due. A failed call raises nothing: what is unknown is asked about later, what
    was refused gives the payment up.
    """
    with unit_of_work():
        task = _take_up(locked(payment_id), at_once)
    if task is None:
        return
    try:
        fact = call(task.gateway, lambda: _charge(task))
    except ProviderError as error:
        with unit_of_work():
            _note_failure(payment_id, task, error)
        return
    with unit_of_work():
        finish(db.session.get(PaymentOperation, task.operation_id), fact.payment_id)
        apply_fact(payment_id, fact)


def _take_up(payment: Payment, at_once: bool) -> _Task | None:
    if payment.saved_method_id is None or find_open(payment, OperationKind.CHARGE) is None:
        return None
    claimed = claim(payment, OperationKind.CHARGE, payment.amount, at_once=at_once)
    if claimed is None:
        return None
    method = db.session.get_one(PaymentMethod, payment.saved_method_id)
    if method.removed_at is not None and not claimed.ask_first:
        _give_up(payment, claimed.operation_id, REMOVED, "")
        return None
    charge = SavedCharge(
        customer_id=customer_at(payment.account_id, payment.patient_id),
        method_id=method.method_id,
        amount=payment.amount,
        description=payment.description,
        reference=payment.id,
        key=claimed.key,
    )
    return _Task(open_gateway(payment.account_id), charge, claimed.operation_id, claimed.ask_first)


def _charge(task: _Task) -> GatewayPayment:
    """A bank that has not decided yet is asked again, as after no answer."""
    charge = task.charge
    found = task.gateway.find_charge(charge.customer_id, charge.reference) if task.ask_first else None
    fact = found or task.gateway.charge_saved(charge)
    if fact.state is PaymentState.PENDING:
        raise ProviderError(Outcome.UNKNOWN, "processing", "The bank has not decided yet.")
    return fact


def _note_failure(payment_id: str, task: _Task, error: ProviderError) -> None:
    payment, operation = locked(payment_id), db.session.get(PaymentOperation, task.operation_id)
    note_error(operation, error, repeat=True)
    if operation is not None and operation.status == OperationStatus.FAILED:
        _give_up(payment, task.operation_id, error.code, error.message)
    else:
        settle(payment)


def _give_up(payment: Payment, operation_id: str, code: str, text: str) -> None:
    """Nothing was charged, and nobody tries again with this payment."""
    fail(db.session.get(PaymentOperation, operation_id), code, text)
    payment.abandoned_at = payment.abandoned_at or clock.now()
    payment.failure_code, payment.failure_text = code[:64], text[:300]
    settle(payment)
    about = {"patient_id": payment.patient_id, "appointment_id": payment.appointment_id}
    publish(PaymentFailed(payment_id=payment.id, invoice_id=payment.invoice_id, code=code, **about))
