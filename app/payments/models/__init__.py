"""Payments, the gateway's attempts at them, the operations we asked for, refunds, and the webhook inbox."""

from app.payments.models.operations import OperationKind, OperationStatus, PaymentOperation
from app.payments.models.payments import DESK, Payment, PaymentAttempt, PaymentStatus, TenderKind
from app.payments.models.refunds import ORIGINAL, Refund, RefundStatus
from app.payments.models.webhooks import WebhookEvent, WebhookStatus

__all__ = [
    "DESK",
    "ORIGINAL",
    "OperationKind",
    "OperationStatus",
    "Payment",
    "PaymentAttempt",
    "PaymentOperation",
    "PaymentStatus",
    "Refund",
    "RefundStatus",
    "TenderKind",
    "WebhookEvent",
    "WebhookStatus",
]
