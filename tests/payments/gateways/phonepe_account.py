"""A PhonePe account, and the documents that its API answers with."""

from __future__ import annotations

import itertools
from typing import Any

from app.core.money import Money
from app.core.providers import Timeouts
from app.payments.gateways.base import CheckoutRequest, RefundRequest
from app.payments.gateways.phonepe import PhonePe
from tests.scripted_server import PATIENCE, Behaviour, Server, answer

RUPEES_500 = Money(50000, "INR")
REQUEST = CheckoutRequest(
    reference="attempt-1",
    amount=RUPEES_500,
    description="Visit",
    callback_url="https://console.test/return",
    cancel_url="https://console.test/cancel",
)
REFUND = RefundRequest("OM1", Money(20000, "INR"), key="refund-key-0001", reference="refund-1")
OPENED = {
    "orderId": "OMO1",
    "state": "PENDING",
    "expireAt": 1767229200000,
    "redirectUrl": "https://mercury.test/transact?token=t",
}
_accounts = itertools.count()


def token(value: str = "token-1", issued_at: int = 1767225600, seconds: int = 3600) -> Behaviour:
    times = {"issued_at": issued_at, "expires_at": issued_at + seconds, "expires_in": seconds}
    return answer(200, {"access_token": value, "token_type": "O-Bearer", **times})


def attempt(**changes: Any) -> dict[str, Any]:
    document = {
        "transactionId": "OM1",
        "paymentMode": "UPI_INTENT",
        "timestamp": 1767225600123,
        "amount": 50000,
        "payableAmount": 50000,
        "feeAmount": 0,
        "state": "COMPLETED",
    }
    return {**document, **changes}


def order(*attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document = {"orderId": "OMO1", "merchantOrderId": "attempt-1", "state": "PENDING", "amount": 50000}
    return {**document, "paymentDetails": list(attempts), **changes}


def refund(**changes: Any) -> dict[str, Any]:
    document = {"merchantRefundId": "refund-1", "originalMerchantOrderId": "attempt-1", "refundId": "OMR1"}
    return {**document, "amount": 20000, "state": "PENDING", "timestamp": 1767225600123, **changes}


def refusal(status: int, code: str = "BAD_REQUEST", message: str = "No.") -> Behaviour:
    return answer(status, {"code": code, "message": message, "data": {}})


def open_gateway(url: str, timeouts: Timeouts = PATIENCE, **changes: Any) -> PhonePe:
    """An account of its own: tokens are kept per account and process."""
    values = {"client_id": f"CLIENT_{next(_accounts)}", "client_secret": "client-secret", **changes}
    return PhonePe.open(values, base_url=url, timeouts=timeouts)


def paths(server: Server) -> list[str]:
    return [f"{call.method} {call.path}" for call in server.received]
