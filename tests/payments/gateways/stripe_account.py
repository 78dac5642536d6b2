"""A Stripe account, and the entities that its API answers with."""

from __future__ import annotations

from typing import Any

from app.core.money import Money
from app.payments.gateways.base import CheckoutRequest, Customer, RefundRequest
from app.payments.gateways.stripe import Stripe, StripeCredentials
from app.payments.gateways.stripe_wire import REFERENCE
from tests.scripted_server import PATIENCE, Behaviour, answer

SECRET_KEY = "sk_test_Console1"
WEBHOOK_SECRET = "whsec_console"
KEYS = {"secret_key": SECRET_KEY, "webhook_secret": WEBHOOK_SECRET}
RUPEES_500 = Money(50000, "INR")
REQUEST = CheckoutRequest(
    reference="attempt-1",
    amount=RUPEES_500,
    description="Visit",
    callback_url="https://console.test/return",
    cancel_url="https://console.test/cancel",
    payee="Sunrise Clinic",
    customer=Customer(name="Asha Rao", email="asha@example.org", phone="+919876543210"),
    notes={"clinic": "c1"},
)
REFUND = RefundRequest("pi_1", Money(20000, "INR"), key="refund-key-0001", reference="refund-1")
ENTRY = {
    "id": "txn_1", "amount": 50000, "currency": "inr", "type": "charge", "reporting_category": "charge", "fee": 1180,
    "net": 48820, "fee_details": [{"type": "stripe_fee", "amount": 1000}, {"type": "tax", "amount": 180}],
}  # fmt: skip


def session_entity(**changes: Any) -> dict[str, Any]:
    entity = {
        "id": "cs_1", "object": "checkout.session", "mode": "payment", "status": "open", "payment_status": "unpaid",
        "amount_total": 50000, "currency": "inr", "client_reference_id": "attempt-1", "payment_intent": None,
        "url": "https://checkout.stripe.test/c/pay/cs_1", "created": 1767225600,
        "metadata": {REFERENCE: "attempt-1"},
    }  # fmt: skip
    return {**entity, **changes}


def charge_entity(**changes: Any) -> dict[str, Any]:
    entity = {
        "id": "ch_1", "amount": 50000, "amount_captured": 50000, "amount_refunded": 0, "currency": "inr",
        "status": "succeeded", "captured": True, "balance_transaction": ENTRY,
        "payment_method_details": {"type": "card", "card": {"brand": "visa", "last4": "4242"}},
    }  # fmt: skip
    return {**entity, **changes}


def intent_entity(**changes: Any) -> dict[str, Any]:
    entity = {
        "id": "pi_1", "object": "payment_intent", "amount": 50000, "amount_received": 50000, "currency": "inr",
        "status": "succeeded", "latest_charge": charge_entity(), "last_payment_error": None,
        "payment_method_types": ["card", "link"], "created": 1767225600, "metadata": {REFERENCE: "attempt-1"},
    }  # fmt: skip
    return {**entity, **changes}


def refund_entity(**changes: Any) -> dict[str, Any]:
    entity = {
        "id": "re_1", "object": "refund", "payment_intent": "pi_1", "amount": 20000, "currency": "inr",
        "status": "succeeded", "metadata": {REFERENCE: "refund-1"},
        "destination_details": {"type": "card", "card": {"reference": "10000000000000"}},
    }  # fmt: skip
    return {**entity, **changes}


def listed(*entities: dict[str, Any], has_more: bool = False) -> Behaviour:
    return answer(200, {"object": "list", "data": list(entities), "has_more": has_more})


def refusal(status: int, **error: Any) -> Behaviour:
    return answer(status, {"error": {"type": "invalid_request_error", "message": "No.", **error}})


def open_gateway(url: str, **more: str) -> Stripe:
    return Stripe(StripeCredentials.load({**KEYS, **more}), base_url=url, timeouts=PATIENCE)
