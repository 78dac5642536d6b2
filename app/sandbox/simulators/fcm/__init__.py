"""Firebase Cloud Messaging, HTTP v1, with the token endpoint of Google's service accounts."""

from __future__ import annotations

from flask import Blueprint, Response

from app.sandbox.accounts import Account
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.fcm import api
from app.sandbox.simulators.fcm.account import CODE, FcmAccount
from app.sandbox.timers import Timer


class Fcm:
    """Wire facts: fcm.googleapis.com/v1 as its documentation has it."""

    code = CODE
    account_schema = FcmAccount
    extra_faults: tuple[str, ...] = ()
    spared_operations = ("issue_token", "fetch_service_account")

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (api.api,)

    def account_of_request(self) -> str:
        return api.claimed_project()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return api.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        raise LookupError("Firebase tells nothing later")

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"Firebase sets no timer {timer.name}")
