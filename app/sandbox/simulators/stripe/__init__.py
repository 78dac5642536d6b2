"""Stripe: hosted sessions, intents, refunds, saved instruments, payouts and disputes."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe import api, balance, checkout, disputes, errors, keys, overview, refunds, sessions
from app.sandbox.simulators.stripe.merchant import CODE, SESSION, StripeAccount, owner_of, webhook_headers
from app.sandbox.simulators.stripe.pages import pages
from app.sandbox.timers import Timer

# The control route takes Razorpay's word for a refund that arrived, and the vendor's own.
REFUND_ENDS = {"processed": "succeeded", "succeeded": "succeeded", "failed": "failed"}


class Stripe:
    """Wire facts: api.stripe.com/v1 of version 2026-10-28.endive, as its documentation and SDK have it."""

    code = CODE
    account_schema = StripeAccount
    extra_faults = (*refunds.FAULTS, *keys.FAULTS)
    # The time in the signature is that of the delivery: a retry an hour later is signed anew.
    signs_each_delivery = True

    def blueprints(self) -> tuple[Blueprint, ...]:
        return api.api, pages

    def account_of_request(self) -> str:
        return api.claimed_account()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return errors.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, StripeAccount)
        return webhook_headers(account, body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        if timer.name == "settle_refund":
            refunds.settle_refund(sandbox, timer.body["refund_id"], timer.body["status"])
        elif timer.name == "expire_session":
            session_id = timer.body["session_id"]
            sessions.expire_when_due(owner_of(sandbox, SESSION, session_id), session_id)

    def checkout(self, sandbox: Sandbox, order_id: str, command: dict[str, Any]) -> dict[str, Any]:
        return checkout.checkout(sandbox, order_id, command)

    def settle(self, sandbox: Sandbox, command: dict[str, Any]) -> list[dict[str, Any]]:
        return balance.settle(sandbox, command)

    def settle_refund(self, sandbox: Sandbox, refund_id: str, status: str) -> dict[str, Any]:
        if status not in REFUND_ENDS:
            raise SandboxError(f"status must be one of {', '.join(REFUND_ENDS)}")
        try:
            return refunds.settle_refund(sandbox, refund_id, REFUND_ENDS[status])
        except errors.StripeError:
            raise UnknownRecord(f"no refund {refund_id}") from None

    def money(self, sandbox: Sandbox, kind: str, limit: int) -> list[dict[str, Any]]:
        return overview.money_rows(sandbox.documents, kind, limit)

    def dispute(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return disputes.dispute(sandbox, command)
