"""What only Stripe does, through the real services: pages that expire, refunds that fail late, disputes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.errors import Conflict, Unauthorized
from app.core.tenant import db, require_clinic, tenant_scope
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.services import (
    approve_refund,
    ask_gateway,
    checkout_url,
    receive_webhook,
    request_refund,
    return_url,
    start_checkout,
    void_payment,
)
from tests.factories.payments import make_payment, reread, rupees
from tests.payments.gateway_accounts import STRIPE, GatewayClinic, stored_webhooks
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import answer, scripted_server


@pytest.fixture
def stripe(gateway_server: RunningSandbox, in_clinic: Any) -> Iterator[GatewayClinic]:
    with scripted_server() as inbox:
        inbox.will(answer(200, {}))
        clinic = GatewayClinic(STRIPE, gateway_server, inbox)
        clinic.connect()
        yield clinic
        gateway_server.reset()
        gateway_server.account("stripe", **STRIPE.fields, webhookUrl=None)


def visit(app: Any, url: str) -> Any:
    """In a context of its own, as a browser would: a request leaves no clinic in scope behind."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return copy_context().run(app.test_client().get, path)


def told(kind: str) -> list[Any]:
    db.session.rollback()
    return [row.payload for row in db.session.scalars(select(EventRecord).where(EventRecord.type == kind))]


def test_the_payer_is_sent_to_the_hosted_page_and_comes_back_paid(app: Any, stripe: GatewayClinic) -> None:
    payment = make_payment()
    sent = visit(app, checkout_url(payment.id))
    order_id = reread(payment).order_id
    assert (sent.status_code, sent.headers["Location"]) == (302, f"{stripe.sandbox.base_url}/stripe/c/pay/{order_id}")
    back = stripe.pay(order_id, webhook=False)["callbackUrl"]
    assert back.endswith(f"?session_id={order_id}")
    shown = visit(app, back)
    assert (shown.status_code, 'data-payment-status="COMPLETED"' in shown.text) == (200, True)


def test_a_return_of_another_session_is_refused(app: Any, stripe: GatewayClinic) -> None:
    payment = make_payment()
    start_checkout(payment.id)
    assert visit(app, f"{return_url(payment.id)}?session_id=cs_test_other").status_code == 400
    assert reread(payment).status == "PENDING"


def test_an_expired_page_is_replaced_by_another_one_which_is_paid(stripe: GatewayClinic) -> None:
    payment = make_payment()
    first = start_checkout(payment.id).order_id
    stripe.pay(first, "expire")
    stripe.deliver()
    assert reread(payment).status == "PENDING"
    second = start_checkout(payment.id).order_id
    assert second != first
    stripe.pay(second)
    stripe.deliver()
    assert (reread(payment).status, reread(payment).captured) == ("COMPLETED", rupees("800"))
    assert {row.status for row in stored_webhooks()} <= {"PROCESSED", "IGNORED"}


def test_a_given_up_payment_cannot_be_paid_any_more(stripe: GatewayClinic) -> None:
    payment = make_payment()
    order_id = start_checkout(payment.id).order_id
    void_payment(payment.id)
    assert reread(payment).status == "VOIDED"
    press = stripe.sandbox.request("POST", f"/_control/checkout/stripe/{order_id}", json={"result": "success"})
    assert press.status_code == 409
    with pytest.raises(Conflict):
        start_checkout(payment.id)


def test_a_delayed_method_waits_and_then_pays_or_fails(stripe: GatewayClinic) -> None:
    good, bad = make_payment(), make_payment()
    for payment in (good, bad):
        stripe.pay(start_checkout(payment.id).order_id, "processing")
    stripe.deliver()
    assert (reread(good).status, reread(bad).status) == ("PENDING", "PENDING")
    stripe.pay(reread(good).order_id, "late_success")
    stripe.pay(reread(bad).order_id, "late_failure")
    stripe.deliver()
    assert (reread(good).status, reread(bad).status) == ("COMPLETED", "FAILED")


def test_a_bank_that_asks_its_customer_leaves_the_payment_waiting(stripe: GatewayClinic) -> None:
    payment = make_payment()
    order_id = start_checkout(payment.id).order_id
    stripe.pay(order_id, "requires_action")
    stripe.deliver()
    assert reread(payment).status == "PENDING"
    stripe.pay(order_id)
    stripe.deliver()
    assert reread(payment).status == "COMPLETED"


def test_a_refund_that_arrived_can_still_fail(stripe: GatewayClinic, acting: Callable[..., Any]) -> None:
    payment = make_payment()
    stripe.pay(start_checkout(payment.id).order_id)
    stripe.deliver()
    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(reread(payment), rupees("800"), "visit cancelled")
    if reread(refund).status == "REQUESTED":
        with acting("CLINIC_ADMIN"), unit_of_work():
            approve_refund(refund)
    run_jobs()
    stripe.deliver()
    assert (reread(refund).status, reread(payment).status) == ("SETTLED", "REFUNDED")
    stripe.end_refund(reread(refund).gateway_refund_id, "failed")
    stripe.deliver()
    assert (reread(refund).status, reread(payment).status) == ("FAILED", "COMPLETED")
    assert [item["wasSettled"] for item in told("payment.refund.failed")][-1:] == [True]
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")


def test_a_dispute_is_told_beside_the_status(stripe: GatewayClinic) -> None:
    payment = make_payment()
    paid = stripe.pay(start_checkout(payment.id).order_id)["paymentId"]
    stripe.deliver()
    stripe.sandbox.post("/_control/disputes", {"provider": "stripe", "paymentId": paid, "amount": 50_000})
    stripe.deliver()
    assert reread(payment).status == "COMPLETED"
    disputed = [item for item in told("payment.disputed") if item["paymentId"] == payment.id]
    assert (disputed[-1]["state"], disputed[-1]["amountMinor"]) == ("open", 50_000)


@pytest.mark.parametrize("off", [timedelta(minutes=6), timedelta(minutes=-6)], ids=["old", "from the future"])
def test_a_webhook_of_another_time_is_refused_and_told(stripe: GatewayClinic, off: timedelta) -> None:
    payment = make_payment()
    stripe.pay(start_checkout(payment.id).order_id)
    late = stripe.posted()[-1]
    db.session.rollback()
    with clock.travel(off), pytest.raises(Unauthorized):
        receive_webhook("stripe", require_clinic(), late.body, late.headers)
    assert (stored_webhooks(), reread(payment).status) == ([], "PENDING")
    assert [item["gateway"] for item in told("payment.webhook.refused")][-1] == "stripe"


def test_a_webhook_of_another_clinics_account_is_refused(stripe: GatewayClinic, other_clinic: Any) -> None:
    payment = make_payment()
    stripe.pay(start_checkout(payment.id).order_id)
    foreign = stripe.posted()[-1]
    db.session.rollback()
    with tenant_scope(other_clinic.id):
        other = replace(STRIPE, credentials={**STRIPE.credentials, "webhook_secret": "whsec_other"})
        GatewayClinic(other, stripe.sandbox, stripe.inbox).connect()
        db.session.rollback()
        with pytest.raises(Unauthorized):
            receive_webhook("stripe", other_clinic.id, foreign.body, foreign.headers)
        assert stored_webhooks() == []


def test_what_other_programs_do_at_the_same_account_is_set_aside(stripe: GatewayClinic) -> None:
    bearer = {"Authorization": f"Bearer {STRIPE.fields['secretKey']}"}
    form = {
        "mode": "payment", "success_url": "https://shop.test", "line_items[0][price_data][currency]": "inr",
        "line_items[0][price_data][unit_amount]": "9900", "line_items[0][price_data][product_data][name]": "Book",
    }  # fmt: skip
    session = stripe.sandbox.request("POST", "/stripe/v1/checkout/sessions", data=form, headers=bearer).json()
    stripe.pay(session["id"])
    stripe.deliver()
    assert {row.status for row in stored_webhooks()} == {"IGNORED"}


def test_asking_twice_changes_nothing_more(stripe: GatewayClinic) -> None:
    payment = make_payment()
    stripe.pay(start_checkout(payment.id).order_id, webhook=False)
    for _ in range(2):
        ask_gateway(payment.id)
    assert reread(payment).captured == balance(AccountCode.PATIENT_CREDIT) == rupees("800")
