"""Orders that wait to be paid at a gateway, each for an issued invoice, and the gateway's signed notices about them."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from secrets import token_hex

from bench.installation import Installation

GATEWAY = "razorpay"
AMOUNT_MINOR = 80_000
FEE_MINOR, FEE_TAX_MINOR = 1_888, 288
# Of an account that exists in the benchmark's database only.
CREDENTIALS = {"key_id": "rzp_test_Bench", "key_secret": "bench-key", "webhook_secret": "bench-webhook"}
EVENT = "payment.captured"


@dataclass(frozen=True)
class Notice:
    """A webhook as it goes over the wire."""

    raw: bytes
    headers: dict[str, str]


def open_orders(installation: Installation, count: int) -> list[str]:
    """The gateway's ids of new orders, made by the product's own verbs."""
    from sqlalchemy import select

    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.people.models import Patient

    with installation.app.app_context(), tenant_scope(installation.house.clinic_id):
        with unit_of_work():
            _check_account()
            patients = list(db.session.scalars(select(Patient.id).order_by(Patient.id).limit(count)))
        with unit_of_work():
            return [_order(patients[number % len(patients)]) for number in range(count)]


def notice(order_id: str) -> Notice:
    """A signed notice that the order was paid; each call is another event about the order's one payment."""
    entity = {
        "id": order_id.replace("order_", "pay_"),
        "entity": "payment",
        "amount": AMOUNT_MINOR,
        "currency": "INR",
        "status": "captured",
        "order_id": order_id,
        "method": "upi",
        "captured": True,
        "amount_refunded": 0,
        "refund_status": None,
        "fee": FEE_MINOR,
        "tax": FEE_TAX_MINOR,
        "created_at": int(time.time()),
    }
    document = {"entity": "event", "event": EVENT, "payload": {"payment": {"entity": entity}}}
    raw = json.dumps({**document, "created_at": entity["created_at"]}).encode()
    signature = hmac.new(CREDENTIALS["webhook_secret"].encode(), raw, hashlib.sha256).hexdigest()
    return Notice(raw, {"X-Razorpay-Signature": signature, "X-Razorpay-Event-Id": token_hex(8)})


@contextmanager
def nothing_left_to_do(installation: Installation) -> Iterator[None]:
    """Workers begin with nothing, and whatever the block leaves to them is taken off their hands: the events of
    thousands of bookings would be handled first, and documents that nobody needs take hours.
    """
    _empty_queues(installation)
    try:
        yield
    finally:
        _empty_queues(installation)


def _empty_queues(installation: Installation) -> None:
    from sqlalchemy import update

    from app.core.jobs import QUEUES, queue_named
    from app.core.tenant import db, tenant_scope
    from app.core.transaction import unit_of_work
    from app.core.waking import forget_waiting
    from app.events.models import DeliveryStatus, EventDelivery

    with installation.app.app_context(), tenant_scope(installation.house.clinic_id), unit_of_work():
        waiting = update(EventDelivery).where(EventDelivery.status == DeliveryStatus.PENDING)
        db.session.execute(waiting.values(status=DeliveryStatus.DONE))
    for name in QUEUES:
        queue_named(name).empty()
        forget_waiting(name)


def _check_account() -> None:
    """The clinic's account at the gateway, made with the first orders."""
    from app.payments.gateways import GATEWAYS
    from app.payments.services.gateway import CHANNEL
    from app.tenancy.models import ProviderAccount
    from app.tenancy.providers import known_accounts, save_account

    if not known_accounts(CHANNEL, GATEWAY):
        row = ProviderAccount(channel=CHANNEL, provider=GATEWAY)
        save_account(row, GATEWAYS, credentials=CREDENTIALS, label="Bench", priority=0, enabled=True)


def _order(patient_id: str) -> str:
    from app.billing.services import NewLine, draft_invoice, open_invoice
    from app.core.money import Money
    from app.payments.services import create_payment

    price = Money(AMOUNT_MINOR, "INR")
    invoice = open_invoice(draft_invoice(patient_id, [NewLine("Consultation", price)]))
    payment = create_payment(price, patient_id=patient_id, invoice_id=invoice.id, provider=GATEWAY)
    payment.order_id = f"order_{token_hex(7)}"
    return payment.order_id
