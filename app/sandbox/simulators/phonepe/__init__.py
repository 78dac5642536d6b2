"""PhonePe: access tokens, Standard Checkout orders with a hosted page, refunds, settlements and webhooks."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.errors import SandboxError
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.phonepe import api, checkout, errors, refunds, settlements, tokens
from app.sandbox.simulators.phonepe.account import CODE, PhonePeAccount
from app.sandbox.simulators.phonepe.merchant import merchant_of
from app.sandbox.simulators.phonepe.pages import pages
from app.sandbox.simulators.phonepe.signatures import webhook_headers
from app.sandbox.timers import Timer


class PhonePe:
    """Wire facts: developer.phonepe.com (Standard Checkout v2, settlements) and the vendor's Python SDK."""

    code = CODE
    account_schema = PhonePeAccount
    extra_faults = refunds.FAULTS
    # Calls that only prepare another one: a fault must name them to hit them.
    spared_operations = ("issue_token",)

    def blueprints(self) -> tuple[Blueprint, ...]:
        return api.api, pages

    def account_of_request(self) -> str:
        return tokens.claimed_client_id()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return errors.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, PhonePeAccount)
        return webhook_headers(account, body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        merchant = merchant_of(sandbox, timer.body["client_id"])
        if timer.name == "settle_refund":
            refunds.settle_refund(merchant, timer.body["refund_id"], timer.body["state"])
        elif timer.name == "expire_order":
            checkout.expire_order(merchant, timer.body["order_id"])

    def checkout(self, sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
        return checkout.checkout(sandbox, order_id, command)

    def settle(self, sandbox: Sandbox, command: dict[str, Any]) -> list[dict[str, Any]]:
        return settlements.settle(sandbox, command)

    def settle_refund(self, sandbox: Sandbox, refund_id: str, status: str) -> dict[str, Any]:
        return refunds.end_refund(sandbox, refund_id, status)

    def dispute(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        """The vendor documents no way in which a merchant learns of one."""
        raise SandboxError("PhonePe tells merchants of no disputes")
