"""Refunds: never above what was captured, decided by whom the clinic wants, sent once, booked once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.errors import AppError, Invalid
from app.core.money import Money
from app.core.state import WrongState
from app.core.tenant import all_tenants, db, tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.errors import RefundTooLarge, SecondPersonNeeded
from app.payments.jobs import sweep_payments
from app.payments.models import OperationStatus, Payment, PaymentOperation, Refund
from app.payments.queries import get_payment
from app.payments.services import (
    approve_refund,
    ask_gateway,
    reject_refund,
    request_refund,
    send_refund,
    start_checkout,
)
from app.tenancy.models import Clinic
from app.tenancy.services import update_clinic
from tests.factories.payments import make_payment, make_tender, reread, rupees
from tests.payments.jobs import run_jobs
from tests.sandbox_server import RunningSandbox

Acting = Callable[..., Any]


def ask_for(payment: Payment, amount: str | None = None, **options: Any) -> Refund:
    with unit_of_work():
        return request_refund(payment, rupees(amount) if amount else None, "visit cancelled", **options)


def approve(refund: Refund, **options: Any) -> Refund:
    with unit_of_work():
        approve_refund(refund, **options)
    return reread(refund)


def paid(gateway: RunningSandbox, amount: str = "800") -> Payment:
    payment = make_payment(rupees(amount))
    gateway.pay(start_checkout(payment.id).order_id, webhook=False)
    ask_gateway(payment.id)
    return reread(payment)


def sent(gateway: RunningSandbox) -> int:
    return gateway.call_counts("razorpay").get("refund_payment", 0)


def operation(refund: Refund) -> PaymentOperation:
    db.session.rollback()
    return db.session.scalars(select(PaymentOperation).where(PaymentOperation.refund_id == refund.id)).one()


def second_person_above(clinic: Any, limit: int) -> None:
    with all_tenants(), unit_of_work():
        update_clinic(db.session.get_one(Clinic, clinic.id), settings={"refund_second_person_above": limit})


# ---- at the desk ----


def test_a_cash_refund_is_paid_out_with_its_approval(in_clinic: Any, acting: Acting) -> None:
    payment = make_tender("CASH", rupees("800"))
    with acting("RECEPTIONIST"):
        refund = ask_for(payment, "300")
    assert (reread(payment).status, reread(payment).refundable) == ("COMPLETED", rupees("500"))
    with acting("FINANCE_BILLING"):
        assert approve(refund).status == "SETTLED"
    assert (reread(payment).status, reread(payment).refunded) == ("PARTIALLY_REFUNDED", rupees("300"))
    assert balance(AccountCode.CASH) == rupees("500")
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("500")


@pytest.mark.parametrize(
    ("kind", "account"),
    [
        ("CASH", "CASH"),
        ("UPI", "UPI_CLEARING"),
        ("CARD_TERMINAL", "CARD_CLEARING"),
        ("CHEQUE", "CHEQUE_CLEARING"),
        ("BANK", "BANK"),
    ],
)
def test_each_tender_has_its_account(in_clinic: Any, acting: Acting, kind: str, account: str) -> None:
    payment = make_tender(kind, rupees("10.01"), reference="UTR 12")
    assert (payment.status, payment.method, payment.reference) == ("COMPLETED", kind, "UTR 12")
    assert balance(account) == rupees("10.01")
    with acting("FINANCE_BILLING"):
        approve(ask_for(payment))
    assert reread(payment).status == "REFUNDED"
    assert balance(account) == rupees("0")


def test_an_unknown_tender_is_refused(in_clinic: Any) -> None:
    with pytest.raises(Invalid):
        make_tender("SHELLS")


# ---- what may be asked for ----


@pytest.mark.parametrize("amount", ["800.01", "10000"])
def test_more_than_is_left_is_refused(in_clinic: Any, acting: Acting, amount: str) -> None:
    payment = make_tender("CASH", rupees("800"))
    with acting("FINANCE_BILLING"), pytest.raises(RefundTooLarge):
        ask_for(payment, amount)


def test_what_is_asked_for_is_kept_free(in_clinic: Any, acting: Acting) -> None:
    payment = make_tender("CASH", rupees("800"))
    with acting("FINANCE_BILLING"):
        first = ask_for(payment, "500")
        with pytest.raises(RefundTooLarge):
            ask_for(payment, "300.01")
        with unit_of_work():
            reject_refund(first, "not agreed")
        assert ask_for(payment).amount == rupees("800")
        with pytest.raises(RefundTooLarge):
            ask_for(payment)


@pytest.mark.parametrize("amount", [Money(0, "INR"), Money(-1, "INR"), Money(100, "USD")])
def test_amounts_that_make_no_sense_are_refused(in_clinic: Any, acting: Acting, amount: Money) -> None:
    payment = make_tender("CASH", rupees("800"))
    with acting("FINANCE_BILLING"), pytest.raises(Invalid), unit_of_work():
        request_refund(payment, amount, "why not")
    assert reread(payment).refunds == []


def test_money_that_never_came_is_not_refunded(gateway: RunningSandbox, acting: Acting) -> None:
    payment = make_payment(rupees("800"))
    with acting("FINANCE_BILLING"), pytest.raises(RefundTooLarge):
        ask_for(payment)


# ---- who may decide ----


def test_above_the_limit_a_second_person_decides(clinic: Any, in_clinic: Any, acting: Acting, app: Any) -> None:
    second_person_above(clinic, 500)
    payment = make_tender("CASH", rupees("800"))
    with app.app_context():
        with acting("FINANCE_BILLING", user_id := "019aa000-0000-7000-8000-000000000001"):
            large, small = ask_for(payment, "500.01"), ask_for(payment, "200")
            assert approve(small).status == "SETTLED"
            with pytest.raises(SecondPersonNeeded), unit_of_work():
                approve_refund(large)
        with acting("FINANCE_BILLING"):
            done = approve(large)
    assert (done.status, done.requested_by_id) == ("SETTLED", user_id)
    assert done.decided_by_id not in (None, user_id)


def test_another_instrument_needs_a_second_person(in_clinic: Any, acting: Acting) -> None:
    payment = make_tender("CARD_TERMINAL", rupees("800"))
    with acting("FINANCE_BILLING"):
        refund = ask_for(payment, "100", destination="CASH")
        with pytest.raises(SecondPersonNeeded), unit_of_work():
            approve_refund(refund)
    with acting("CLINIC_ADMIN"):
        approve(refund)
    assert balance(AccountCode.CASH) == rupees("-100")
    assert balance(AccountCode.CARD_CLEARING) == rupees("800")


def test_a_decision_is_final(in_clinic: Any, acting: Acting) -> None:
    payment = make_tender("CASH", rupees("800"))
    with acting("FINANCE_BILLING"):
        refund = ask_for(payment, "100")
        with unit_of_work():
            reject_refund(refund, "no")
        for decide in (approve_refund, reject_refund):
            with pytest.raises(WrongState), unit_of_work():
                decide(reread(refund))


# ---- sent to the gateway ----


def test_an_approved_refund_is_sent_by_a_job(gateway: RunningSandbox, acting: Acting) -> None:
    payment = paid(gateway)
    with acting("FINANCE_BILLING"):
        refund = ask_for(payment, "300")
        assert approve(refund).status == "APPROVED"
    assert run_jobs() >= 1
    done = reread(refund)
    assert done.status == "SETTLED"
    assert (done.gateway_refund_id or "").startswith("rfnd_")
    assert done.bank_reference
    assert (reread(payment).status, sent(gateway)) == ("PARTIALLY_REFUNDED", 1)
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("500")
    assert gateway.calls("razorpay", "refund_payment")[0]["headers"]["X-Refund-Idempotency"]


def test_a_pending_refund_is_followed_until_it_settles(gateway: RunningSandbox, acting: Acting) -> None:
    payment = paid(gateway)
    gateway.fault("razorpay", "refund_pending", seconds=0)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment), wake=False)
    send_refund(refund.id)
    assert reread(refund).status in ("SENT", "SETTLED")
    from tests.waiting import wait_until

    def settled() -> bool:
        ask_gateway(payment.id)
        return bool(reread(refund).status == "SETTLED")

    wait_until(settled)
    assert reread(payment).status == "REFUNDED"


def test_a_refund_that_fails_at_the_bank_can_be_asked_for_again(gateway: RunningSandbox, acting: Acting) -> None:
    payment = paid(gateway)
    gateway.fault("razorpay", "refund_failed", seconds=0)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment), wake=False)
    send_refund(refund.id)
    from tests.waiting import wait_until

    def failed() -> bool:
        ask_gateway(payment.id)
        return bool(reread(refund).status == "FAILED")

    wait_until(failed)
    assert (reread(payment).status, reread(payment).refundable) == ("COMPLETED", rupees("800"))
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("800")


@pytest.mark.parametrize("fault", ["reset", "malformed", "timeout"])
def test_an_unclear_answer_is_parked_and_asked_never_repeated_blindly(
    gateway: RunningSandbox, acting: Acting, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.core.providers import Provider, Timeouts

    payment = paid(gateway)
    gateway.fault("razorpay", fault, operation="refund_payment", seconds=20)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment, "300"), wake=False)
    with monkeypatch.context() as hasty:
        hasty.setattr(Provider, "default_timeouts", Timeouts(connect=30, read=1))
        send_refund(refund.id)
    assert (reread(refund).status, operation(refund).status) == ("APPROVED", OperationStatus.UNKNOWN)
    send_refund(refund.id)  # its time has not come
    assert sent(gateway) == 1
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert reread(refund).status == "SETTLED"
    assert gateway_refunds(gateway, payment) == [30_000]


def gateway_refunds(gateway: RunningSandbox, payment: Payment) -> list[int]:
    from tests.factories.payments import KEY_ID, KEY_SECRET

    path = f"/razorpay/v1/payments/{payment.gateway_payment_id}/refunds"
    answer = gateway.request("GET", path, auth=(KEY_ID, KEY_SECRET)).json()
    return [item["amount"] for item in answer["items"]]


def test_a_call_that_was_not_carried_out_is_tried_again(gateway: RunningSandbox, acting: Acting) -> None:
    payment = paid(gateway)
    gateway.fault("razorpay", "429", operation="refund_payment", seconds=1)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment, "300"), wake=False)
    send_refund(refund.id)
    assert (reread(refund).status, operation(refund).status) == ("APPROVED", OperationStatus.STARTED)
    with clock.travel(timedelta(seconds=6)):
        sweep_payments()
        run_jobs()
    assert (reread(refund).status, sent(gateway)) == ("SETTLED", 2)


def test_a_refusal_fails_the_refund_and_says_why(gateway: RunningSandbox, acting: Acting) -> None:
    from tests.factories.payments import KEY_ID, KEY_SECRET

    payment = paid(gateway)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment), wake=False)
    path = f"/razorpay/v1/payments/{payment.gateway_payment_id}/refund"
    assert gateway.request("POST", path, json={}, auth=(KEY_ID, KEY_SECRET)).ok  # the dashboard was faster
    send_refund(refund.id)
    failed = reread(refund)
    assert failed.status == "FAILED"
    assert "refunded" in failed.error_text
    ask_gateway(payment.id)
    assert reread(payment).status == "REFUNDED"


@pytest.mark.parametrize("died", ["before the call", "after the call"])
def test_a_worker_that_died_refunds_once(gateway: RunningSandbox, acting: Acting, died: str) -> None:
    from app.payments.services.sending import _prepare, _send
    from app.payments.services.sums import locked_refund

    payment = paid(gateway)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment, "300"), wake=False)
    with unit_of_work():
        task = _prepare(locked_refund(refund.id), at_once=False)
    assert task is not None
    if died == "after the call":
        _send(task)
    send_refund(refund.id)
    assert reread(refund).status == "APPROVED"  # the lease still holds
    with clock.travel(timedelta(seconds=61)):
        sweep_payments()
        run_jobs()
    assert reread(refund).status == "SETTLED"
    assert gateway_refunds(gateway, payment) == [30_000]


def test_an_approval_whose_wake_up_was_lost_is_found(gateway: RunningSandbox, acting: Acting) -> None:
    payment = paid(gateway)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment, "300"), wake=False)
    assert sweep_payments() == 1
    run_jobs()
    assert reread(refund).status == "SETTLED"


# ---- at once ----


def in_threads(app: Any, clinic: Any, count: int, work: Callable[[int], str]) -> list[str]:
    def run(number: int) -> str:
        with app.app_context(), tenant_scope(clinic.id):
            try:
                return work(number)
            except AppError as error:
                return str(error.code)

    db.session.rollback()
    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(run, range(count)))


def test_twenty_desks_refunding_at_once_never_exceed_the_capture(
    app: Any, clinic: Any, in_clinic: Any, acting: Acting
) -> None:
    payment = make_tender("CASH", rupees("800"))
    payment_id = payment.id

    def work(_: int) -> str:
        with acting("FINANCE_BILLING"):
            return str(approve(ask_for(get_payment(payment_id), "150")).status)

    answers = in_threads(app, clinic, 20, work)
    assert answers == ["REFUND_TOO_LARGE"] * 15 + ["SETTLED"] * 5
    assert reread(payment).refunded == rupees("750")
    assert balance(AccountCode.CASH) == rupees("50")


def test_twenty_workers_sending_one_refund_make_one_call(
    app: Any, clinic: Any, gateway: RunningSandbox, acting: Acting
) -> None:
    payment = paid(gateway)
    with acting("FINANCE_BILLING"):
        refund = approve(ask_for(payment, "300"), wake=False)
    refund_id = refund.id

    def work(_: int) -> str:
        send_refund(refund_id)
        return "sent"

    in_threads(app, clinic, 20, work)
    assert (sent(gateway), reread(refund).status) == (1, "SETTLED")
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("500")
