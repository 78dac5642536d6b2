"""What a merchant sets up on PhonePe's dashboard."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from app.sandbox.accounts import Account

CODE = "phonepe"


class PhonePeAccount(Account):
    """`refund_seconds`: how long refunds stay pending; `token_seconds`: how long an access token lives;
    `clock_ahead`: seconds by which the vendor's clock differs from ours, as its tokens show it.

    Webhooks go out by `webhook_scheme`; without one by HMAC where there is a secret, by X-VERIFY where there is only a
    salt key, and else with the default header.
    """

    identity_field: ClassVar[str] = "client_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("client_secret", "webhook_password", "hmac_secret", "salt_key")

    client_id: str = Field(pattern=r"^[\w-]+$")
    client_secret: str = Field(min_length=1)
    client_version: int = Field(1, ge=1)
    merchant_id: str = Field("SANDBOXMERCHANT", pattern=r"^\w+$")
    webhook_username: str | None = Field(None, pattern=r"^\w{5,20}$")
    webhook_password: str | None = Field(None, min_length=8, max_length=20)
    hmac_secret: str | None = Field(None, min_length=1)
    salt_key: str | None = Field(None, min_length=1)
    salt_index: int = Field(1, ge=1)
    webhook_scheme: Literal["hmac", "sha", "v1"] | None = None
    refund_seconds: float = Field(0, ge=0, le=3600)
    token_seconds: int = Field(3600, ge=1, le=86400)
    clock_ahead: int = 0

    @property
    def scheme(self) -> str:
        if self.webhook_scheme is not None:
            return self.webhook_scheme
        if self.hmac_secret:
            return "hmac"
        return "v1" if self.salt_key and not self.webhook_username else "sha"
