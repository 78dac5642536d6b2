"""Payouts, disputes, saved cards and webhooks: Stripe's adapter and the sandbox's Stripe over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import requests

from app.core.ids import new_id
from app.core.money import Money
from app.core.providers import BadSignature, Outcome, Timeouts
from app.payments.gateways.base import (
    NoticeKind,
    PaymentState,
    SettlementKind,
)
from app.payments.gateways.saved_methods import SavedCharge
from app.payments.gateways.stripe import Stripe, StripeCredentials
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import KEYS, REQUEST, RUPEES_500, SECRET_KEY, WEBHOOK_SECRET
from tests.payments.gateways.stripe_sandbox import ACCOUNT, back, connect, paid, pay, received, request
from tests.sandbox_server import RunningSandbox, running_sandbox
from tests.scripted_server import Server, answer, scripted_server
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def running() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: RunningSandbox) -> RunningSandbox:
    running.reset()
    running.account("stripe", accountId=ACCOUNT, secretKey=SECRET_KEY, webhookSecret=WEBHOOK_SECRET)
    return running


@pytest.fixture
def clinic(sandbox: RunningSandbox) -> Iterator[Server]:
    """The address that the account's webhooks go to."""
    with scripted_server() as server:
        server.will(answer(200, {}))
        connect(sandbox, server)
        yield server
        sandbox.account("stripe", accountId=ACCOUNT, secretKey=SECRET_KEY, webhookSecret=WEBHOOK_SECRET)


@pytest.fixture
def gateway(sandbox: RunningSandbox) -> Stripe:
    timeouts = Timeouts(30, 30)
    return Stripe(StripeCredentials.load(KEYS), base_url=f"{sandbox.base_url}/stripe", timeouts=timeouts)


# --- payouts, disputes


def test_a_payout_adds_up_to_its_lines(sandbox: RunningSandbox, gateway: Stripe) -> None:
    wanted = request()
    payment_id = pay(sandbox, gateway.create_checkout(wanted).order_id)
    refund = gateway.refund(back(payment_id, 200))
    sandbox.post("/_control/disputes", {"provider": "stripe", "paymentId": payment_id, "amount": 10000})
    payout = sandbox.settle(provider="stripe")[0]
    today = datetime.now(UTC).date()
    lines = gateway.fetch_settlement_lines(today - timedelta(days=1), today)
    assert {line.kind: line.gross.minor for line in lines} == {
        SettlementKind.PAYMENT: 50000, SettlementKind.REFUND: -20000, SettlementKind.DISPUTE: -10000,
    }  # fmt: skip
    assert sum(line.net.minor for line in lines) == payout["amount"]
    by_kind = {line.kind: line for line in lines}
    charge, gone = by_kind[SettlementKind.PAYMENT], by_kind[SettlementKind.REFUND]
    assert (charge.gateway_id, charge.reference, charge.tax) == (payment_id, wanted.reference, Money(180, "INR"))
    assert (gone.gateway_id, gone.payment_id) == (refund.refund_id, payment_id)
    assert {line.settlement_id for line in lines} == {payout["id"]}
    assert gateway.fetch_settlement_lines(today - timedelta(days=9), today - timedelta(days=2)) == []
    assert sandbox.settle(provider="stripe") == []


def test_a_dispute_is_told_moved_and_asked_about(sandbox: RunningSandbox, gateway: Stripe, clinic: Server) -> None:
    payment_id = paid(sandbox, gateway)
    opened = sandbox.post("/_control/disputes", {"provider": "stripe", "paymentId": payment_id})
    told = received(clinic, "charge.dispute.created", "charge.dispute.funds_withdrawn")["charge.dispute.created"]
    notice = gateway.verify_webhook(told.body, told.headers)
    assert (notice.kind, notice.payment_id) == (NoticeKind.DISPUTE, payment_id)
    assert notice.dispute == gateway.fetch_dispute(opened["id"])
    sandbox.post("/_control/disputes", {"provider": "stripe", "paymentId": payment_id, "status": "won"})
    received(clinic, "charge.dispute.closed", "charge.dispute.funds_reinstated")
    assert gateway.fetch_dispute(opened["id"]).state == "won"


# --- saved instruments


def test_a_card_is_left_listed_charged_and_removed(sandbox: RunningSandbox, gateway: Stripe) -> None:
    customer = gateway.create_customer("patient-1", REQUEST.customer)
    page = gateway.start_saving(customer, return_url="https://a.test/r", cancel_url="https://a.test/c", key=new_id())
    pay(sandbox, page.order_id)
    saved = gateway.saved_methods(customer)
    assert [(item.brand, item.last4, item.expires) for item in saved] == [("visa", "4242", (2034, 12))]
    charge = SavedCharge(customer, saved[0].method_id, RUPEES_500, "Plan", new_id(), new_id())
    charged = gateway.charge_saved(charge)
    assert gateway.charge_saved(charge).payment_id == charged.payment_id
    assert gateway.find_charge(customer, charge.reference) == charged
    assert gateway.find_charge(customer, new_id()) is None
    gateway.forget_method(saved[0].method_id)
    gateway.forget_method(saved[0].method_id)
    assert gateway.saved_methods(customer) == ()


@pytest.mark.parametrize(
    ("method", "code"),
    [
        ("pm_card_authenticationRequired", "authentication_required"),
        ("pm_card_chargeCustomerFail", "insufficient_funds"),
    ],
)
def test_a_bank_that_refuses_a_saved_card_is_a_failed_payment(
    sandbox: RunningSandbox, gateway: Stripe, method: str, code: str
) -> None:
    customer = gateway.create_customer("patient-1", REQUEST.customer)
    attached = sandbox.request(
        "POST", f"/stripe/v1/payment_methods/{method}/attach", data={"customer": customer},
        headers={"Authorization": f"Bearer {SECRET_KEY}"},
    ).json()  # fmt: skip
    charge = SavedCharge(customer, attached["id"], RUPEES_500, "Plan", new_id(), new_id())
    failed = gateway.charge_saved(charge)
    assert (failed.state, failed.error_code, failed.captured) == (PaymentState.FAILED, code, Money(0, "INR"))
    assert gateway.charge_saved(charge) == failed


def test_a_card_that_pays_can_be_kept_for_the_next_time(sandbox: RunningSandbox, gateway: Stripe) -> None:
    customer = gateway.create_customer("patient-1", REQUEST.customer)
    paid(sandbox, gateway, customer_id=customer, save_method=True)
    assert [item.last4 for item in gateway.saved_methods(customer)] == ["4242"]


# --- webhooks


def test_the_events_of_a_payment_verify_and_tell_it(sandbox: RunningSandbox, gateway: Stripe, clinic: Server) -> None:
    wanted = request()
    order_id = gateway.create_checkout(wanted).order_id
    payment_id = pay(sandbox, order_id)
    told = received(clinic, "payment_intent.succeeded", "checkout.session.completed")
    intent, session = (
        gateway.verify_webhook(told[name].body, told[name].headers)
        for name in ("payment_intent.succeeded", "checkout.session.completed")
    )
    assert (intent.payment_id, intent.reference) == (session.payment_id, session.reference)
    assert (session.order_id, session.payment_id, session.reference) == (order_id, payment_id, wanted.reference)
    assert intent.payment is not None and intent.payment.captured == RUPEES_500
    changed = told["payment_intent.succeeded"].body.replace(b"50000", b"50001")
    with pytest.raises(BadSignature):
        gateway.verify_webhook(changed, told["payment_intent.succeeded"].headers)


def test_during_a_rotation_both_secrets_sign(sandbox: RunningSandbox, gateway: Stripe, clinic: Server) -> None:
    connect(sandbox, clinic, webhookSecret="whsec_next", previousWebhookSecret=WEBHOOK_SECRET)
    paid(sandbox, gateway)
    told = received(clinic, "payment_intent.succeeded")["payment_intent.succeeded"]
    assert told.headers["stripe-signature"].count("v1=") == 2
    assert gateway.verify_webhook(told.body, told.headers).kind is NoticeKind.PAYMENT


def test_a_delivery_that_comes_again_is_signed_anew(sandbox: RunningSandbox, gateway: Stripe, clinic: Server) -> None:
    paid(sandbox, gateway)
    received(clinic, "payment_intent.succeeded")
    delivery = next(item for item in sandbox.webhooks() if item["event"] == "payment_intent.succeeded")
    first = next(call for call in clinic.received if call.json()["type"] == "payment_intent.succeeded")
    wait_until(lambda: int(datetime.now(UTC).timestamp()) > int(first.headers["stripe-signature"][2:12]))
    sandbox.request("POST", f"/_control/webhooks/{delivery['id']}/resend")
    wait_until(lambda: sum(call.body == first.body for call in clinic.received) == 2)
    again = [call for call in clinic.received if call.body == first.body][-1]
    assert again.headers["stripe-signature"] != first.headers["stripe-signature"]
    assert gateway.verify_webhook(again.body, again.headers).event_id == delivery["eventId"]


def test_a_wrong_key_is_refused_and_named_in_no_answer(sandbox: RunningSandbox) -> None:
    stranger = Stripe(StripeCredentials.load({"secret_key": "sk_test_stranger"}), base_url=f"{sandbox.base_url}/stripe")
    assert failure_of(lambda: stranger.fetch_order("cs_1")).outcome is Outcome.PERMANENT_ACCOUNT
    shown = requests.get(
        f"{sandbox.base_url}/stripe/v1/balance", headers={"Authorization": "Bearer sk_test_stranger"}, timeout=60
    )
    assert (shown.status_code, "stranger" in shown.text) == (401, False)


def test_another_accounts_entities_do_not_exist(sandbox: RunningSandbox, gateway: Stripe) -> None:
    payment_id = paid(sandbox, gateway)
    sandbox.account("stripe", accountId="acct_Other", secretKey="sk_test_Other")
    other = Stripe(StripeCredentials.load({"secret_key": "sk_test_Other"}), base_url=f"{sandbox.base_url}/stripe")
    assert failure_of(lambda: other.fetch_payment(payment_id)).code == "resource_missing"
    assert other.find_order(REQUEST.reference) is None
    assert other.test_connection().ok
