"""Reconciliation against the sandbox's own settlements: what fits, what does not, what is booked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.errors import Conflict, Invalid
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance
from app.payments.gateways.base import GatewayDispute
from app.payments.models import (
    Dispute,
    ExceptionKind,
    ExceptionStatus,
    Payment,
    PaymentAttempt,
    ReconciliationException,
    ReconciliationRun,
    RunStatus,
    Settlement,
)
from app.payments.services import (
    accept_fee,
    answer_difference,
    apply_dispute_fact,
    apply_fact,
    approve_refund,
    ask_gateway,
    carry_out_run,
    look_again,
    plan_nightly_runs,
    plan_run,
    request_refund,
    send_refund,
    start_checkout,
)
from app.tenancy.models import ProviderAccount
from tests.daytime import ZONE_NAME
from tests.factories.access import set_settings
from tests.factories.payments import closed_port, make_fact, make_gateway_account, make_payment, reread, rupees
from tests.sandbox_server import RunningSandbox

CLEARING = AccountCode.GATEWAY_CLEARING


def account() -> ProviderAccount:
    return db.session.scalars(select(ProviderAccount).where(ProviderAccount.channel == "payment")).one()


def pay(gateway: RunningSandbox, amount: str = "800") -> Payment:
    payment = make_payment(rupees(amount))
    gateway.pay(start_checkout(payment.id).order_id)
    ask_gateway(payment.id)
    return reread(payment)  # type: ignore[no-any-return]


def reconcile() -> ReconciliationRun:
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        run = plan_run(account().id, today - timedelta(days=1), today + timedelta(days=1))
    carry_out_run(run.id)
    return reread(run)  # type: ignore[no-any-return]


def differences(status: ExceptionStatus = ExceptionStatus.OPEN) -> list[ReconciliationException]:
    db.session.expire_all()
    wanted = select(ReconciliationException).where(ReconciliationException.status == status)
    return list(db.session.scalars(wanted.order_by(ReconciliationException.id)))


def tamper(payment: Payment, **columns: Any) -> None:
    """As if our books had kept something else of it."""
    with unit_of_work():
        attempt = db.session.scalars(select(PaymentAttempt).where(PaymentAttempt.payment_id == payment.id)).one()
        for name, value in columns.items():
            setattr(attempt, name, value)


def move_account(base_url: str) -> None:
    with unit_of_work():
        account().base_url = base_url


def test_what_fits_yields_nothing_and_empties_the_clearing_account(gateway: RunningSandbox, acting: Any) -> None:
    payments = [pay(gateway, "800"), pay(gateway, "1200")]
    with acting("FINANCE_BILLING"), unit_of_work():
        refund = request_refund(payments[1], rupees("300"), "too much")
    with acting("CLINIC_ADMIN"), unit_of_work():
        approve_refund(reread(refund))
    send_refund(refund.id)
    before = balance(AccountCode.BANK)
    (settled,) = gateway.settle()
    run = reconcile()
    assert (run.status, run.line_count, run.found_count) == (RunStatus.DONE, 3, 0)
    assert differences() == []
    settlement = db.session.scalars(select(Settlement)).one()
    assert settlement.net == Money(settled["amount"], "INR")
    assert balance(AccountCode.BANK) - before == settlement.net
    assert balance(CLEARING) == Money.zero("INR")


def test_twice_is_once(gateway: RunningSandbox) -> None:
    pay(gateway)
    gateway.settle()
    reconcile()
    banked = balance(AccountCode.BANK)
    run = reconcile()
    assert run.found_count == 0
    assert balance(AccountCode.BANK) == banked
    assert len(db.session.scalars(select(Settlement)).all()) == 1
    carry_out_run(run.id)
    assert reread(run).attempts == 1


def test_a_payment_that_we_never_heard_of_is_found_and_taken_in(gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("500"))
    gateway.pay(start_checkout(payment.id).order_id)  # and no notice came
    gateway.settle()
    assert reconcile().found_count == 1
    (difference,) = differences()
    assert (difference.kind, difference.found) == (ExceptionKind.MISSING_OURS, rupees("500"))
    assert look_again(difference.id) is True
    assert reread(payment).status == "COMPLETED"
    assert reread(difference).status == ExceptionStatus.RESOLVED
    assert balance(CLEARING) == Money.zero("INR")


def test_an_order_of_somebody_else_needs_words(gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("500"))
    gateway.pay(start_checkout(payment.id).order_id)
    gateway.settle()
    reconcile()
    (difference,) = differences()
    with unit_of_work():
        difference.order_id = "order_ofAnotherShop"
    with pytest.raises(Conflict):
        look_again(difference.id)
    with pytest.raises(Invalid), unit_of_work():
        answer_difference(reread(difference), ExceptionStatus.IGNORED, " ")
    with unit_of_work():
        answer_difference(reread(difference), ExceptionStatus.IGNORED, "Sold by the cafeteria")
    reconcile()
    assert reread(difference).status == ExceptionStatus.IGNORED  # the same figures: the answer holds


def test_another_amount_and_another_fee_are_told_and_close_when_they_fit(gateway: RunningSandbox) -> None:
    first, second = pay(gateway), pay(gateway, "900")
    gateway.settle()
    fee = db.session.scalars(select(PaymentAttempt).where(PaymentAttempt.payment_id == second.id)).one().fee_minor
    assert fee
    tamper(first, captured_minor=79_000)
    tamper(second, fee_minor=fee - 118, fee_tax_minor=100)
    assert reconcile().found_count == 2
    found = {item.kind: item for item in differences()}
    assert set(found) == {ExceptionKind.WRONG_AMOUNT, ExceptionKind.WRONG_FEE}
    assert (found[ExceptionKind.WRONG_AMOUNT].expected, found[ExceptionKind.WRONG_AMOUNT].found) == (
        rupees("790"),
        rupees("800"),
    )
    before = balance(CLEARING)
    with unit_of_work():
        accept_fee(reread(found[ExceptionKind.WRONG_FEE]))
    assert before - balance(CLEARING) == Money(118, "INR")
    tamper(first, captured_minor=80_000)
    assert reconcile().found_count == 0
    assert differences() == []


def test_what_is_not_paid_out_in_time_is_missing_until_it_comes(gateway: RunningSandbox) -> None:
    payment = pay(gateway)
    with unit_of_work():
        reread(payment).completed_at = clock.now() - timedelta(days=7, hours=12)
    assert reconcile().found_count == 1
    (difference,) = differences()
    assert (difference.kind, difference.expected) == (ExceptionKind.MISSING_THEIRS, rupees("800"))
    gateway.settle()
    assert reconcile().found_count == 0
    assert reread(difference).status == ExceptionStatus.RESOLVED


def test_a_gateway_that_does_not_answer_is_asked_again_later(gateway: RunningSandbox) -> None:
    pay(gateway)
    gateway.settle()
    move_account(f"http://127.0.0.1:{closed_port()}")
    run = reconcile()
    assert (run.status, run.attempts) == (RunStatus.PLANNED, 1)
    assert run.error == "unreachable: No connection."
    assert run.next_at and run.next_at > clock.now()
    move_account(gateway.razorpay_url)
    carry_out_run(run.id)
    assert reread(run).status == RunStatus.PLANNED  # not yet due
    with clock.travel(timedelta(minutes=6)):
        carry_out_run(run.id)
    assert reread(run).status == RunStatus.DONE


def test_only_one_run_of_an_account_waits(gateway: RunningSandbox) -> None:
    today = clock.today(ZONE_NAME)
    with unit_of_work():
        plan_run(account().id, today, today)
    with pytest.raises(Conflict), unit_of_work():
        plan_run(account().id, today, today)
    with pytest.raises(Invalid), unit_of_work():
        plan_run(account().id, today, today - timedelta(days=1))
    with pytest.raises(Invalid), unit_of_work():
        plan_run("019b0000-0000-7000-8000-000000000000", today, today)


def test_each_night_every_account_is_compared_once(in_clinic: Any) -> None:
    set_settings(in_clinic.id, zone="Asia/Kolkata")
    make_gateway_account()
    night = clock.now().replace(hour=22, minute=0)  # 03:30 in India
    with clock.travel(to=night - timedelta(hours=1)), unit_of_work():
        assert plan_nightly_runs() == []
    with clock.travel(to=night), unit_of_work():
        (run,) = plan_nightly_runs()
        assert run.last_on == run.nightly_on - timedelta(days=1)
    with clock.travel(to=night + timedelta(minutes=20)), unit_of_work():
        assert plan_nightly_runs() == []


@pytest.mark.parametrize("states", [("open", "under_review", "lost"), ("lost", "open"), ("lost", "under_review")])
def test_a_lost_dispute_is_booked_once_whatever_the_order(razorpay_clinic: Any, states: tuple[str, ...]) -> None:
    payment = make_payment(rupees("800"), order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment))
    before = balance(AccountCode.CHARGEBACKS)
    for state in (*states, states[0]):
        with unit_of_work():
            apply_dispute_fact(payment.id, GatewayDispute("disp_1", "pay_1", state, rupees("800"), "fraudulent"))
    dispute = db.session.scalars(select(Dispute).where(Dispute.payment_id == payment.id)).one()
    assert (dispute.state, dispute.reason) == ("LOST", "fraudulent")
    assert dispute.closed_at is not None
    assert balance(AccountCode.CHARGEBACKS) - before == rupees("800")
    assert reread(payment).status == "COMPLETED"


def test_a_won_dispute_costs_nothing(razorpay_clinic: Any) -> None:
    payment = make_payment(rupees("800"), order_id="order_1")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment))
    for state in ("open", "won", "under_review"):
        with unit_of_work():
            apply_dispute_fact(payment.id, GatewayDispute("disp_2", "pay_1", state, rupees("800")))
    assert db.session.scalars(select(Dispute.state).where(Dispute.payment_id == payment.id)).one() == "WON"
    assert balance(AccountCode.CHARGEBACKS) == Money.zero("INR")
