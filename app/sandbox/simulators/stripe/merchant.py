"""One Stripe account at work: its entities, and the signed events that tell about them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from app.sandbox import clock
from app.sandbox.accounts import Account
from app.sandbox.documents import EVERYTHING, Entity
from app.sandbox.ids import random_text
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.stripe.errors import missing
from app.sandbox.webhooks import Notice

CODE = "stripe"
API_VERSION = "2026-10-28.endive"
SESSION, INTENT = "checkout.session", "payment_intent"
Event = tuple[str, Entity]
Entities = list[Entity]


class StripeAccount(Account):
    """`refund_seconds`: refunds stay pending for so long before they succeed; 0 = at once."""

    identity_field: ClassVar[str] = "account_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("secret_key", "webhook_secret", "previous_webhook_secret")

    account_id: str = Field(pattern=r"^acct_\w+$")
    secret_key: str = Field(pattern=r"^(sk|rk)_(test|live)_\w+$")
    webhook_secret: str | None = Field(None, min_length=1)
    previous_webhook_secret: str | None = Field(None, min_length=1)
    refund_seconds: float = Field(0, ge=0, le=3600)

    @property
    def livemode(self) -> bool:
        return "_live_" in self.secret_key


@dataclass(frozen=True)
class Merchant:
    """An account and the sandbox that it lives in. Fields that start with "_" are ours, never shown."""

    account: StripeAccount
    sandbox: Sandbox

    def put(self, entity: Entity, *, parent: str = "") -> Entity:
        return self.sandbox.documents.put(
            f"{CODE}.{entity['object']}", entity, account=self.account.account_id, parent=parent
        )

    def find(self, kind: str, id: str) -> Entity | None:
        return self.sandbox.documents.get(f"{CODE}.{kind}", id, account=self.account.account_id)

    def get(self, kind: str, id: str, param: str = "id") -> Entity:
        """Raises StripeError for an unknown id and for another account's."""
        found = self.find(kind, id)
        if found is None:
            raise missing(kind, id, param)
        return found

    def every(self, kind: str) -> Entities:
        """Oldest first."""
        return self.sandbox.documents.each_of_account(f"{CODE}.{kind}", self.account.account_id)

    def children(self, kind: str, parent: str) -> Entities:
        """Newest first."""
        return self.sandbox.documents.of_parent(f"{CODE}.{kind}", parent, EVERYTHING)

    def new(self, kind: str, prefix: str, **fields: Any) -> Entity:
        """An entity that is not kept yet."""
        id = f"{prefix}_{random_text(24)}"
        return {"id": id, "object": kind, "created": clock.timestamp(), "livemode": self.account.livemode, **fields}

    def announce(self, lane: str, *events: Event) -> list[str]:
        """Webhooks with the entities as they are now; later changes do not reach them."""
        notices = [self._notice(name, entity) for name, entity in events]
        return self.sandbox.announce(CODE, self.account, lane, notices)

    def _notice(self, name: str, entity: Entity) -> Notice:
        event = self.new(
            "event", "evt", api_version=API_VERSION, data={"object": shown(entity)}, pending_webhooks=1,
            request={"id": None, "idempotency_key": None}, type=name,
        )  # fmt: skip
        self.put(event)
        body = json.dumps(event, indent=2).encode()  # the vendor's own layout: another dump has other bytes
        return Notice(name, event["id"], body, webhook_headers(self.account, body))


def shown(entity: Entity) -> Entity:
    return {name: value for name, value in entity.items() if not name.startswith("_")}


def account_with_key(sandbox: Sandbox, key: str) -> StripeAccount | None:
    """The account of a secret key, each compared in constant time."""
    for provider, account in sandbox.accounts.all():
        if provider == CODE and isinstance(account, StripeAccount) and _same(account.secret_key, key):
            return account
    return None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())


def owner_of(sandbox: Sandbox, kind: str, id: str) -> Merchant:
    """The merchant that an entity belongs to. Raises StripeError for an unknown id."""
    account_id = sandbox.documents.owner(f"{CODE}.{kind}", id)
    account = sandbox.accounts.find(CODE, account_id) if account_id else None
    if not isinstance(account, StripeAccount):
        raise missing(kind, id)
    return Merchant(account, sandbox)


def webhook_headers(
    account: StripeAccount, body: bytes, at: int | None = None, now: Callable[[], int] = clock.timestamp
) -> dict[str, str]:
    """Signed with every secret that is valid now; unsigned where none is set."""
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (+https://stripe.com)"}
    secrets = [secret for secret in (account.webhook_secret, account.previous_webhook_secret) if secret]
    if secrets:
        headers["Stripe-Signature"] = signature(body, secrets, now() if at is None else at)
    return headers


def signature(body: bytes, secrets: list[str], at: int) -> str:
    """`t=...,v1=...`: one v1 per secret, and a v0 as the vendor adds in test mode."""
    message = f"{at}.".encode() + body
    made = [hmac.new(secret.encode(), message, hashlib.sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at}", *(f"v1={one}" for one in made), f"v0={hashlib.sha256(message).hexdigest()}"])
