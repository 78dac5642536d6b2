"""Amazon SES, API version 2: mail over HTTP, and events through an SNS topic."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from pydantic import Field

from app.sandbox.accounts import Account
from app.sandbox.errors import SandboxError, UnknownRecord
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.aws import ses_api, ses_events
from app.sandbox.simulators.aws.account import AwsAccount
from app.sandbox.simulators.aws.notices import confirmation, headers_of
from app.sandbox.timers import Timer
from app.sandbox.webhooks import Notice


class SesAccount(AwsAccount):
    """`identities` None has every sender verified; without a `configuration_set` in the call nothing is told."""

    topic_arn: str = Field("arn:aws:sns:us-east-1:123456789012:ses-events", pattern=r"^arn:aws:sns:[\w-]+:\d{12}:\S+$")
    configuration_set: str = "console"
    identities: tuple[str, ...] | None = None
    sending_enabled: bool = True
    delivery_seconds: float = Field(0.3, ge=0, le=60)


class Ses:
    """Wire facts: email.<region>.amazonaws.com as botocore's service model has it."""

    code = ses_api.CODE
    account_schema = SesAccount
    extra_faults: tuple[str, ...] = ()
    spared_operations = ("fetch_certificate", "fetch_root", "confirm_subscription")

    def blueprints(self) -> tuple[Blueprint, ...]:
        return (ses_api.api,)

    def account_of_request(self) -> str:
        return ses_api.claimed_key()

    def fault_answer(self, fault: str, retry_after: float) -> Response:
        return ses_api.fault_answer(fault, retry_after)

    def sign_webhook(self, account: Account, body: bytes, event_id: str) -> dict[str, str]:
        """The signature is inside the envelope."""
        return headers_of(body)

    def on_timer(self, sandbox: Sandbox, timer: Timer) -> None:
        raise LookupError(f"SES sets no timer {timer.name}")

    def report(self, sandbox: Sandbox, message: dict[str, Any], event: str) -> list[str]:
        if event not in ses_events.EVENTS:
            raise SandboxError(f"event must be one of {', '.join(ses_events.EVENTS)}")
        account = sandbox.accounts.find(self.code, message["account"])
        if not isinstance(account, SesAccount):
            raise UnknownRecord("the account of this mail is gone")
        return ses_events.announce(sandbox, account, message, [event])

    def verify_webhook(self, sandbox: Sandbox, command: dict[str, Any]) -> dict[str, Any]:
        """Subscribes the address: SNS asks it to confirm."""
        account = sandbox.accounts.find(self.code, str(command.get("account")))
        if not isinstance(account, SesAccount) or not account.webhook_url:
            raise UnknownRecord("no such key with a webhook address")
        body = confirmation(sandbox.store, sandbox.origin, account.topic_arn)
        notice = Notice("subscription.confirmation", random_text(16), body, headers_of(body))
        return {"announced": sandbox.announce(self.code, account, random_text(8), [notice])}
