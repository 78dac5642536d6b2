"""A payer at PayPal: our link, the approval page, the way back; and PayPal's webhooks at our address."""

from __future__ import annotations

from contextvars import copy_context
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from app.payments.models import Payment
from app.payments.services import checkout_url, return_url
from tests.factories.payments import reread
from tests.payments.jobs import run_jobs
from tests.payments.paypal import captures, make_paypal_payment, told
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


@pytest.fixture
def payment(paypal: RunningSandbox) -> Payment:
    return make_paypal_payment("80", payer={"name": "Asha Nair", "email": "asha@example.org", "phone": ""})


def visit(client: Any, url: str, **options: Any) -> Any:
    parts = urlsplit(url)
    address = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return copy_context().run(client.open, address, **options)


def press(sandbox: RunningSandbox, payment: Payment, result: str) -> str:
    """Where PayPal's page sends the browser."""
    url = f"{sandbox.paypal_url}/checkoutnow/{reread(payment).order_id}/press"
    return requests.post(url, data={"result": result}, timeout=60, allow_redirects=False).headers["Location"]


def test_from_our_link_over_the_approval_page_to_thank_you(
    client: Any, paypal: RunningSandbox, payment: Payment
) -> None:
    handed = visit(client, checkout_url(payment.id))
    assert handed.status_code == 302
    assert handed.headers["Location"] == f"{paypal.paypal_url}/checkoutnow?token={reread(payment).order_id}"
    assert requests.get(handed.headers["Location"], timeout=60).status_code == 200

    back = press(paypal, payment, "success")
    assert urlsplit(back).path.startswith("/pay/return/")
    shown = visit(client, back)
    assert (shown.status_code, 'data-payment-status="COMPLETED"' in shown.text) == (200, True)
    assert 'data-payment-status="COMPLETED"' in visit(client, back).text  # reloading the page takes nothing more
    assert captures(paypal) == 1


def test_cancelling_leaves_the_payment_open_with_a_way_to_pay(
    client: Any, paypal: RunningSandbox, payment: Payment
) -> None:
    visit(client, checkout_url(payment.id))
    shown = visit(client, press(paypal, payment, "cancel"))
    assert 'data-payment-status="PENDING"' in shown.text and "/pay/checkout/" in shown.text
    assert captures(paypal) == 0


def test_a_declined_instrument_says_so_and_offers_another_try(
    client: Any, paypal: RunningSandbox, payment: Payment
) -> None:
    visit(client, checkout_url(payment.id))
    shown = visit(client, press(paypal, payment, "failure"))
    assert 'data-payment-status="FAILED"' in shown.text and "/pay/checkout/" in shown.text
    assert "declined" in shown.text


def test_the_return_of_another_order_is_refused(client: Any, paypal: RunningSandbox, payment: Payment) -> None:
    visit(client, checkout_url(payment.id))
    assert visit(client, return_url(payment.id) + "?token=ANOTHER-ORDER").status_code == 400


def post(client: Any, clinic_id: str, call: Received, **changes: str) -> int:
    headers = {name: value for name, value in call.headers.items() if name.startswith("paypal-")}
    url = f"/api/payments/paypal/webhook?clinicId={clinic_id}"
    return int(visit(client, url, method="POST", data=call.body, headers={**headers, **changes}).status_code)


def test_a_webhook_at_our_address_takes_the_money_once(
    client: Any, paypal: RunningSandbox, paypal_inbox: Server, clinic: Any, other_clinic: Any, payment: Payment
) -> None:
    visit(client, checkout_url(payment.id))
    press(paypal, payment, "success")
    (call,) = told(paypal_inbox, "CHECKOUT.ORDER.APPROVED")
    assert post(client, clinic.id, call, **{"paypal-transmission-id": "another"}) == 401
    assert post(client, other_clinic.id, call) == 404  # it has no account at PayPal
    assert [post(client, clinic.id, call) for _ in range(3)] == [200, 200, 200]
    run_jobs()
    assert (reread(payment).status, captures(paypal)) == ("COMPLETED", 1)
