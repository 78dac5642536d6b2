"""A mail agent: who may send with which token, and where its events go."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from app.sandbox.accounts import Account

CODE = "zeptomail"


class ZeptoMailAccount(Account):
    """`domains` None has every sender's domain verified. `form_webhooks` posts events in the field of a form."""

    identity_field: ClassVar[str] = "mail_agent"
    secret_fields: ClassVar[tuple[str, ...]] = ("token", "webhook_key", "webhook_authorization")

    mail_agent: str = Field(pattern=r"^[\w-]+$")
    token: str = Field(min_length=1)
    webhook_key: str | None = None
    webhook_authorization: str | None = None
    webhook_encoding: Literal["json", "form"] = "json"
    delivery_seconds: float = Field(0.3, ge=0, le=60)
    domains: tuple[str, ...] | None = None
