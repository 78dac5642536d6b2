"""A Twilio account."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from app.sandbox.accounts import Account

CODE = "twilio"


class TwilioAccount(Account):
    """`webhook_url` takes what people write; statuses go to the address that each message names. `senders` None lets
    every number send.
    """

    identity_field: ClassVar[str] = "account_sid"
    secret_fields: ClassVar[tuple[str, ...]] = ("auth_token", "api_key_secret", "shared_secret")

    account_sid: str = Field(pattern=r"^AC[0-9a-fA-F]{32}$")
    auth_token: str = Field(min_length=1)
    api_key_sid: str | None = None
    api_key_secret: str | None = None
    shared_secret: str | None = None
    friendly_name: str = "Clinic"
    status: str = "active"
    senders: tuple[str, ...] | None = None
    templates: tuple[str, ...] | None = None
    enforce_window: bool = False
    read_receipts: bool = False
    delivery_seconds: float = Field(0.3, ge=0, le=60)
