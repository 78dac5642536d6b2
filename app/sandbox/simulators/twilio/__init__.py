"""Twilio: SMS and WhatsApp over one REST API, status callbacks, and people who write back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.twilio import api, callbacks
from app.sandbox.simulators.twilio.account import CODE, TwilioAccount
from app.sandbox.timers import Timer


class Twilio:
    """Wire facts: api.twilio.com/2010-04-01 as its documentation has it."""

    code = CODE
    account_schema = TwilioAccount
    extra_faults: tuple[str, ...] = ()

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (api.api,)

    def account_of_request(self) -> str:
        return api.claimed_account()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return api.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, TwilioAccount)
        return callbacks.headers(account, account.webhook_url or "", body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"Twilio sets no timer {timer.name}")

    def receive(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return callbacks.receive(sandbox, command)
