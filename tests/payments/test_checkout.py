"""Opening an order at the gateway: once, whatever breaks, and never inside a transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.errors import AppError, Conflict, Invalid, ProviderUnavailable
from app.core.money import Money
from app.core.tenant import db, tenant_scope
from app.core.transaction import unit_of_work
from app.payments.jobs import check_payment, sweep_payments
from app.payments.models import OperationKind, OperationStatus, Payment, PaymentOperation
from app.payments.services import abandon_payment, ask_gateway, start_checkout
from app.payments.services.gateway import CallInsideTransaction
from tests.factories.payments import closed_port, make_gateway_account, make_payment, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox


def operation(payment: Payment, kind: OperationKind = OperationKind.CREATE_ORDER) -> PaymentOperation:
    """The newest operation of a kind, as it stands in the database."""
    db.session.rollback()
    wanted = select(PaymentOperation).where(PaymentOperation.payment_id == payment.id, PaymentOperation.kind == kind)
    return db.session.scalars(wanted.order_by(PaymentOperation.created_at.desc())).first()  # type: ignore[return-value]


def orders(gateway: RunningSandbox) -> int:
    return gateway.call_counts("razorpay").get("create_order", 0)


def test_an_order_is_opened_and_the_payer_can_be_sent_there(gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"), payer={"name": "Asha", "email": "asha@example.org", "phone": "+919845000001"})
    checkout = start_checkout(payment.id)
    assert checkout.order_id.startswith("order_")
    assert (checkout.method, checkout.url) == ("POST", f"{gateway.razorpay_url}/v1/checkout/embedded")
    assert checkout.fields["prefill[contact]"] == "+919845000001"
    assert "/pay/return/" in checkout.fields["callback_url"]
    assert checkout.page_url.startswith("http://127.0.0.1:8000/pay/checkout/")
    assert reread(payment).order_id == checkout.order_id
    assert operation(payment).status == OperationStatus.DONE


def test_a_second_start_leads_to_the_same_order(gateway: RunningSandbox) -> None:
    payment = make_payment()
    assert start_checkout(payment.id).order_id == start_checkout(payment.id).order_id
    assert orders(gateway) == 1


def test_twenty_starts_at_once_open_one_order(app: Any, clinic: Any, gateway: RunningSandbox) -> None:
    payment = make_payment()
    payment_id = payment.id
    db.session.rollback()

    def start(_: int) -> str:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                return start_checkout(payment_id).order_id
            except AppError as error:
                return str(error.code)

    with ThreadPoolExecutor(20) as pool:
        answers = set(pool.map(start, range(20)))
    assert orders(gateway) == 1
    assert answers <= {reread(payment).order_id, "OPERATION_UNDER_WAY"}


@pytest.mark.parametrize("fault", ["reset", "malformed"])
def test_an_unclear_answer_is_unknown_and_the_order_is_found_again(gateway: RunningSandbox, fault: str) -> None:
    payment = make_payment()
    gateway.fault("razorpay", fault, operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert reread(payment).status == "UNKNOWN"
    assert operation(payment).status == OperationStatus.UNKNOWN
    checkout = start_checkout(payment.id)
    assert (reread(payment).status, orders(gateway)) == ("PENDING", 1)
    assert reread(payment).order_id == checkout.order_id


def test_the_poller_finds_the_order_of_an_unclear_answer(gateway: RunningSandbox) -> None:
    payment = make_payment()
    gateway.fault("razorpay", "reset", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert sweep_payments() == 0
    with clock.travel(timedelta(seconds=6)):
        assert sweep_payments() == 1
        assert sweep_payments() == 0
        run_jobs()
    assert reread(payment).status == "PENDING"
    assert reread(payment).order_id


def test_an_order_that_was_never_opened_is_given_up_after_the_last_step(gateway: RunningSandbox) -> None:
    payment = make_payment()
    gateway.fault("razorpay", "500", operation="create_order", before=True)
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    assert reread(payment).status == "UNKNOWN"
    waits, later = [], timedelta()
    while (asking := operation(payment)).status == OperationStatus.UNKNOWN:
        with clock.travel(later):
            wait = asking.next_at - clock.now()  # type: ignore[operator]
        waits.append(round(wait.total_seconds()))
        later += wait + timedelta(milliseconds=1)
        with clock.travel(later):
            check_payment(payment.clinic_id, payment.id)
    assert waits == pytest.approx([5, 60, 300, 3600, 86400], abs=3)
    assert (reread(payment).status, orders(gateway)) == ("PENDING", 1)


def test_a_refusal_is_final_and_says_why(gateway: RunningSandbox) -> None:
    payment = make_payment()
    gateway.fault("razorpay", "429", operation="create_order")
    with pytest.raises(ProviderUnavailable):
        start_checkout(payment.id)
    failed = operation(payment)
    assert failed.status == OperationStatus.FAILED
    assert reread(payment).status == "PENDING"
    assert start_checkout(payment.id).order_id


def test_the_fallback_account_takes_over(gateway_server: RunningSandbox, in_clinic: Any) -> None:
    gateway_server.reset()
    gateway_server.account("razorpay", keyId="rzp_test_Second", keySecret="second")
    make_gateway_account(f"http://127.0.0.1:{closed_port()}", priority=0)
    second = {"key_id": "rzp_test_Second", "key_secret": "second", "webhook_secret": None}
    fallback = make_gateway_account(gateway_server.razorpay_url, priority=1, credentials=second)
    payment = make_payment()
    assert start_checkout(payment.id).fields["key_id"] == "rzp_test_Second"
    assert reread(payment).account_id == fallback


def test_a_worker_that_died_after_the_claim_is_noticed(gateway: RunningSandbox) -> None:
    """Killed between the commit of the operation and its answer: nobody knows, so the gateway is asked."""
    from app.payments.services.checkout import _prepare

    payment = make_payment()
    with unit_of_work():
        _prepare(payment.id)
    with pytest.raises(Conflict):
        start_checkout(payment.id)
    with clock.travel(timedelta(seconds=61)):
        assert sweep_payments() == 1
        run_jobs()
        assert operation(payment).status == OperationStatus.UNKNOWN
        assert start_checkout(payment.id).order_id == reread(payment).order_id
    assert orders(gateway) == 1


def test_a_worker_that_died_after_the_call_opened_one_order(gateway: RunningSandbox) -> None:
    from app.payments.services.checkout import _open, _prepare

    payment = make_payment()
    with unit_of_work():
        task = _prepare(payment.id)
    opened = _open(task).order_id
    with clock.travel(timedelta(seconds=61)):
        sweep_payments()
        run_jobs()
    assert (reread(payment).order_id, orders(gateway)) == (opened, 1)


def test_a_gateway_is_never_called_inside_a_transaction(gateway: RunningSandbox) -> None:
    payment = make_payment()
    start_checkout(payment.id)
    from app.payments.services.gateway import call, open_gateway

    adapter = open_gateway(reread(payment).account_id)
    with pytest.raises(CallInsideTransaction):
        call(adapter, adapter.probe)


def test_nothing_to_pay_is_a_conflict(gateway: RunningSandbox) -> None:
    payment = make_payment()
    with unit_of_work():
        abandon_payment(payment.id)
    assert reread(payment).status == "VOIDED"
    with pytest.raises(Conflict) as refused:
        start_checkout(payment.id)
    assert refused.value.code == "NOTHING_TO_PAY"


@pytest.mark.parametrize("amount", [rupees("0"), rupees("-1"), Money(1234, "KWD")])
def test_an_amount_that_cannot_be_paid_is_refused(gateway: RunningSandbox, amount: Money) -> None:
    with pytest.raises(Invalid) as refused:
        make_payment(amount)
    assert "amount" in (refused.value.fields or {})


def test_no_gateway_is_a_clear_answer(in_clinic: Any) -> None:
    with pytest.raises(Invalid) as refused:
        make_payment()
    assert refused.value.code == "NO_GATEWAY"


# ---- asking ----


def test_money_that_nobody_told_us_of_is_found_by_asking(gateway: RunningSandbox) -> None:
    payment = make_payment()
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    assert reread(payment).status == "COMPLETED"
    assert operation(payment, OperationKind.FETCH).status == OperationStatus.DONE


def test_a_payment_is_watched_until_it_is_settled(gateway: RunningSandbox) -> None:
    payment = make_payment()
    order_id = start_checkout(payment.id).order_id
    with clock.travel(timedelta(minutes=3)):
        assert sweep_payments() == 1
        run_jobs()
    assert reread(payment).status == "PENDING"
    gateway.pay(order_id, webhook=False)
    with clock.travel(timedelta(minutes=14)):
        assert sweep_payments() == 1
        run_jobs()
        assert sweep_payments() == 0
    assert reread(payment).status == "COMPLETED"


def test_a_late_success_of_an_abandoned_payment_is_booked(gateway: RunningSandbox) -> None:
    payment = make_payment()
    order_id = start_checkout(payment.id).order_id
    gateway.pay(order_id, "failure", webhook=False)
    ask_gateway(payment.id)
    assert reread(payment).status == "FAILED"
    with unit_of_work():
        abandon_payment(payment.id)
    gateway.pay(order_id, "late_success", webhook=False)
    ask_gateway(payment.id)
    assert reread(payment).status == "COMPLETED"


def test_a_refund_of_the_dashboard_is_found_by_asking(gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("800"))
    paid = gateway.pay(start_checkout(payment.id).order_id, webhook=False)["paymentId"]
    ask_gateway(payment.id)
    from tests.factories.payments import KEY_ID, KEY_SECRET

    path = f"/razorpay/v1/payments/{paid}/refund"
    assert gateway.request("POST", path, json={"amount": 30_000}, auth=(KEY_ID, KEY_SECRET)).ok
    ask_gateway(payment.id)
    asked = reread(payment)
    assert (asked.status, asked.refunded_minor) == ("PARTIALLY_REFUNDED", 30_000)
    assert [refund.external for refund in asked.refunds] == [True]


def test_a_silent_gateway_changes_nothing(gateway: RunningSandbox) -> None:
    payment = make_payment()
    start_checkout(payment.id)
    gateway.fault("razorpay", "500", count=4)
    with pytest.raises(ProviderUnavailable):
        ask_gateway(payment.id)
    assert reread(payment).status == "PENDING"
