"""Events of payments and refunds. Amounts are in minor units of `currency`."""

from __future__ import annotations

from typing import ClassVar

from app.events.base import Category, Event, Priority


class PaymentIntentCreated(Event):
    """The gateway opened an order: the payer can be sent to the hosted page."""

    type = "payment.intent.created"
    category = Category.BILLING
    subject = "payment_id"
    payment_id: str
    provider: str
    amount_minor: int
    currency: str


class PaymentCompleted(Event):
    """Money was captured: `amount_minor` came with this event, `captured_minor` is all that the payment captured."""

    type = "payment.completed"
    category = Category.BILLING
    priority = Priority.HIGH
    subject = "payment_id"
    payment_id: str
    patient_id: str
    invoice_id: str | None
    appointment_id: str | None
    amount_minor: int
    captured_minor: int
    currency: str


class PaymentFailed(Event):
    """The last attempt failed. Not final: a gateway may still report money for it."""

    type = "payment.failed"
    category = Category.BILLING
    subject = "payment_id"
    payment_id: str
    patient_id: str
    invoice_id: str | None
    appointment_id: str | None
    code: str


class RefundEvent(Event):
    """What all events of money that went back, or did not get there, tell."""

    category: ClassVar[Category] = Category.BILLING
    priority: ClassVar[Priority] = Priority.HIGH
    subject: ClassVar[str] = "refund_id"
    refund_id: str
    payment_id: str
    patient_id: str
    invoice_id: str | None
    amount_minor: int
    currency: str


class PaymentRefunded(RefundEvent):
    """A refund reached the payer."""

    type = "payment.refunded"


class PaymentReturned(RefundEvent):
    """The bank gave a cheque back unpaid: what it paid is owed again. `refund_id` is the record of it."""

    type = "payment.returned"


class PaymentReturnUndone(RefundEvent):
    """A cheque was taken for returned by mistake, or was honoured after all: its money counts again."""

    type = "payment.return.undone"


class RefundFailed(RefundEvent):
    """A refund did not reach the payer. `was_settled`: it had been reported as done, and came back."""

    type = "payment.refund.failed"
    was_settled: bool


class RefundRequested(Event):
    """Somebody asks for money to go back; it waits for approval."""

    type = "payment.refund.requested"
    category = Category.BILLING
    subject = "refund_id"
    refund_id: str
    payment_id: str
    amount_minor: int
    currency: str


class RefundDecided(Event):
    type = "payment.refund.decided"
    category = Category.BILLING
    subject = "refund_id"
    refund_id: str
    payment_id: str
    approved: bool


class PaymentDisputed(Event):
    """The payer's bank questions a payment; `state` is the gateway's word (open, under_review, won, lost, closed)."""

    type = "payment.disputed"
    category = Category.BILLING
    priority = Priority.HIGH
    subject = "payment_id"
    payment_id: str
    dispute_id: str
    state: str
    amount_minor: int
    currency: str


class PaymentHeld(Event):
    """A rule wants somebody to look at a payment first; `reasons` names the rules."""

    type = "payment.held"
    category = Category.BILLING
    priority = Priority.HIGH
    subject = "payment_id"
    hold_id: str
    payment_id: str
    reasons: tuple[str, ...]


class PaymentHoldDecided(Event):
    """Somebody looked at a held payment."""

    type = "payment.hold.decided"
    category = Category.BILLING
    subject = "payment_id"
    hold_id: str
    payment_id: str
    released: bool


class ReconciliationFinished(Event):
    """A gateway's list was compared with the books; `exceptions` counts what does not fit."""

    type = "payment.reconciliation.finished"
    category = Category.BILLING
    subject = "run_id"
    run_id: str
    lines: int
    exceptions: int


class BillingPaymentCreated(Event):
    type = "billing.payment.created"
    category = Category.BILLING
    subject = "payment_id"
    payment_id: str
    patient_id: str
    invoice_id: str | None
    provider: str
    amount_minor: int
    currency: str


class BillingPaymentUpdated(Event):
    type = "billing.payment.updated"
    category = Category.BILLING
    subject = "payment_id"
    payment_id: str
    status: str


class WebhookRefused(Event):
    """Somebody posted a webhook whose signature does not hold. Nothing of it was stored.

    `count`: how many came from there in this minute so far; not every one of many has an event of its own.
    """

    type = "payment.webhook.refused"
    category = Category.SECURITY
    priority = Priority.HIGH
    gateway: str
    address: str | None
    size: int
    count: int = 1
