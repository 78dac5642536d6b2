"""One Razorpay account at work: its entities, and the webhooks that tell about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from app.sandbox import clock
from app.sandbox.accounts import Account
from app.sandbox.documents import EVERYTHING, Entity, Page
from app.sandbox.ids import prefixed
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.razorpay.errors import unknown_id
from app.sandbox.simulators.razorpay.signatures import sign
from app.sandbox.webhooks import Notice

CODE = "razorpay"
Entities = list[Entity]
Names = list[str]
Event = tuple[str, dict[str, Entity]]


class RazorpayAccount(Account):
    """`refund_seconds`: refunds stay pending for so long before they are processed; 0 = at once."""

    identity_field: ClassVar[str] = "key_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("key_secret", "webhook_secret")

    key_id: str = Field(pattern=r"^rzp_(test|live)_\w+$")
    key_secret: str = Field(min_length=1)
    webhook_secret: str | None = Field(None, min_length=1)
    refund_seconds: float = Field(0, ge=0, le=3600)


@dataclass(frozen=True)
class Merchant:
    """An account and the sandbox that it lives in."""

    account: RazorpayAccount
    sandbox: Sandbox

    def put(self, entity: Entity, *, kind: str | None = None, parent: str = "") -> Entity:
        """The vendor's `entity` field is the kind, where there is one."""
        name = f"{CODE}.{kind or entity['entity']}"
        return self.sandbox.documents.put(name, entity, account=self.account.key_id, parent=parent)

    def find(self, kind: str, id: str) -> Entity | None:
        return self.sandbox.documents.get(f"{CODE}.{kind}", id, account=self.account.key_id)

    def get(self, kind: str, id: str) -> Entity:
        """Raises RazorpayError for an unknown id and for another account's."""
        found = self.find(kind, id)
        if found is None:
            raise unknown_id()
        return found

    def list(self, kind: str, page: Page, *, field: str = "id", value: str | None = None) -> Entities:
        """Newest first."""
        documents = self.sandbox.documents
        return documents.of_account(f"{CODE}.{kind}", self.account.key_id, page, field=field, value=value)

    def every(self, kind: str) -> Entities:
        """Oldest first."""
        return self.sandbox.documents.each_of_account(f"{CODE}.{kind}", self.account.key_id)

    def children(self, kind: str, parent: str, page: Page = EVERYTHING) -> Entities:
        """Newest first."""
        return self.sandbox.documents.of_parent(f"{CODE}.{kind}", parent, page)

    def announce(self, lane: str, *events: Event) -> Names:
        """Webhooks with the entities as they are now; later changes do not reach them."""
        notices = [_notice(self.account, name, payload) for name, payload in events]
        return self.sandbox.announce(CODE, self.account, lane, notices)


def owner_of(sandbox: Sandbox, kind: str, id: str) -> Merchant:
    """The merchant that an entity belongs to. Raises RazorpayError for an unknown id."""
    key_id = sandbox.documents.owner(f"{CODE}.{kind}", id)
    account = sandbox.accounts.find(CODE, key_id) if key_id else None
    if not isinstance(account, RazorpayAccount):
        raise unknown_id()
    return Merchant(account, sandbox)


def webhook_headers(account: RazorpayAccount, body: bytes, event_id: str) -> dict[str, str]:
    """Unsigned where no webhook secret is set, as the vendor does."""
    headers = {
        "Content-Type": "application/json", "User-Agent": "Razorpay-Webhook/v1", "x-razorpay-event-id": event_id,
    }  # fmt: skip
    if account.webhook_secret:
        headers["X-Razorpay-Signature"] = sign(account.webhook_secret, body)
    return headers


def _notice(account: RazorpayAccount, event: str, payload: dict[str, Entity]) -> Notice:
    event_id = prefixed("evt").removeprefix("evt_")
    body = wire_json(
        {
            "entity": "event", "account_id": f"acc_{account.key_id.rpartition('_')[2][:14]}", "event": event,
            "contains": list(payload), "payload": {name: {"entity": entity} for name, entity in payload.items()},
            "created_at": clock.timestamp(),
        }
    )  # fmt: skip
    return Notice(event, event_id, body, webhook_headers(account, body, event_id))


def wire_json(value: Any) -> bytes:
    """As PHP encodes it, slashes escaped: a receiver that parses and dumps again gets other bytes."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/").encode()
