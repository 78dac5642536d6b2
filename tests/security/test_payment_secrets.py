"""After a whole life of payments at every gateway, no secret and no card stands in any row, job, log or page."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.core.errors import AppError, Unauthorized
from app.core.money import Money
from app.core.tenant import db, require_clinic
from app.core.transaction import unit_of_work
from app.payments.gateways import paypal_client, phonepe_client
from app.payments.models import Payment
from app.payments.services import (
    approve_refund,
    ask_gateway,
    checkout_url,
    receive_webhook,
    request_refund,
    return_url,
    start_checkout,
)
from tests.factories.payments import make_payment, reread
from tests.payments import paypal, phonepe
from tests.payments.gateway_accounts import ACCOUNTS, GatewayClinic
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Received, Server, answer, scripted_server
from tests.security.payment_traces import everything_logged, kept_in_redis, readable, shapes_of, stored_rows
from tests.waiting import wait_until

CARD, CVV = "4929318746520137", "7731"
CARD_FORM = {"card[number]": CARD, "card[cvv]": CVV, "cardNumber": CARD, "cvv": CVV, "number": CARD, "cvc": CVV}
# A card however it is grouped, and its code wherever something says that this is one.
CARD_PATTERN = re.compile(r"[ -]?".join(CARD))
CVV_PATTERN = re.compile(rf"(cvv|cvc|csc|code)\W{{0,12}}{CVV}", re.IGNORECASE)
CREATES = {"razorpay": "create_order", "stripe": "create_session", "phonepe": "create_order", "paypal": "create_order"}
SECRETS = {
    "razorpay": ["console-key-secret", "console-webhook-secret"],
    "stripe": ["sk_test_Console1", "whsec_console"],
    "phonepe": ["console-client-secret", phonepe.PASSWORD, phonepe.HEADER, phonepe.SALT],
    "paypal": ["console-client-secret"],
}


@dataclass
class Shop:
    """A clinic's account at one gateway, with a visitor who looks at pages."""

    code: str
    sandbox: RunningSandbox
    inbox: Server
    app: Any
    pages: list[str] = field(default_factory=list)

    @property
    def amount(self) -> Money:
        return Money.parse("800", "USD" if self.code == "paypal" else "INR")

    def connect(self) -> None:
        self.sandbox.reset()
        if self.code == "phonepe":
            phonepe.connect(self.sandbox, "sha").register(self.inbox.url)
        elif self.code == "paypal":
            paypal.connect(self.sandbox, self.inbox)
        else:
            account = next(item for item in ACCOUNTS if item.code == self.code)
            GatewayClinic(account, self.sandbox, self.inbox).connect()

    def begin(self) -> Payment:
        payer = {"name": "Asha Nair", "email": "asha@example.org", "phone": "+919876543210"}
        return make_payment(self.amount, provider=self.code, payer=payer)

    def visit(self, url: str, **options: Any) -> Any:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        got = copy_context().run(self.app.test_client().open, path, **options)
        self.pages.append(got.get_data(as_text=True))
        return got

    def type_card(self, order_id: str) -> None:
        """At every address that the sandbox has for a pressed button; the gateway alone may see this."""
        for path in (
            f"/razorpay/v1/checkout/{order_id}/press",
            f"/stripe/c/pay/{order_id}/press",
            f"/phonepe/page/{order_id}/press",
            f"/paypal/checkoutnow/{order_id}/press",
        ):
            form = {"result": "success", "method": "card", **CARD_FORM}
            self.sandbox.request("POST", path, data=form, allow_redirects=False)

    def told(self) -> list[Received]:
        wait_until(lambda: all(item["status"] == "delivered" for item in self.sandbox.webhooks(provider=self.code)))
        return list(self.inbox.received)


@pytest.fixture(scope="module")
def vendors() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture(params=["razorpay", "stripe", "phonepe", "paypal"])
def shop(request: pytest.FixtureRequest, vendors: RunningSandbox, in_clinic: Any, app: Any) -> Iterator[Shop]:
    with scripted_server() as inbox:
        inbox.will(answer(200, {}))
        shop = Shop(request.param, vendors, inbox, app)
        shop.connect()
        yield shop
        vendors.reset()


def pay(shop: Shop) -> Payment:
    """A decline, a card typed in at the gateway, its webhooks twice, the way back with and without lies."""
    payment = shop.begin()
    shop.visit(checkout_url(payment.id))
    order_id = start_checkout(payment.id).order_id
    if shop.code != "paypal":
        shop.sandbox.pay(order_id, "failure", gateway=shop.code)
    shop.type_card(order_id)
    if not reread(payment).captured_minor:
        ask_gateway(payment.id)
    if not reread(payment).captured_minor:
        shop.sandbox.pay(order_id, gateway=shop.code)
        ask_gateway(payment.id)
    shop.visit(return_url(payment.id))
    shop.visit(f"{return_url(payment.id)}?card={CARD}&cvv={CVV}&razorpay_payment_id={CARD}&razorpay_signature=x")
    paid: Payment = reread(payment)
    return paid


def give_back(shop: Shop, payment: Payment, acting: Callable[..., Any]) -> None:
    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(payment, Money.parse("300", payment.currency), "visit cancelled")
        if refund.status == "REQUESTED":
            approve_refund(refund)
    run_jobs()


def take_webhooks(shop: Shop) -> None:
    db.session.rollback()
    for call in shop.told() * 2:
        receive_webhook(shop.code, require_clinic(), call.body, call.headers)
        forged = call.body + f' {{"card": {{"number": "{CARD}", "cvv": "{CVV}"}}}}'.encode()
        with pytest.raises(Unauthorized):
            receive_webhook(shop.code, require_clinic(), forged, {**call.headers, "authorization": "Basic YQ=="})
    run_jobs()


def break_down(shop: Shop) -> None:
    """Calls of every kind that end badly."""
    for fault in ("500", "malformed", "reset"):
        payment = shop.begin()
        with ExitStack() as stack:
            shop.sandbox.fault(shop.code, fault, operation=CREATES[shop.code])
            stack.enter_context(pytest.raises(AppError))
            start_checkout(payment.id)
    shop.sandbox.reset()


def send_cards_to_us(shop: Shop, payment: Payment, caller: Any, visitor: Any) -> None:
    """A client that does not know better sends the card to the console, by every way in."""
    finance, admin = caller("FINANCE_BILLING"), visitor("CLINIC_ADMIN")
    answers = [
        finance.post("/billing/payments", json={"invoiceId": payment.id, **CARD_FORM}),
        finance.post("/billing/deposits", json={"patientId": CARD, "amount": CVV, **CARD_FORM}),
        finance.put(f"/billing/payments/{payment.id}", json=CARD_FORM),
        finance.post(f"/billing/payments/{payment.id}/refund?card={CARD}", json={"amount": CARD, **CARD_FORM}),
        finance.get(f"/billing/payments/{CARD}?cvv={CVV}"),
        admin.get(f"/nowhere/{payment.id}?number=1"),
        *(admin.get(f"/{view}/list/") for view in ("paymentview", "webhookeventview", "provideraccountview")),
        admin.get(f"/paymentview/show/{payment.id}"),
    ]
    shop.visit(f"/api/payments/{shop.code}/webhook?clinicId={require_clinic()}", method="POST", data=CARD_FORM)
    shop.pages.extend(given.get_data(as_text=True) for given in answers)


def tokens() -> list[str]:
    """Access tokens that the process holds right now."""
    slots = [*paypal_client._tokens._slots.values(), *phonepe_client._tokens._slots.values()]
    return [slot.token.value for slot in slots if slot.token is not None]


def findings(places: dict[str, str], secrets: list[str]) -> list[str]:
    found = [
        f"{name}: a secret ({secret[:6]}…)"
        for name, content in places.items()
        for secret in secrets
        if any(shape in content for shape in shapes_of(secret))
    ]
    found += [f"{name}: a card" for name, content in places.items() if CARD_PATTERN.search(content)]
    return found + [f"{name}: its code" for name, content in places.items() if CVV_PATTERN.search(content)]


def test_the_search_finds_what_it_looks_for() -> None:
    hidden = {"rows": readable({"a": "4929-3187-4652-0137"}), "jobs": readable(b"cvc: 7731"), "log": "a2V5LXNlY3JldA"}
    assert findings(hidden, ["key-secret"]) == ["log: a secret (key-se…)", "rows: a card", "jobs: its code"]


def test_nothing_secret_is_left_behind(
    shop: Shop, acting: Callable[..., Any], caller: Callable[..., Any], visitor: Callable[..., Any]
) -> None:
    earlier = set(tokens())  # of other tests in this process
    with everything_logged() as lines:
        payment = pay(shop)
        assert payment.status == "COMPLETED"
        give_back(shop, payment, acting)
        take_webhooks(shop)
        send_cards_to_us(shop, payment, caller, visitor)
        break_down(shop)
        waiting = kept_in_redis()
        run_jobs()
    known = [token for token in tokens() if token not in earlier]
    assert bool(known) or shop.code in ("razorpay", "stripe")
    rows = stored_rows()
    assert payment.id in rows["payment"] and len(lines) > 10
    places = {
        **{f"table {name}": content for name, content in rows.items()},
        "redis": waiting + kept_in_redis(),
        "logs": "\n".join(lines),
    }
    assert findings(places, SECRETS[shop.code] + known) == []
    typed_back = [page for page in shop.pages if CARD_PATTERN.search(page)]
    assert findings({"pages": "\n".join(shop.pages)}, SECRETS[shop.code] + known) == [], typed_back[:1]
