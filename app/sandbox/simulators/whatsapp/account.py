"""A WhatsApp business phone number, and the webhooks of its app."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from app.sandbox import clock
from app.sandbox.accounts import Account
from app.sandbox.ids import random_text
from app.sandbox.webhooks import Notice

CODE = "whatsapp"


class KnownTemplate(BaseModel):
    """A message template as the business manager lists it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    language: str = "en"
    status: str = "APPROVED"


class WhatsAppAccount(Account):
    """`enforce_window`: free-form messages need an inbound one within 24 h. `templates` None knows every name."""

    identity_field: ClassVar[str] = "phone_number_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("access_token", "app_secret", "verify_token")

    phone_number_id: str = Field(pattern=r"^\d+$")
    access_token: str = Field(min_length=1)
    app_secret: str | None = Field(None, min_length=1)
    verify_token: str | None = None
    display_phone_number: str = "15550001234"
    verified_name: str = "Clinic"
    business_account_id: str = "100000000000001"
    enforce_window: bool = False
    read_receipts: bool = False
    delivery_seconds: float = Field(0.3, ge=0, le=60)
    templates: tuple[KnownTemplate, ...] | None = None


def sign(app_secret: str, body: bytes) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def webhook_headers(account: WhatsAppAccount, body: bytes) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "User-Agent": "facebookexternalua"}
    if account.app_secret:
        headers["X-Hub-Signature-256"] = sign(account.app_secret, body)
    return headers


def notice(account: WhatsAppAccount, event: str, value: dict[str, Any], delay: float = 0.0) -> Notice:
    """One change of field `messages`, non-ASCII and slashes escaped as Meta sends them."""
    metadata = {"display_phone_number": account.display_phone_number, "phone_number_id": account.phone_number_id}
    change = {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
    entry = {"id": account.business_account_id, "changes": [change]}
    envelope = {"object": "whatsapp_business_account", "entry": [entry]}
    body = json.dumps(envelope, separators=(",", ":")).replace("/", "\\/").encode()
    return Notice(event, random_text(16), body, webhook_headers(account, body), delay)


def unix_text(delay: float = 0.0) -> str:
    return str(int(clock.seconds() + delay))
