"""PhonePe's refunds through the real services: pending first, ended once, never paid twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.core.ids import new_id
from app.core.money import Money
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.jobs import sweep_payments
from app.payments.models import Refund
from app.payments.services import ask_gateway
from tests.factories.payments import reread, rupees
from tests.payments.jobs import run_jobs
from tests.payments.phonepe import (
    CLIENT_ID,
    HEADER,
    Acting,
    PhonePeClinic,
    both_schemes,
    came,
    hand_on,
    hint,
    paid,
    post,
    refunded,
    stored_webhooks,
)
from tests.scripted_server import Server


@pytest.fixture
def client(app: Any) -> Any:
    return app.test_client()


def test_a_forged_hint_about_a_refund_changes_nothing(
    client: Any, clinic: Any, phonepe: PhonePeClinic, acting: Acting
) -> None:
    payment = paid(phonepe)
    ours = refunded(payment, acting, "300")
    other = paid(phonepe)
    theirs = refunded(other, acting, "200")
    for refund_id in (ours.id, theirs.id, "made-up"):
        said = {"merchantRefundId": refund_id, "originalMerchantOrderId": payment.id, "amount": 30_000}
        raw = hint(payment.id, "pg.refund.completed", **said)
        assert post(client, clinic.id, raw, {"Authorization": HEADER}).status_code == 200
    run_jobs()
    left = reread(payment)
    assert (left.status, left.refunded_minor, left.refund_pending_minor) == ("COMPLETED", 0, 30_000)
    assert [refund.id for refund in left.refunds] == [ours.id]
    assert (reread(theirs).status, reread(other).refunded_minor) == ("SENT", 0)


def test_a_refund_is_pending_first_and_sent_once(phonepe: PhonePeClinic, acting: Acting) -> None:
    payment = paid(phonepe)
    refund = refunded(payment, acting, "300")
    assert (refund.status, refund.gateway_refund_id) == ("SENT", refund.id)
    assert (reread(payment).status, reread(payment).refund_pending_minor) == ("COMPLETED", 30_000)
    assert balance(AccountCode.REFUND_CLEARING) == rupees("300")
    ask_gateway(payment.id)
    assert (reread(refund).status, phonepe.asked("create_refund")) == ("SENT", 1)


def by_webhook(client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server, refund: Refund) -> None:
    for notice in came(phonepe_inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()


def by_poller(client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server, refund: Refund) -> None:
    with clock.travel(timedelta(minutes=3)):
        sweep_payments()
        run_jobs()


@both_schemes
@pytest.mark.parametrize(
    "ways", [(by_webhook, by_poller), (by_poller, by_webhook)], ids=["webhook first", "poll first"]
)
@pytest.mark.parametrize(("end", "status"), [("processed", "SETTLED"), ("failed", "FAILED")])
def test_a_refund_ends_once_whoever_tells_it_first(  # noqa: PLR0913, PLR0917
    client: Any,
    clinic: Any,
    phonepe: PhonePeClinic,
    phonepe_inbox: Server,
    acting: Acting,
    ways: tuple[Callable[..., None], ...],
    end: str,
    status: str,
) -> None:
    payment = paid(phonepe)
    refund = refunded(payment, acting, "300")
    phonepe.end_refund(refund.id, end)
    ways[0](client, clinic, phonepe, phonepe_inbox, refund)
    assert reread(refund).status == status
    ways[1](client, clinic, phonepe, phonepe_inbox, refund)
    left = reread(payment)
    settled = 30_000 if status == "SETTLED" else 0
    assert (left.refunded_minor, left.refund_pending_minor, reread(refund).status) == (settled, 0, status)
    assert reread(refund).error_text == ("Payment error" if end == "failed" else "")
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == Money(80_000 - settled, "INR")
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")
    if status == "SETTLED":
        assert reread(refund).bank_reference
    assert {row.status for row in stored_webhooks()} == {"PROCESSED"}


@pytest.mark.parametrize("fault", ["reset", "malformed", "500"])
def test_a_refund_whose_answer_is_lost_is_asked_for_and_never_paid_twice(
    phonepe: PhonePeClinic, acting: Acting, fault: str
) -> None:
    payment = paid(phonepe)
    phonepe.sandbox.fault("phonepe", fault, operation="create_refund", before=False)
    refund = refunded(payment, acting, "300")
    assert (refund.status, reread(payment).in_doubt) == ("APPROVED", True)
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(refund).status, phonepe.asked("create_refund")) == ("SENT", 1)
    phonepe.end_refund(refund.id)
    ask_gateway(payment.id)
    assert (reread(refund).status, reread(payment).refunded_minor) == ("SETTLED", 30_000)


@both_schemes
def test_a_refund_of_the_dashboard_is_learnt_from_its_notice(
    client: Any, clinic: Any, phonepe: PhonePeClinic, phonepe_inbox: Server
) -> None:
    payment = paid(phonepe)
    made = _on_the_dashboard(phonepe, payment.id, 30_000)
    phonepe.end_refund(made)
    for notice in came(phonepe_inbox, 2):
        hand_on(client, clinic.id, notice)
    run_jobs()
    left = reread(payment)
    assert (left.status, left.refunded_minor) == ("PARTIALLY_REFUNDED", 30_000)
    assert [(refund.external, refund.gateway_refund_id) for refund in left.refunds] == [(True, made)]


def _on_the_dashboard(phonepe: PhonePeClinic, order_id: str, amount: int) -> str:
    form = {"client_id": CLIENT_ID, "client_version": "1", "client_secret": "console-client-secret"}
    form["grant_type"] = "client_credentials"
    token = phonepe.sandbox.request("POST", "/phonepe/v1/oauth/token", data=form).json()["access_token"]
    name = f"DASH{new_id()[-8:]}"
    body = {"merchantRefundId": name, "originalMerchantOrderId": order_id, "amount": amount}
    headers = {"Authorization": f"O-Bearer {token}"}
    assert phonepe.sandbox.request("POST", "/phonepe/payments/v2/refund", json=body, headers=headers).ok
    return name
