"""A Razorpay account, and the entities that its API answers with."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import ProviderError
from app.payments.gateways.base import CheckoutRequest, Customer, RefundRequest
from app.payments.gateways.razorpay import Razorpay, RazorpayCredentials
from tests.scripted_server import PATIENCE, Behaviour, answer

KEYS = {"key_id": "rzp_test_abc", "key_secret": "secret-of-the-key", "webhook_secret": "secret-of-the-webhook"}
PAISE_500 = Money(50000, "INR")
REQUEST = CheckoutRequest(
    reference="attempt-1",
    amount=PAISE_500,
    description="Visit",
    callback_url="https://console.test/return",
    cancel_url="https://console.test/cancel",
    payee="Sunrise Clinic",
    customer=Customer(name="Asha Rao", email="asha@example.org", phone="+919876543210"),
    notes={"clinic": "c1"},
)
REFUND = RefundRequest("pay_1", Money(20000, "INR"), key="refund-key-0001", reference="refund-1")
ORDER = {
    "id": "order_1",
    "entity": "order",
    "amount": 50000,
    "amount_paid": 0,
    "currency": "INR",
    "receipt": "attempt-1",
    "status": "created",
    "notes": [],
    "created_at": 1767225600,
}


def payment_entity(**changes: Any) -> dict[str, Any]:
    entity = {
        "id": "pay_1",
        "entity": "payment",
        "amount": 50000,
        "currency": "INR",
        "status": "captured",
        "order_id": "order_1",
        "captured": True,
        "amount_refunded": 0,
        "refund_status": None,
        "method": "upi",
        "fee": 1180,
        "tax": 180,
        "error_code": None,
        "error_description": None,
        "error_reason": None,
        "created_at": 1767225600,
    }
    return {**entity, **changes}


def refund_entity(**changes: Any) -> dict[str, Any]:
    entity = {"id": "rfnd_1", "payment_id": "pay_1", "amount": 20000, "currency": "INR", "status": "processed"}
    return {**entity, "receipt": "refund-1", "acquirer_data": {"arn": "10000000000000"}, **changes}


def refusal(status: int, **error: Any) -> Behaviour:
    return answer(status, {"error": {"code": "BAD_REQUEST_ERROR", "description": "No.", **error}})


def open_gateway(url: str) -> Razorpay:
    return Razorpay(RazorpayCredentials.load(KEYS), base_url=url, timeouts=PATIENCE)


def failure_of(call: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        call()
    return caught.value
