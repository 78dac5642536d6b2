"""One PayPal REST app at work: its entities, and the webhooks that tell about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import ClassVar

from pydantic import Field

from app.sandbox.accounts import Account
from app.sandbox.documents import Entity
from app.sandbox.ids import random_text
from app.sandbox.interception import pause
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.paypal import signing
from app.sandbox.simulators.paypal.errors import PayPalError, unknown_id
from app.sandbox.webhooks import Notice

CODE = "paypal"
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"
RESOURCE_TYPES = {
    "CHECKOUT": "checkout-order", "PAYMENT.AUTHORIZATION": "authorization", "PAYMENT.CAPTURE": "capture",
    "PAYMENT.REFUND": "refund", "CUSTOMER.DISPUTE": "dispute",
}  # fmt: skip
LONGEST_KEY = 108
Event = tuple[str, Entity]

_running: set[str] = set()
_running_lock = Lock()


class PayPalAccount(Account):
    """`refund_seconds`: refunds stay PENDING for so long before they are COMPLETED; 0 = at once."""

    identity_field: ClassVar[str] = "client_id"
    secret_fields: ClassVar[tuple[str, ...]] = ("client_secret",)

    client_id: str = Field(min_length=1)
    client_secret: str = Field(min_length=1)
    webhook_id: str | None = Field(None, min_length=1)
    refund_seconds: float = Field(0, ge=0, le=3600)


def new_id() -> str:
    return random_text(17, LETTERS)


def moment() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Merchant:
    """An account and the sandbox that it lives in."""

    account: PayPalAccount
    sandbox: Sandbox

    @property
    def origin(self) -> str:
        return f"{self.sandbox.origin}/{CODE}"

    def put(self, kind: str, entity: Entity, *, parent: str = "") -> Entity:
        return self.sandbox.documents.put(f"{CODE}.{kind}", entity, account=self.account.client_id, parent=parent)

    def get(self, kind: str, id: str) -> Entity:
        """Raises PayPalError for an unknown id and for another account's."""
        found = self.sandbox.documents.get(f"{CODE}.{kind}", id, account=self.account.client_id)
        if found is None:
            raise unknown_id(id)
        return found

    def children(self, kind: str, parent: str) -> list[Entity]:
        """Oldest first."""
        return self.sandbox.documents.of_parent(f"{CODE}.{kind}", parent)[::-1]

    def every(self, kind: str) -> list[Entity]:
        """Oldest first."""
        return self.sandbox.documents.each_of_account(f"{CODE}.{kind}", self.account.client_id)

    def parent(self, kind: str, id: str) -> str:
        return self.sandbox.documents.parent(f"{CODE}.{kind}", id) or ""

    def link(self, rel: str, path: str, method: str = "GET") -> dict[str, str]:
        return {"href": f"{self.origin}{path}", "rel": rel, "method": method}

    def announce(self, lane: str, *events: Event) -> list[str]:
        """Webhooks with the resources as they are now."""
        notices = [_notice(self, event, resource) for event, resource in events]
        return self.sandbox.announce(CODE, self.account, lane, notices)

    def once(self, key: str | None, work: Callable[[], str], show: Callable[[str], Entity]) -> tuple[Entity, int]:
        """Do it and show it (201); for a key that was used before only show how it is now (200).

        A second call with a key that is at work is refused with 409. A `slow` fault lags here: done, but not answered.
        """
        if key is None:
            id = work()
            pause()
            return show(id), 201
        if not 0 < len(key) <= LONGEST_KEY:
            raise PayPalError("INVALID_STRING_LENGTH", "PayPal-Request-Id is too long.", status=400)
        name = f"{self.account.client_id}:{key}"
        with _claimed(f"{id_of(self.sandbox)}:{name}"):
            id, status = self._done(name, work)
            pause()
            return show(id), status

    def _done(self, name: str, work: Callable[[], str]) -> tuple[str, int]:
        documents = self.sandbox.documents
        with self.sandbox.store.transaction():
            known = documents.get(f"{CODE}.request", name)
            if known is not None:
                return known["resource"], 200
            done = work()
            documents.put(f"{CODE}.request", {"id": name, "resource": done}, account=self.account.client_id)
        return done, 201


def id_of(sandbox: Sandbox) -> int:
    """Two sandboxes in one process (tests) must not meet each other's keys."""
    return id(sandbox)


@contextmanager
def _claimed(name: str) -> Iterator[None]:
    with _running_lock:
        if name in _running:
            text = "A previous request on this resource is currently in progress."
            raise PayPalError("PREVIOUS_REQUEST_IN_PROGRESS", text, status=409)
        _running.add(name)
    try:
        yield
    finally:
        with _running_lock:
            _running.discard(name)


def owner_of(sandbox: Sandbox, kind: str, id: str) -> Merchant:
    """The merchant that an entity belongs to. Raises PayPalError for an unknown id."""
    client_id = sandbox.documents.owner(f"{CODE}.{kind}", id)
    account = sandbox.accounts.find(CODE, client_id) if client_id else None
    if not isinstance(account, PayPalAccount):
        raise unknown_id(id)
    return Merchant(account, sandbox)


def webhook_headers(sandbox: Sandbox, account: PayPalAccount, body: bytes) -> dict[str, str]:
    return signing.headers(sandbox.store, sandbox.origin, account.webhook_id or "WEBHOOK_ID", body)


def _notice(merchant: Merchant, event: str, resource: Entity) -> Notice:
    event_id = f"WH-{new_id()}-{new_id()}"
    group = event.rpartition(".")[0]
    kind = RESOURCE_TYPES.get(group) or RESOURCE_TYPES[group.partition(".")[0]]
    if event == "PAYMENT.CAPTURE.REFUNDED":
        kind = "refund"
    document = {
        "id": event_id, "event_version": "1.0", "create_time": moment(), "resource_type": kind,
        "resource_version": "2.0", "event_type": event, "summary": f"{kind}: {event}", "resource": resource,
        "links": [merchant.link("self", f"/v1/notifications/webhooks-events/{event_id}")],
    }  # fmt: skip
    body = json.dumps(document, separators=(",", ":")).encode()
    return Notice(event, event_id, body, webhook_headers(merchant.sandbox, merchant.account, body))
