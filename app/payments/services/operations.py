"""The durable rows of what we ask of gateways: claimed and committed before a call, settled after it.

A claim holds a lease. Whoever finds it run out knows that its holder died, perhaps after the call: it asks the gateway
before it does anything again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Exists, exists, select

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.core.providers import Outcome, ProviderError
from app.core.tenant import db
from app.payments.models import OperationKind, OperationStatus, Payment, PaymentOperation, Refund

LEASE = timedelta(seconds=60)
# When a gateway is asked about something that is not known (SPEC PAY-3).
STEPS = (
    timedelta(seconds=5),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(hours=1),
    timedelta(days=1),
)
# When a payment that nobody told us about is looked at; the last ones catch late successes (Razorpay: three days).
WATCH = (
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=6),
    timedelta(days=1),
    timedelta(days=3),
)


@dataclass(frozen=True)
class Claim:
    """The right to make one call. `ask_first`: an earlier try may have been carried out."""

    operation_id: str
    key: str
    ask_first: bool


def claim(
    payment: Payment,
    kind: OperationKind,
    amount: Money,
    *,
    refund: Refund | None = None,
    key: str = "",
    at_once: bool = False,
) -> Claim | None:
    """Claim the payment's operation of a kind, a new one or one that is due; None while another holds it.

    `payment` is locked. `at_once` does not wait for the next step of an unknown one (**Check now**).
    """
    operation = find_open(payment, kind, refund) or begin(payment, kind, amount, refund=refund, key=key)
    if not _is_due(operation, at_once):
        return None
    if operation.attempts and not operation.error_code:
        operation.status = OperationStatus.UNKNOWN  # its holder died without leaving word
    operation.error_code = operation.error_text = ""
    operation.attempts += 1
    operation.next_at = clock.now() + LEASE
    db.session.flush()
    return Claim(operation.id, operation.key, ask_first=operation.status == OperationStatus.UNKNOWN)


def begin(
    payment: Payment, kind: OperationKind, amount: Money, *, refund: Refund | None = None, key: str = ""
) -> PaymentOperation:
    """Note what is to be asked of the gateway; nobody has tried it yet."""
    operation = PaymentOperation(
        id=new_id(),
        payment_id=payment.id,
        refund_id=refund.id if refund else None,
        kind=kind,
        status=OperationStatus.STARTED,
        amount_minor=amount.minor,
        currency=amount.currency,
        attempts=0,
        next_at=clock.now(),
        error_code="",
    )
    operation.key = key or operation.id
    db.session.add(operation)
    db.session.flush()
    return operation


def _is_due(operation: PaymentOperation, at_once: bool) -> bool:
    if operation.status == OperationStatus.UNKNOWN and at_once:
        return True
    return operation.next_at is not None and operation.next_at <= clock.now()


def find_open(payment: Payment, kind: OperationKind, refund: Refund | None = None) -> PaymentOperation | None:
    wanted = select(PaymentOperation).where(
        PaymentOperation.payment_id == payment.id,
        PaymentOperation.kind == kind,
        PaymentOperation.status.in_((OperationStatus.STARTED, OperationStatus.UNKNOWN)),
    )
    if refund is not None:
        wanted = wanted.where(PaymentOperation.refund_id == refund.id)
    return db.session.scalar(wanted.execution_options(populate_existing=True))


def orders_opened(payment: Payment) -> list[str]:
    """The gateway's ids of every order that was opened for the payment, those too that nobody can pay any more."""
    wanted = select(PaymentOperation.gateway_id).where(
        PaymentOperation.payment_id == payment.id,
        PaymentOperation.kind == OperationKind.CREATE_ORDER,
        PaymentOperation.status == OperationStatus.DONE,
    )
    return [order_id for order_id in db.session.scalars(wanted) if order_id]


def finish(operation: PaymentOperation | None, gateway_id: str | None = None) -> None:
    """It was carried out."""
    if operation is not None and operation.open:
        _end(operation, OperationStatus.DONE)
        operation.gateway_id = gateway_id
        operation.error_code = operation.error_text = ""


def fail(operation: PaymentOperation | None, code: str, text: str = "") -> None:
    """It was not carried out, and will not be."""
    if operation is not None and operation.open:
        _end(operation, OperationStatus.FAILED)
        operation.error_code, operation.error_text = code[:64], text[:300]


def _end(operation: PaymentOperation, status: OperationStatus) -> None:
    operation.status, operation.finished_at, operation.next_at = status, clock.now(), None
    db.session.flush()


def note_error(operation: PaymentOperation | None, error: ProviderError, *, repeat: bool = False) -> None:
    """Record a failed call: an unknown one is asked about later; `repeat` tries again what was not carried out."""
    if operation is None or not operation.open:
        return
    operation.error_code, operation.error_text = error.code[:64], error.message[:300]
    if error.outcome is Outcome.UNKNOWN:
        operation.status = OperationStatus.UNKNOWN
    elif operation.status == OperationStatus.STARTED and not (repeat and _may_repeat(error)):
        fail(operation, error.code, error.message)
        return
    postpone(operation, error.retry_after)


def _may_repeat(error: ProviderError) -> bool:
    return error.outcome in (Outcome.RETRY, Outcome.RETRY_LATER)


def postpone(operation: PaymentOperation, at_least: float | None = None) -> None:
    """Look at it again at its next step; after the last one only a person does."""
    steps = WATCH if operation.kind == OperationKind.FETCH else STEPS
    if operation.attempts > len(steps):
        operation.next_at = None
    else:
        pause = max(steps[max(operation.attempts, 1) - 1], timedelta(seconds=at_least or 0))
        operation.next_at = clock.now() + pause
    db.session.flush()


def watch(payment: Payment) -> None:
    """Look at the payment now and then until it is settled, should no notice come."""
    operation = find_open(payment, OperationKind.FETCH) or begin(payment, OperationKind.FETCH, payment.amount)
    operation.attempts = 1
    postpone(operation)


def in_doubt(payment: Payment) -> bool:
    """Whether an operation of the payment has an unknown outcome."""
    return bool(db.session.scalar(select(doubtful(payment.id))))


def doubtful(payment_id: Any) -> Exists:
    """`in_doubt` as SQL."""
    return exists().where(
        PaymentOperation.payment_id == payment_id,
        PaymentOperation.status == OperationStatus.UNKNOWN,
        PaymentOperation.kind != OperationKind.FETCH,
    )
