"""One PhonePe account at work: its entities, and the webhooks that tell about them."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any

from app.sandbox.documents import EVERYTHING, Entity, Page
from app.sandbox.errors import UnknownRecord
from app.sandbox.sandbox import Sandbox
from app.sandbox.simulators.phonepe.account import CODE, PhonePeAccount
from app.sandbox.simulators.phonepe.signatures import webhook_headers
from app.sandbox.webhooks import Notice

Entities = list[Entity]
Names = list[str]
V1_CODES = {"COMPLETED": "PAYMENT_SUCCESS", "FAILED": "PAYMENT_ERROR", "PENDING": "PAYMENT_PENDING"}
# Version 1 tells payments only when they ended, and knows no names of events.
V1_EVENTS = ("checkout.order.completed", "checkout.order.failed")


@dataclass(frozen=True)
class Merchant:
    """An account and the sandbox that it lives in. Merchant ids are unique within it only."""

    account: PhonePeAccount
    sandbox: Sandbox

    def put(self, kind: str, entity: Entity, *, parent: str = "") -> Entity:
        """`status` is what the inbox shows of the vendor's `state`."""
        shown = {**entity, "status": entity["state"].lower()}
        return self.sandbox.documents.put(f"{CODE}.{kind}", shown, account=self.account.client_id, parent=parent)

    def find(self, kind: str, field: str, value: str) -> Entity | None:
        documents, one = self.sandbox.documents, Page(count=1)
        found = documents.of_account(f"{CODE}.{kind}", self.account.client_id, one, field=field, value=value)
        return found[0] if found else None

    def get(self, kind: str, id: str) -> Entity:
        found = self.sandbox.documents.get(f"{CODE}.{kind}", id, account=self.account.client_id)
        if found is None:
            raise UnknownRecord(f"no {kind} {id}")
        return found

    def every(self, kind: str) -> Entities:
        """Oldest first."""
        return self.sandbox.documents.each_of_account(f"{CODE}.{kind}", self.account.client_id)

    def children(self, kind: str, parent: str) -> Entities:
        """Oldest first."""
        return self.sandbox.documents.of_parent(f"{CODE}.{kind}", parent, EVERYTHING)[::-1]

    def announce(self, lane: str, event: str, payload: dict[str, Any]) -> Names:
        """A webhook in the account's scheme; nothing where version 1 has none for it."""
        if self.account.scheme == "v1":
            if event not in V1_EVENTS:
                return []
            body = _v1_body(self.account.merchant_id, payload)
        else:
            kind = event.upper().replace(".", "_")
            body = wire_json({"type": kind, "event": event, "payload": {**self._owner(), **payload}})
        notice = Notice(event, _known_by(event, payload), body, webhook_headers(self.account, body))
        return self.sandbox.announce(CODE, self.account, lane, [notice])

    def _owner(self) -> dict[str, str]:
        return {"merchantId": self.account.merchant_id}


def merchant_of(sandbox: Sandbox, client_id: str) -> Merchant:
    """Raises UnknownRecord for an account that is not registered."""
    account = sandbox.accounts.find(CODE, client_id)
    if not isinstance(account, PhonePeAccount):
        raise UnknownRecord(f"no {CODE} account {client_id}")
    return Merchant(account, sandbox)


def merchants(sandbox: Sandbox) -> list[Merchant]:
    accounts = [account for provider, account in sandbox.accounts.all() if provider == CODE]
    return [Merchant(account, sandbox) for account in accounts if isinstance(account, PhonePeAccount)]


def _known_by(event: str, payload: dict[str, Any]) -> str:
    """The vendor has no event ids; this one is only for the sandbox's own list."""
    subject = payload.get("merchantRefundId") or payload.get("merchantOrderId") or payload.get("settlementId")
    return f"{event}:{subject}:{payload['state']}"


def _v1_body(merchant_id: str, payload: dict[str, Any]) -> bytes:
    state, attempts = payload["state"], payload.get("paymentDetails") or []
    last = attempts[-1] if attempts else {}
    data = {
        "merchantId": merchant_id, "merchantTransactionId": payload["merchantOrderId"],
        "transactionId": last.get("transactionId", payload["orderId"]), "amount": payload["amount"], "state": state,
        "responseCode": "SUCCESS" if state == "COMPLETED" else last.get("detailedErrorCode", "TXN_NOT_COMPLETED"),
        "paymentInstrument": {"type": "UPI"},
    }  # fmt: skip
    document = {
        "success": state == "COMPLETED", "code": V1_CODES[state], "message": f"Payment {state.lower()}", "data": data,
    }  # fmt: skip
    return wire_json({"response": base64.b64encode(wire_json(document)).decode()})


def wire_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
