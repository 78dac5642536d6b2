"""A clinic's account at each gateway, on both sides, for the tests that every gateway must pass: one entry each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work
from app.payments.gateways import GATEWAYS, gateway_with_code
from app.payments.gateways.base import Capabilities
from app.payments.models import Payment, PaymentMethod, WebhookEvent
from app.payments.services import ask_gateway, receive_webhook, start_checkout
from app.payments.services.saved_methods import begin_saving, methods_of, take_saved
from app.tenancy.models import ProviderAccount
from app.tenancy.providers import save_account
from tests.factories.payments import CREDENTIALS, KEY_ID, KEY_SECRET, WEBHOOK_SECRET, make_payment, reread
from tests.payments.jobs import run_jobs
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Received, Server, answer, scripted_server
from tests.waiting import wait_until


@dataclass(frozen=True)
class GatewayAccount:
    """`credentials` are ours, `fields` the sandbox's; the operations are the sandbox's names of its calls.

    `decisive` are the events that tell of a decline, a success and a refund; `refund_at_dashboard` is the call by which
    a part of a gateway's payment is given back without us.
    """

    code: str
    credentials: dict[str, Any]
    fields: dict[str, Any]
    creates: str
    captures: str
    refunds: str
    decisive: tuple[str, ...]
    refund_at_dashboard: Callable[[RunningSandbox, str, int], Any]
    tells_fee: bool = True


RAZORPAY = GatewayAccount(
    "razorpay",
    dict(CREDENTIALS),
    {"keyId": KEY_ID, "keySecret": KEY_SECRET, "webhookSecret": WEBHOOK_SECRET},
    creates="create_order",
    captures="capture_payment",
    refunds="refund_payment",
    decisive=("payment.failed", "payment.captured", "refund.processed"),
    refund_at_dashboard=lambda sandbox, payment_id, units: sandbox.request(
        "POST", f"/razorpay/v1/payments/{payment_id}/refund", json={"amount": units}, auth=(KEY_ID, KEY_SECRET)
    ),
)
STRIPE = GatewayAccount(
    "stripe",
    {"secret_key": "sk_test_Console1", "webhook_secret": "whsec_console"},
    {"accountId": "acct_Console1", "secretKey": "sk_test_Console1", "webhookSecret": "whsec_console"},
    creates="create_session",
    captures="capture_intent",
    refunds="create_refund",
    decisive=(
        "payment_intent.payment_failed", "payment_intent.succeeded", "checkout.session.completed", "refund.created",
    ),
    refund_at_dashboard=lambda sandbox, payment_id, units: sandbox.request(
        "POST", "/stripe/v1/refunds", data={"payment_intent": payment_id, "amount": units},
        headers={"Authorization": "Bearer sk_test_Console1"},
    ),
)  # fmt: skip
ACCOUNTS = (RAZORPAY, STRIPE)


@dataclass
class GatewayClinic:
    """The clinic in scope with that account, and what the gateway posted to it."""

    account: GatewayAccount
    sandbox: RunningSandbox
    inbox: Server
    account_id: str = ""
    taken: int = field(default=0)

    @property
    def capabilities(self) -> Capabilities:
        return gateway_with_code(self.account.code).capabilities

    def connect(self) -> None:
        self.sandbox.reset()
        self.sandbox.account(self.account.code, **self.account.fields, webhookUrl=self.inbox.url)
        with unit_of_work():
            row = ProviderAccount(channel="payment", provider=self.account.code)
            url = f"{self.sandbox.base_url}/{self.account.code}"
            columns = {"label": "Main", "priority": 0, "enabled": True}
            self.account_id = save_account(
                row, GATEWAYS, credentials=self.account.credentials, base_url=url, **columns
            ).id

    def payment(self, **overrides: Any) -> Payment:
        return make_payment(**overrides)

    def pay(self, order_id: str, result: str = "success", **options: Any) -> Json:
        return self.sandbox.pay(order_id, result, gateway=self.account.code, **options)

    def fault(self, fault: str, operation: str = "", **options: Any) -> None:
        self.sandbox.fault(self.account.code, fault, operation=operation, **options)

    def calls(self, operation: str) -> int:
        return self.sandbox.call_counts(self.account.code).get(operation, 0)

    def end_refund(self, refund_id: str, status: str) -> None:
        self.sandbox.post(f"/_control/refunds/{self.account.code}/{refund_id}", {"status": status})

    def posted(self) -> list[Received]:
        """What has come since the last time, once nothing is under way."""
        wait_until(lambda: all(item["status"] == "delivered" for item in self._deliveries()))
        news = self.inbox.received[self.taken :]
        self.taken += len(news)
        return news

    def _deliveries(self) -> list[Json]:
        return self.sandbox.webhooks(provider=self.account.code)

    def hand_on(self, *calls: Received) -> None:
        """Takes webhooks in through the inbox, and lets workers do what is due."""
        db.session.rollback()
        for call in calls:
            receive_webhook(self.account.code, require_clinic(), call.body, call.headers)
        run_jobs()

    def deliver(self) -> None:
        self.hand_on(*self.posted())


def leave_card(stripe: GatewayClinic, patient_id: str) -> list[PaymentMethod]:
    """As the patient does it: to the hosted page, a card, and back; what is saved by then."""
    page = begin_saving(patient_id)
    stripe.pay(page.order_id, webhook=False)
    take_saved(patient_id, stripe.account_id)
    db.session.rollback()
    return methods_of(patient_id)


@contextmanager
def connected(account: GatewayAccount, sandbox: RunningSandbox) -> Iterator[GatewayClinic]:
    """The clinic in scope with that account, and what the gateway posts to it."""
    with scripted_server() as inbox:
        inbox.will(answer(200, {}))
        clinic = GatewayClinic(account, sandbox, inbox)
        clinic.connect()
        yield clinic
        sandbox.reset()
        sandbox.account(account.code, **account.fields, webhookUrl=None)


def stored_webhooks() -> list[WebhookEvent]:
    db.session.rollback()
    return list(db.session.query(WebhookEvent).filter_by(clinic_id=require_clinic()).order_by(WebhookEvent.id))


def paid(gateway: GatewayClinic, **overrides: Any) -> Payment:
    """A payment whose money the gateway took or reserved, found by asking."""
    payment = gateway.payment(**overrides)
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    found: Payment = reread(payment)
    return found
