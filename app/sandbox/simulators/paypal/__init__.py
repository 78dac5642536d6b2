"""PayPal: orders with an approval page, captures, reservations, refunds, disputes and transaction search."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.documents import Entity
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.sandbox import Sandbox, current_sandbox
from app.sandbox.simulators.paypal import api, checkout, disputes, errors, money, payments, refunds, statement
from app.sandbox.simulators.paypal.merchant import CODE, PayPalAccount, webhook_headers
from app.sandbox.simulators.paypal.pages import pages
from app.sandbox.timers import Timer

REFUND_ENDS = ("processed", "failed")


class PayPal:
    """Wire facts: api-m.paypal.com as the vendor's specifications have it."""

    code = CODE
    account_schema = PayPalAccount
    extra_faults = api.FAULTS + payments.FAULTS + refunds.FAULTS
    spared_operations = api.OPEN_TO_ALL

    def blueprints(self) -> tuple[Blueprint, ...]:
        return api.api, pages

    def account_of_request(self) -> str:
        return api.claimed_client_id()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return errors.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, PayPalAccount)
        return webhook_headers(current_sandbox(), account, body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        if timer.name == "settle_refund":
            refunds.settle_refund(sandbox, timer.body["refund_id"], timer.body["status"])
        elif timer.name == "complete_capture":
            payments.complete_capture(sandbox, timer.body["capture_id"])

    def checkout(self, sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
        return checkout.checkout(sandbox, order_id, command)

    def settle(self, sandbox: Sandbox, command: dict[str, Any]) -> list[Entity]:
        return statement.settle(sandbox, command)

    def money(self, sandbox: Sandbox, kind: str, limit: int) -> list[dict[str, Any]]:
        return money.rows(sandbox.documents, kind, limit)

    def settle_refund(self, sandbox: Sandbox, refund_id: str, status: str) -> Entity:
        if status not in REFUND_ENDS:
            raise SandboxError(f"status must be one of {', '.join(REFUND_ENDS)}")
        try:
            return refunds.settle_refund(sandbox, refund_id, status)
        except errors.PayPalError:
            raise UnknownRecord(f"no refund {refund_id}") from None

    def dispute(self, sandbox: Sandbox, command: dict[str, Any]) -> Entity:
        return disputes.dispute(sandbox, command)
