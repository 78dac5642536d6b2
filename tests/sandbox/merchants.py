"""What a test needs to act as a merchant, a clinic's webhook address or a patient's browser."""

from __future__ import annotations

import json
from typing import Any

import razorpay
import requests

from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Received, Server
from tests.waiting import wait_until

KEY_ID = "rzp_test_Sunrise1"
KEY_SECRET = "sunrise-key-secret"
WEBHOOK_SECRET = "sunrise-webhook-secret"


def received(clinic: Server, count: int) -> list[Received]:
    """The webhooks, once so many have come."""
    wait_until(lambda: len(clinic.received) >= count)
    return list(clinic.received)


def events(calls: list[Received]) -> list[str]:
    return [json.loads(call.body)["event"] for call in calls]


class TestMerchant:
    """One Razorpay account over the vendor's SDK and over plain HTTP."""

    __test__ = False

    def __init__(
        self, sandbox: RunningSandbox, webhook_url: str | None = None, *, register: bool = True, **account: Any
    ) -> None:
        self.sandbox = sandbox
        secrets = {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET}
        if register:
            sandbox.account("razorpay", **secrets, webhookUrl=webhook_url, **account)
        self.sdk = razorpay.Client(auth=(KEY_ID, KEY_SECRET), base_url=sandbox.razorpay_url)

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        return self.sandbox.request(method, f"/razorpay/v1{path}", auth=(KEY_ID, KEY_SECRET), **options)

    def order(self, amount: int = 80_000, **fields: Any) -> Json:
        response = self.call("POST", "/orders", json={"amount": amount, "currency": "INR", **fields})
        assert response.status_code == 200, response.text
        order: Json = response.json()
        return order

    def paid(self, amount: int = 80_000, **fields: Any) -> str:
        """The id of a captured payment."""
        payment_id: str = self.sandbox.pay(self.order(amount, **fields)["id"])["paymentId"]
        return payment_id

    def payment(self, payment_id: str) -> Json:
        payment: Json = self.call("GET", f"/payments/{payment_id}").json()
        return payment

    def refund(self, payment_id: str, key: str | None = None, **body: Any) -> requests.Response:
        headers = {"X-Refund-Idempotency": key} if key else {}
        return self.call("POST", f"/payments/{payment_id}/refund", json=body, headers=headers)
