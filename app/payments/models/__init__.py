"""Payments, the gateway's attempts at them, the operations we asked for, refunds, and the webhook inbox."""

from app.payments.models.disputes import Dispute, DisputeState
from app.payments.models.holds import HoldReason, HoldStatus, PaymentHold
from app.payments.models.operations import OperationKind, OperationStatus, PaymentOperation
from app.payments.models.payments import CHEQUE_RETURNED, DESK, Payment, PaymentAttempt, PaymentStatus, TenderKind
from app.payments.models.reconciliation import (
    ExceptionKind,
    ExceptionStatus,
    ReconciliationException,
    ReconciliationRun,
    RunStatus,
    Settlement,
    SettlementEntry,
)
from app.payments.models.refunds import ORIGINAL, Refund, RefundStatus
from app.payments.models.saved_methods import GatewayCustomer, PaymentMethod
from app.payments.models.webhooks import WebhookEvent, WebhookStatus

__all__ = [
    "CHEQUE_RETURNED",
    "DESK",
    "ORIGINAL",
    "Dispute",
    "DisputeState",
    "ExceptionKind",
    "ExceptionStatus",
    "GatewayCustomer",
    "HoldReason",
    "HoldStatus",
    "OperationKind",
    "OperationStatus",
    "Payment",
    "PaymentAttempt",
    "PaymentHold",
    "PaymentMethod",
    "PaymentOperation",
    "PaymentStatus",
    "ReconciliationException",
    "ReconciliationRun",
    "Refund",
    "RefundStatus",
    "RunStatus",
    "Settlement",
    "SettlementEntry",
    "TenderKind",
    "WebhookEvent",
    "WebhookStatus",
]
