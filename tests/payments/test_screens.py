"""The console's screens of payments, refunds, operations and webhooks, and the actions on their rows."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import copy_context
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import PaymentUnderReview
from app.payments.gateways.base import GatewayDispute, PaymentState
from app.payments.models import (
    Payment,
    PaymentHold,
    PaymentOperation,
    ReconciliationException,
    ReconciliationRun,
    WebhookEvent,
)
from app.payments.services import apply_dispute_fact, apply_fact, request_refund, start_checkout
from app.payments.services.gateway import choose_account
from tests.factories.access import set_settings
from tests.factories.payments import make_fact, make_gateway_account, make_payment, make_tender, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox

INDIA = "Asia/Kolkata"

ClientAs = Callable[..., Any]


def opened(console_as: ClientAs, role: str) -> Any:
    """The console, logged in. In a context of its own: a request leaves no clinic in scope behind."""
    return copy_context().run(console_as, role)


def visit(client: Any, url: str, method: str = "GET", form: Any = None) -> Any:
    return copy_context().run(client.open, url, method=method, data=form, follow_redirects=True)


@pytest.fixture
def payment(in_clinic: Any) -> Payment:
    return make_tender("UPI", rupees("1234.50"), reference="UTR 55")


@pytest.mark.parametrize(
    "screen",
    [
        "paymentview",
        "refundview",
        "paymentoperationview",
        "webhookeventview",
        "paymentattemptview",
        "settlementview",
        "reconciliationrunview",
        "reconciliationexceptionview",
        "disputeview",
        "paymentholdview",
    ],
)
def test_lists_and_charts_are_shown(console_as: ClientAs, payment: Payment, screen: str) -> None:
    finance = opened(console_as, "FINANCE_BILLING")
    assert visit(finance, f"/{screen}/list/").status_code == 200
    charts = visit(finance, f"/{screen}/chart/").status_code
    assert charts == (404 if screen == "paymentattemptview" else 200)


def test_a_dispute_is_told_in_words(console_as: ClientAs, in_clinic: Any) -> None:
    make_gateway_account()
    payment = make_payment(order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment, PaymentState.CAPTURED))
        fact = GatewayDispute("dp_1", "pay_1", "under_review", rupees("800"), reason="product_not_received")
        apply_dispute_fact(payment.id, fact)
    shown = visit(opened(console_as, "FINANCE_BILLING"), "/disputeview/list/").text
    assert "Under review</span>" in shown and "Product not received" in shown
    assert "UNDER_REVIEW" not in shown and "product_not_received" not in shown


def test_a_payment_is_shown_with_money_and_status_in_words(console_as: ClientAs, payment: Payment) -> None:
    shown = visit(opened(console_as, "RECEPTIONIST"), f"/paymentview/show/{payment.id}").text
    assert "1,234.50" in shown
    assert "UTR 55" in shown
    assert '<span class="pill ok">Completed</span>' in shown


def test_only_reference_and_notes_can_be_edited(console_as: ClientAs, payment: Payment) -> None:
    desk, url = opened(console_as, "RECEPTIONIST"), f"/paymentview/edit/{payment.id}"
    form = visit(desk, url).text
    assert 'name="amount_minor"' not in form
    saved = visit(desk, url, "POST", {"reference": "UTR 56", "notes": "", "captured_minor": "1"})
    assert saved.status_code == 200
    assert (reread(payment).reference, reread(payment).captured_minor) == ("UTR 56", 123_450)


def test_finance_approves_a_request_from_the_queue(console_as: ClientAs, payment: Payment, acting: Any) -> None:
    with acting("RECEPTIONIST"), unit_of_work():
        refund = request_refund(payment, rupees("34.50"), "overpaid")
    finance = opened(console_as, "FINANCE_BILLING")
    assert "overpaid" in visit(finance, "/refundview/list/").text
    done = visit(finance, f"/refundview/action/approve/{refund.id}", "POST")
    assert "pay it out now" in done.text
    assert reread(refund).status == "SETTLED"


def test_a_receptionist_cannot_approve(console_as: ClientAs, payment: Payment, acting: Any) -> None:
    with acting("RECEPTIONIST"), unit_of_work():
        refund = request_refund(payment, None, "overpaid")
    assert (
        visit(opened(console_as, "RECEPTIONIST"), f"/refundview/action/approve/{refund.id}", "POST").status_code == 403
    )
    assert reread(refund).status == "REQUESTED"


def test_check_now_asks_the_gateway(console_as: ClientAs, gateway: RunningSandbox) -> None:
    waiting = make_payment(rupees("800"))
    gateway.pay(start_checkout(waiting.id).order_id, webhook=False)
    done = visit(opened(console_as, "RECEPTIONIST"), f"/paymentview/action/check/{waiting.id}", "POST")
    assert "up to date" in done.text
    assert reread(waiting).status == "COMPLETED"


def test_check_now_on_an_unknown_operation_settles_it(console_as: ClientAs, gateway: RunningSandbox) -> None:
    from app.core.errors import ProviderUnavailable
    from app.core.tenant import db

    waiting = make_payment(rupees("800"))
    gateway.fault("razorpay", "reset", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(waiting.id)
    operation = db.session.query(PaymentOperation).filter_by(payment_id=waiting.id).one()
    done = visit(opened(console_as, "FINANCE_BILLING"), f"/paymentoperationview/action/check/{operation.id}", "POST")
    assert done.status_code == 200
    assert (reread(operation).status, reread(waiting).status) == ("DONE", "PENDING")


def test_a_silent_gateway_is_told_on_screen(console_as: ClientAs, gateway: RunningSandbox) -> None:
    waiting = make_payment(rupees("800"))
    start_checkout(waiting.id)
    gateway.fault("razorpay", "500", count=4)
    done = visit(opened(console_as, "RECEPTIONIST"), f"/paymentview/action/check/{waiting.id}", "POST")
    assert "did not answer" in done.text


def test_a_webhook_is_shown_whole_and_replayed(
    console_as: ClientAs, clinic: Any, razorpay_clinic: Any, app: Any
) -> None:
    from app.core.tenant import db
    from tests.payments.razorpay_notices import body, entity, headers, post

    waiting = make_payment(rupees("800"))
    raw = body("payment.captured", payment=entity("order_77"))
    post(app.test_client(), clinic.id, raw, headers(raw))
    run_jobs()
    webhook = db.session.query(WebhookEvent).one()
    assert webhook.status == "WAITING"
    finance = opened(console_as, "FINANCE_BILLING")
    assert "order_77" in visit(finance, f"/webhookeventview/show/{webhook.id}").text
    with unit_of_work():
        reread(waiting).order_id = "order_77"
    assert "processed again" in visit(finance, f"/webhookeventview/action/replay/{webhook.id}", "POST").text
    run_jobs()
    assert (reread(webhook).status, reread(waiting).status) == ("PROCESSED", "COMPLETED")


@pytest.mark.parametrize("role", ["NURSE", "PHARMACIST", "LAB_TECHNICIAN"])
def test_others_see_nothing(console_as: ClientAs, payment: Payment, role: str) -> None:
    assert "UTR 55" not in visit(opened(console_as, role), "/paymentview/list/").text


def test_finance_lets_a_held_payment_go_on_and_nobody_else_does(console_as: ClientAs, gateway: RunningSandbox) -> None:
    large = make_payment(rupees("300000"))
    with pytest.raises(PaymentUnderReview):
        start_checkout(large.id)
    hold = db.session.scalars(select(PaymentHold).where(PaymentHold.payment_id == large.id)).one()
    finance = opened(console_as, "FINANCE_BILLING")
    assert "Large amount" in visit(finance, f"/paymentholdview/show/{hold.id}").text
    assert "it can be paid now" in visit(finance, f"/paymentholdview/action/release/{hold.id}", "POST").text
    assert reread(hold).status == "RELEASED"
    assert visit(opened(console_as, "RECEPTIONIST"), "/paymentholdview/list/").status_code == 403


def test_finance_reconciles_on_demand_and_answers_for_a_difference(
    console_as: ClientAs, gateway: RunningSandbox, clinic: Any
) -> None:
    set_settings(clinic.id, zone=INDIA)  # the gateway settles by its days
    account_id = choose_account().id
    gateway.pay(start_checkout(make_payment(rupees("500")).id).order_id)
    gateway.settle()
    finance = opened(console_as, "FINANCE_BILLING")
    assert "Razorpay" in visit(finance, "/reconciliation/new").text
    today = clock.today(INDIA).isoformat()
    wanted = {"account": account_id, "first_on": today, "last_on": today}
    assert "being fetched and compared" in visit(finance, "/reconciliation/new", "POST", wanted).text
    assert visit(finance, "/reconciliation/new", "POST", wanted).status_code == 422  # one is under way
    run_jobs("payment-reconciliation")
    difference = db.session.scalars(select(ReconciliationException)).one()
    run = db.session.scalars(select(ReconciliationRun)).one()
    link = re.search(
        r'href="(/reconciliationexceptionview/list/[^"]+)"',
        visit(finance, f"/reconciliationrunview/show/{run.id}").text,
    )
    assert link and difference.gateway_id in visit(finance, unescape(link[1])).text
    shown = visit(finance, f"/reconciliationexceptionview/show/{difference.id}").text
    assert "Not in our books" in shown and "500.00" in shown
    answer = f"/reconciliation/exceptions/{difference.id}/answer"
    assert visit(finance, answer, "POST", {"status": "IGNORED", "note": ""}).status_code == 422
    assert visit(opened(console_as, "ACCOUNTANT"), answer).status_code == 403
    visit(finance, answer, "POST", {"status": "IGNORED", "note": "Paid to the cafeteria"})
    assert (reread(difference).status, reread(difference).note) == ("IGNORED", "Paid to the cafeteria")
    assert difference.gateway_id not in visit(finance, unescape(link[1])).text
