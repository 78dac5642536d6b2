"""WhatsApp Cloud API: messages, media, statuses, and people who write back."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.whatsapp import api, errors, handshake, sending
from app.sandbox.simulators.whatsapp.account import CODE, WhatsAppAccount, webhook_headers
from app.sandbox.timers import Timer


class WhatsApp:
    """Wire facts: graph.facebook.com/v<NN>.0 as its documentation has it."""

    code = CODE
    account_schema = WhatsAppAccount
    extra_faults: tuple[str, ...] = ()

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (api.api,)

    def account_of_request(self) -> str:
        return api.claimed_number()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return errors.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, WhatsAppAccount)
        return webhook_headers(account, body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"WhatsApp sets no timer {timer.name}")

    def receive(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return sending.receive(sandbox, command)

    def verify_webhook(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return handshake.verify_webhook(sandbox, command)
