"""The payer's pages: a signed link leads to the hosted page, and the way back believes only the gateway."""

from __future__ import annotations

from contextvars import copy_context
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.core import clock
from app.core.vocabulary import label_of
from app.payments.models import Payment
from app.payments.services import checkout_url, return_url, start_checkout, void_payment
from app.tenancy.queries import get_clinic
from tests.factories.payments import make_payment, reread, rupees
from tests.sandbox_server import RunningSandbox


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@pytest.fixture
def payment(gateway: RunningSandbox) -> Payment:
    return make_payment(rupees("800"), payer={"name": "Asha Nair", "email": "", "phone": "+919845000001"})


def visit(client: Any, url: str, method: str = "GET", form: Any = None) -> Any:
    return copy_context().run(client.open, urlsplit(url).path, method=method, data=form)


def test_the_link_opens_the_order_and_hands_over(client: Any, gateway: RunningSandbox, payment: Payment) -> None:
    page = visit(client, checkout_url(payment.id))
    assert page.status_code == 200
    order_id = reread(payment).order_id
    assert f'action="{gateway.razorpay_url}/v1/checkout/embedded"' in page.text
    assert f'value="{order_id}"' in page.text
    assert f"form-action 'self' {gateway.base_url}" in page.headers["Content-Security-Policy"]
    assert "key_secret" not in page.text


def test_coming_back_paid_asks_the_gateway_and_says_thank_you(
    client: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    paid = gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    url = return_url(payment.id)
    posted = visit(client, url, "POST", paid["callback"])
    assert (posted.status_code, posted.headers["Location"]) == (303, urlsplit(url).path)
    assert reread(payment).status == "COMPLETED"
    shown = visit(client, url)
    assert 'data-payment-status="COMPLETED"' in shown.text
    assert 'http-equiv="refresh"' not in shown.text


def test_a_claimed_success_that_the_gateway_did_not_sign_is_refused(
    client: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    order_id = start_checkout(payment.id).order_id
    forged = {"razorpay_payment_id": "pay_x", "razorpay_order_id": order_id, "razorpay_signature": "0" * 64}
    assert visit(client, return_url(payment.id), "POST", forged).status_code == 400
    assert reread(payment).status == "PENDING"


def test_a_true_signature_of_another_payment_proves_nothing(
    client: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    other = make_payment(rupees("1"))
    paid = gateway.pay(start_checkout(other.id).order_id, webhook=False)
    start_checkout(payment.id)
    assert visit(client, return_url(payment.id), "POST", paid["callback"]).status_code == 400
    assert reread(payment).status == "PENDING"


def test_a_failure_offers_to_pay_again(client: Any, gateway: RunningSandbox, payment: Payment) -> None:
    failed = gateway.pay(start_checkout(payment.id).order_id, "failure", webhook=False)
    assert visit(client, return_url(payment.id), "POST", failed["callback"]).status_code == 303
    shown = visit(client, return_url(payment.id))
    assert 'data-payment-status="FAILED"' in shown.text
    assert "/pay/checkout/" in shown.text


def test_a_cancelled_visit_to_the_hosted_page_waits_and_looks_again(
    client: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    start_checkout(payment.id)
    shown = visit(client, return_url(payment.id))
    assert 'data-payment-status="PENDING"' in shown.text
    assert 'http-equiv="refresh"' in shown.text


def test_the_payer_reads_the_clinics_name_and_words_for_states(
    client: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    name = get_clinic(payment.clinic_id).name
    handed_over = visit(client, checkout_url(payment.id)).text
    waiting = visit(client, return_url(payment.id)).text
    void_payment(payment.id)
    given_up = visit(client, return_url(payment.id)).text
    for page in (handed_over, waiting, given_up):
        assert f"<title>Payment · {name}</title>" in page
        assert "Clinic Console" not in page
    assert str(label_of("PENDING")) in waiting and ">PENDING<" not in waiting
    assert str(label_of("VOIDED")) in given_up and ">VOIDED<" not in given_up
    assert "do not pay here any more" in given_up


def test_a_paid_payments_link_says_so(client: Any, gateway: RunningSandbox, payment: Payment) -> None:
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    visit(client, return_url(payment.id))
    answer = visit(client, checkout_url(payment.id))
    assert answer.status_code == 302
    assert "/pay/return/" in answer.headers["Location"]


def test_a_silent_gateway_is_told_in_words(client: Any, gateway: RunningSandbox, payment: Payment) -> None:
    gateway.fault("razorpay", "reset", operation="create_order")
    page = visit(client, checkout_url(payment.id))
    assert (page.status_code, "Nothing was charged" in page.text) == (502, True)
    assert visit(client, checkout_url(payment.id)).status_code == 200


@pytest.mark.parametrize(
    "spoil", [lambda path: path + "x", lambda path: path[:-1], lambda path: "/pay/return/nonsense"]
)
def test_a_link_that_is_not_ours_is_not_found(client: Any, payment: Payment, spoil: Any) -> None:
    assert visit(client, spoil(urlsplit(return_url(payment.id)).path)).status_code == 404


def test_a_link_ends_after_three_days(client: Any, payment: Payment) -> None:
    url = return_url(payment.id)
    with clock.travel(timedelta(days=3, minutes=1)):
        assert visit(client, url).status_code == 404


def test_a_logged_in_receptionist_may_follow_the_link_too(
    client_as: Any, gateway: RunningSandbox, payment: Payment
) -> None:
    stranger = client_as("PATIENT", patient_id=make_payment().patient_id)
    assert visit(stranger, checkout_url(payment.id)).status_code == 200
