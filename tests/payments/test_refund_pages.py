"""The page on which a payment is given back, what a record's page offers, and where its names lead."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import pytest
from flask import g
from sqlalchemy import select

from app.core.ids import new_id
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.gateways.base import GatewayDispute
from app.payments.models import Payment, Refund
from app.payments.services import apply_dispute_fact, apply_fact, ask_gateway, request_refund, start_checkout
from tests.factories.access import set_settings
from tests.factories.billing import collect, make_invoice
from tests.factories.payments import make_fact, make_payment, make_tender, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox
from tests.waiting import wait_until

ClientAs = Callable[..., Any]


class Pages:
    """A browser of one role, each request in a context of its own."""

    def __init__(self, console_as: ClientAs, role: str) -> None:
        g.pop("csrf_token", None)  # of the browser before, in this test's own context
        self._client = copy_context().run(console_as, role)

    def get(self, path: str) -> Any:
        return copy_context().run(self._client.get, path)

    def post(self, path: str, **form: Any) -> Any:
        return copy_context().run(self._client.post, path, data=form)

    def refund(self, payment: Payment, amount: str, **form: Any) -> Any:
        form = {"amount": amount, "destination": "ORIGINAL", "reason": "Not given", "key": new_id(), **form}
        return self.post(f"/refunds/of/{payment.id}", **form)


@pytest.fixture
def payment(in_clinic: Any) -> Payment:
    return make_tender("UPI", rupees("1000"))


def refunds_of(payment: Payment) -> list[Refund]:
    return list(db.session.scalars(select(Refund).where(Refund.payment_id == payment.id).order_by(Refund.id)))


def test_finance_gives_a_part_back_with_one_click(console_as: ClientAs, payment: Payment) -> None:
    finance = Pages(console_as, "FINANCE_BILLING")
    assert f"/refunds/of/{payment.id}" in finance.get(f"/paymentview/show/{payment.id}").text
    shown = finance.get(f"/refunds/of/{payment.id}").text
    assert 'value="1000.00"' in shown and "It goes back at once" in shown
    assert finance.refund(payment, "250.50").status_code == 302
    assert [(row.amount, row.status) for row in refunds_of(payment)] == [(rupees("250.50"), "SETTLED")]
    assert (reread(payment).status, reread(payment).refunded) == ("PARTIALLY_REFUNDED", rupees("250.50"))


def test_two_clicks_are_one_refund(console_as: ClientAs, payment: Payment) -> None:
    finance, key = Pages(console_as, "FINANCE_BILLING"), new_id()
    assert [finance.refund(payment, "100", key=key).status_code for _click in range(2)] == [302, 302]
    assert reread(payment).refunded == rupees("100")


def test_the_desk_asks_and_finance_decides(console_as: ClientAs, payment: Payment) -> None:
    desk = Pages(console_as, "RECEPTIONIST")
    assert "Finance approves refunds." in desk.get(f"/refunds/of/{payment.id}").text
    assert desk.refund(payment, "100").status_code == 302
    (refund,) = refunds_of(payment)
    assert refund.status == "REQUESTED"
    assert "/action/approve/" not in desk.get(f"/refundview/show/{refund.id}").text
    assert "/action/approve/" in Pages(console_as, "FINANCE_BILLING").get(f"/refundview/show/{refund.id}").text


def test_another_instrument_waits_for_a_second_person(console_as: ClientAs, payment: Payment) -> None:
    finance = Pages(console_as, "FINANCE_BILLING")
    assert finance.refund(payment, "100", destination="CASH").status_code == 302
    (refund,) = refunds_of(payment)
    assert (refund.status, refund.destination) == ("REQUESTED", "CASH")
    shown = finance.get(f"/refundview/show/{refund.id}").text
    assert "another person must approve it" in shown and ">Cash<" in shown
    finance.post(f"/refundview/action/approve/{refund.id}")
    assert reread(refund).status == "REQUESTED"
    Pages(console_as, "CLINIC_ADMIN").post(f"/refundview/action/approve/{refund.id}")
    assert reread(refund).status == "SETTLED"


def test_a_sum_above_the_clinics_limit_waits_too(console_as: ClientAs, payment: Payment, clinic: Any) -> None:
    set_settings(clinic.id, refund_second_person_above=500)
    finance = Pages(console_as, "FINANCE_BILLING")
    finance.refund(payment, "500.01")
    finance.refund(payment, "400")
    assert [row.status for row in refunds_of(payment)] == ["REQUESTED", "SETTLED"]


@pytest.mark.parametrize(
    ("amount", "form"),
    [
        ("1000.01", {}),
        ("0", {}),
        ("-5", {}),
        ("0.001", {}),
        ("1e3000", {}),
        ("abc", {}),
        ("10", {"reason": ""}),
        ("10", {"key": "x"}),
        ("10", {"destination": "GOLD"}),
    ],
)
def test_what_cannot_go_back_is_refused_on_the_page(
    console_as: ClientAs, payment: Payment, amount: str, form: dict[str, str]
) -> None:
    assert Pages(console_as, "FINANCE_BILLING").refund(payment, amount, **form).status_code == 422
    assert refunds_of(payment) == []


@pytest.mark.parametrize("role", ["ACCOUNTANT", "SYSTEM_AUDITOR", "DOCTOR", "NURSE"])
def test_nobody_else_asks(console_as: ClientAs, payment: Payment, role: str) -> None:
    person = Pages(console_as, role)
    assert person.get(f"/refunds/of/{payment.id}").status_code == 403
    assert person.refund(payment, "10").status_code == 403
    assert f"/refunds/of/{payment.id}" not in person.get(f"/paymentview/show/{payment.id}").text


def test_a_failed_refund_is_tried_again_by_another_way(console_as: ClientAs, gateway: RunningSandbox) -> None:
    paid = make_payment(rupees("800"))
    gateway.pay(start_checkout(paid.id).order_id, webhook=False)
    finance = Pages(console_as, "FINANCE_BILLING")
    finance.post(f"/paymentview/action/check/{paid.id}")
    gateway.fault("razorpay", "refund_failed", seconds=0)
    finance.refund(paid, "800")
    run_jobs()
    (refund,) = refunds_of(paid)

    def failed() -> bool:
        ask_gateway(paid.id)
        return bool(reread(refund).status == "FAILED")

    wait_until(failed)
    assert "Refund again" in finance.get(f"/refundview/show/{refund.id}").text


@pytest.mark.usefixtures("razorpay_clinic")
def test_a_payments_page_offers_what_can_be_done_now(console_as: ClientAs, payment: Payment) -> None:
    finance = Pages(console_as, "FINANCE_BILLING")
    done = finance.get(f"/paymentview/show/{payment.id}").text
    assert not [verb for verb in ("check", "capture", "void") if f"/paymentview/action/{verb}/" in done]
    waiting = make_payment(rupees("10"))
    shown = finance.get(f"/paymentview/show/{waiting.id}").text
    assert "/paymentview/action/check/" in shown and "/paymentview/action/void/" in shown
    assert "/paymentview/action/capture/" not in shown and "/refunds/of/" not in shown


def test_a_decided_refund_is_not_decided_again(console_as: ClientAs, payment: Payment, acting: Any) -> None:
    with acting("RECEPTIONIST"), unit_of_work():
        refund = request_refund(payment, None, "overpaid")
    finance = Pages(console_as, "FINANCE_BILLING")
    finance.post(f"/refundview/action/reject/{refund.id}")
    shown = finance.get(f"/refundview/show/{refund.id}").text
    assert "/refundview/action/" not in shown and "overpaid" in shown


def test_the_names_on_a_record_lead_to_their_pages_for_who_may_see_them(console_as: ClientAs, in_clinic: Any) -> None:
    invoice = make_invoice("100.00")
    taken = collect(invoice).payment
    path = f"/paymentview/show/{taken.id}"
    assert f'href="/invoiceview/show/{invoice.id}"' in Pages(console_as, "FINANCE_BILLING").get(path).text
    entry = f'href="/patientview/show/{invoice.patient_id}"'
    assert entry in Pages(console_as, "ACCOUNTANT").get(path).text


def test_who_gives_disputed_money_back_is_told(console_as: ClientAs, in_clinic: Any, razorpay_clinic: Any) -> None:
    """The bank may take it as well: of a dispute that is not decided nothing is taken back yet."""
    payment, words = make_payment(order_id="order_1"), "may be taken a second time"
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment))
    finance = Pages(console_as, "FINANCE_BILLING")
    pages = [f"/paymentview/show/{payment.id}", f"/refunds/of/{payment.id}"]
    for state, told in ((None, False), ("open", True), ("under_review", True), ("won", False)):
        if state is not None:
            with unit_of_work():
                apply_dispute_fact(payment.id, GatewayDispute("disp_1", "pay_1", state, rupees("500")))
        for page in pages:
            text = finance.get(page).text
            assert (words in text) == told, (state, page)
            assert ("₹\xa0500.00 of this payment" in text) == told, (state, page)
