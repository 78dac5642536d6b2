"""Razorpay: orders, hosted checkout, payments, refunds, payment links, settlements and disputes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay import api, checkout, disputes, errors, links, refunds, settlements
from app.sandbox.simulators.razorpay.merchant import CODE, RazorpayAccount, owner_of, webhook_headers
from app.sandbox.simulators.razorpay.pages import pages
from app.sandbox.timers import Timer

REFUND_ENDS = ("processed", "failed")


class Razorpay:
    """Wire facts: api.razorpay.com/v1 as its documentation and SDK have it."""

    code = CODE
    account_schema = RazorpayAccount
    extra_faults = refunds.FAULTS

    def blueprints(self) -> tuple[Blueprint, ...]:
        return api.api, pages

    def account_of_request(self) -> str:
        return api.claimed_key_id()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return errors.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, RazorpayAccount)
        return webhook_headers(account, body, event_id)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        if timer.name == "settle_refund":
            refunds.settle_refund(sandbox, timer.body["refund_id"], timer.body["status"])
        elif timer.name == "expire_link":
            links.expire_link(owner_of(sandbox, links.KIND, timer.body["link_id"]), timer.body["link_id"])

    def checkout(self, sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
        return checkout.checkout(sandbox, order_id, command)

    def settle(self, sandbox: Sandbox, command: dict[str, Any]) -> list[dict[str, Any]]:
        return settlements.settle(sandbox, command)

    def settle_refund(self, sandbox: Sandbox, refund_id: str, status: str) -> dict[str, Any]:
        if status not in REFUND_ENDS:
            raise SandboxError(f"status must be one of {', '.join(REFUND_ENDS)}")
        try:
            return refunds.settle_refund(sandbox, refund_id, status)
        except errors.RazorpayError:
            raise UnknownRecord(f"no refund {refund_id}") from None

    def dispute(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return disputes.dispute(sandbox, command)
