"""ZeptoMail: mail over HTTP, and the events that follow."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.zeptomail import api, events
from app.sandbox.simulators.zeptomail.account import CODE, ZeptoMailAccount
from app.sandbox.timers import Timer


class ZeptoMail:
    """Wire facts: api.zeptomail.com/v1.1 as its documentation has it."""

    code = CODE
    account_schema = ZeptoMailAccount
    extra_faults: tuple[str, ...] = ()

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (api.api,)

    def account_of_request(self) -> str:
        return api.claimed_agent()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return api.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        assert isinstance(account, ZeptoMailAccount)
        return events.headers(account, body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"ZeptoMail sets no timer {timer.name}")

    def report(self, sandbox: Sandbox, message: dict[str, Any], event: str) -> list[str]:
        return events.report(sandbox, message, event)

    def verify_webhook(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        return events.verify_webhook(sandbox, command)
