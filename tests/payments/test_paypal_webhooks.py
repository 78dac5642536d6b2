"""PayPal's webhooks from outside: forged, lying, of another clinic, about disputes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core import clock
from app.core.errors import ProviderUnavailable, Unauthorized
from app.core.tenant import db, tenant_scope
from app.events.models import EventRecord
from app.payments.models import Payment, WebhookEvent
from app.payments.services import (
    ask_gateway,
    receive_webhook,
    start_checkout,
)
from tests.factories.payments import reread
from tests.payments.jobs import run_jobs
from tests.payments.paypal import (
    approve,
    captures,
    deliver,
    make_paypal_payment,
    save_keys,
    told,
)
from tests.sandbox_server import RunningSandbox
from tests.scripted_server import Received, Server, answer, scripted_server


@pytest.fixture
def paid(paypal: RunningSandbox) -> Payment:
    payment = make_paypal_payment("100")
    approve(payment, paypal)
    ask_gateway(payment.id)
    assert reread(payment).status == "COMPLETED"
    return payment


# ---- webhooks from outside ----


def refusals() -> int:
    db.session.rollback()
    wanted = select(func.count()).select_from(EventRecord).where(EventRecord.type == "payment.webhook.refused")
    return int(db.session.scalar(wanted) or 0)


@pytest.fixture
def approval(paypal: RunningSandbox, paypal_inbox: Server) -> tuple[Payment, Received]:
    """A payment that the payer approved, and the webhook about it."""
    payment = make_paypal_payment()
    approve(payment, paypal)
    return payment, told(paypal_inbox, "CHECKOUT.ORDER.APPROVED")[0]


@pytest.mark.parametrize("forgery", ["changed byte", "foreign host", "old", "future"])
def test_a_forged_webhook_is_a_security_event_and_changes_nothing(
    paypal: RunningSandbox, clinic: Any, approval: tuple[Payment, Received], forgery: str
) -> None:
    payment, call = approval
    body, headers = call.body, dict(call.headers)
    with scripted_server() as stranger:
        stranger.will(answer(200, {}))
        if forgery == "foreign host":
            headers["paypal-cert-url"] = f"{stranger.url}/paypal/v1/notifications/certs/CERT-1"
        if forgery == "changed byte":
            body = body.replace(b"APPROVED", b"APPROVEE", 1)
        travel = {"old": timedelta(days=5), "future": timedelta(hours=-1)}.get(forgery, timedelta())
        before = refusals()
        with clock.travel(travel), pytest.raises(Unauthorized):
            receive_webhook("paypal", clinic.id, body, headers)
        assert stranger.received == []
    assert refusals() == before + 1
    assert db.session.scalar(select(func.count()).select_from(WebhookEvent)) == 0
    assert (reread(payment).status, captures(paypal)) == ("PENDING", 0)


def test_the_webhook_of_another_clinic_is_refused(
    paypal: RunningSandbox, other_clinic: Any, approval: tuple[Payment, Received]
) -> None:
    """The other clinic has an account at the same gateway, with a webhook of its own."""
    _, call = approval
    with tenant_scope(other_clinic.id):
        save_keys(paypal, "ANOTHER-WEBHOOK")
    db.session.rollback()
    with pytest.raises(Unauthorized):
        receive_webhook("paypal", other_clinic.id, call.body, call.headers)


def test_a_webhook_that_cannot_be_checked_is_asked_for_again(
    paypal: RunningSandbox, clinic: Any, approval: tuple[Payment, Received], monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.payments.gateways import paypal as adapter
    from app.payments.gateways.paypal_certificates import CertificateShelf

    _, call = approval
    monkeypatch.setattr(adapter, "_shelf", CertificateShelf())
    paypal.fault("paypal", "500", operation="fetch_certificate", count=2)
    before = refusals()
    db.session.rollback()
    with pytest.raises(ProviderUnavailable):
        receive_webhook("paypal", clinic.id, call.body, call.headers)
    assert refusals() == before
    assert receive_webhook("paypal", clinic.id, call.body, call.headers)


def test_a_body_that_lies_is_only_a_reason_to_ask(paypal: RunningSandbox, clinic: Any, paypal_inbox: Server) -> None:
    """Rightly signed, but of money that was not taken: CRC-32 does not protect the body, so nobody believes it."""
    payment = make_paypal_payment()
    order_id = start_checkout(payment.id).order_id
    lie = {
        "id": "WH-LIE", "event_type": "PAYMENT.CAPTURE.COMPLETED",
        "resource": {
            "id": "CAP-LIE", "status": "COMPLETED", "amount": {"currency_code": "USD", "value": "80.00"},
            "supplementary_data": {"related_ids": {"order_id": order_id}},
        },
    }  # fmt: skip
    paypal.post("/_control/webhooks", {"provider": "paypal", "account": "console-client", "event": "lie", "body": lie})
    deliver(clinic.id, told(paypal_inbox, "WH-LIE"))
    run_jobs()
    assert (reread(payment).status, reread(payment).attempts) == ("PENDING", [])


def test_a_dispute_is_told_as_the_gateway_tells_it(
    paypal: RunningSandbox, clinic: Any, paypal_inbox: Server, paid: Payment
) -> None:
    control = {"provider": "paypal", "paymentId": reread(paid).gateway_payment_id, "amount": "40.00"}
    paypal.post("/_control/disputes", control)
    deliver(clinic.id, told(paypal_inbox, "CUSTOMER.DISPUTE.CREATED"))
    run_jobs()
    db.session.rollback()
    wanted = select(EventRecord.payload).where(
        EventRecord.type == "payment.disputed", EventRecord.payload["paymentId"].astext == paid.id
    )
    (payload,) = db.session.scalars(wanted)
    assert (payload["state"], payload["amountMinor"], payload["currency"]) == ("open", 4000, "USD")
    assert db.session.scalar(select(WebhookEvent.status)) == "PROCESSED"
