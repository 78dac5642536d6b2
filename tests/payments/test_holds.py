"""Payments that somebody looks at first: which, what the payer is told, and what a decision does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from app.core import clock
from app.core.money import Money
from app.core.state import WrongState
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.payments.errors import PaymentUnderReview
from app.payments.gateways.base import PaymentState
from app.payments.models import HoldReason, HoldStatus, Payment, PaymentHold, Refund
from app.payments.services import apply_fact, checkout_url, decline_hold, record_tender, release_hold, start_checkout
from tests.factories.payments import make_fact, make_payment, reread, rupees
from tests.factories.people import make_patient
from tests.sandbox_server import RunningSandbox


def hold_of(payment: Payment) -> PaymentHold | None:
    db.session.rollback()
    return db.session.scalar(select(PaymentHold).where(PaymentHold.payment_id == payment.id))


def held(payment: Payment) -> PaymentHold:
    with pytest.raises(PaymentUnderReview):
        start_checkout(payment.id)
    hold = hold_of(payment)
    assert hold is not None
    return hold


def orders(gateway: RunningSandbox) -> int:
    return gateway.call_counts("razorpay").get("create_order", 0)


def test_a_large_amount_waits_and_the_gateway_hears_nothing(gateway: RunningSandbox) -> None:
    usual, large = make_payment(rupees("200000")), make_payment(rupees("200000.01"))
    start_checkout(usual.id)
    assert held(large).reasons == [HoldReason.LARGE_AMOUNT]
    assert hold_of(usual) is None
    assert orders(gateway) == 1


def test_asking_again_makes_no_second_review(gateway: RunningSandbox) -> None:
    payment = make_payment(rupees("300000"))
    assert held(payment).id == held(payment).id


def test_the_seventh_payment_of_a_patient_within_an_hour_waits(gateway: RunningSandbox) -> None:
    patient = make_patient()
    first = [make_payment(rupees("100"), patient_id=patient.id) for _ in range(6)]
    start_checkout(first[0].id)
    seventh = make_payment(rupees("100"), patient_id=patient.id)
    assert held(seventh).reasons == [HoldReason.VELOCITY]
    with clock.travel(timedelta(hours=2)):
        later = make_payment(rupees("100"), patient_id=patient.id)
        assert start_checkout(later.id).order_id


def test_six_failures_within_a_day_make_the_next_payment_wait(gateway: RunningSandbox) -> None:
    patient = make_patient()
    failing = make_payment(rupees("100"), patient_id=patient.id, order_id="order_failing")
    for number in range(6):
        with unit_of_work():
            apply_fact(failing.id, make_fact(failing, PaymentState.FAILED, payment_id=f"pay_failed_{number}"))
    assert held(make_payment(rupees("100"), patient_id=patient.id)).reasons == [HoldReason.REPEATED_FAILURE]
    with clock.travel(timedelta(days=1, minutes=1)):
        assert start_checkout(make_payment(rupees("100"), patient_id=patient.id).id).order_id


def test_another_amount_than_asked_is_reviewed_with_the_money_booked(razorpay_clinic: Any) -> None:
    payment = make_payment(rupees("800"), order_id="order_more")
    for _ in range(2):
        with unit_of_work():
            apply_fact(payment.id, make_fact(payment, amount=rupees("900")))
    hold = hold_of(payment)
    assert hold is not None and hold.reasons == [HoldReason.MISMATCH]
    assert reread(payment).captured == rupees("900")


def test_money_at_the_desk_is_never_held(razorpay_clinic: Any) -> None:
    patient = make_patient()
    with unit_of_work():
        payment = record_tender("CASH", rupees("900000"), patient_id=patient.id)
    assert hold_of(payment) is None


def test_a_released_payment_goes_on(gateway: RunningSandbox, acting: Any) -> None:
    payment = make_payment(rupees("300000"))
    hold = held(payment)
    with acting("FINANCE_BILLING"), unit_of_work():
        release_hold(hold, "Known patient")
    assert start_checkout(payment.id).order_id
    assert reread(hold).status == HoldStatus.RELEASED


def test_a_declined_payment_is_given_up(gateway: RunningSandbox, acting: Any) -> None:
    payment = make_payment(rupees("300000"))
    hold = held(payment)
    with acting("FINANCE_BILLING"), unit_of_work():
        decline_hold(hold)
    assert reread(payment).status == "VOIDED"
    assert orders(gateway) == 0
    with acting("FINANCE_BILLING"), pytest.raises(WrongState), unit_of_work():
        release_hold(reread(hold))


def test_declining_money_that_came_asks_for_its_refund(razorpay_clinic: Any, acting: Any) -> None:
    payment = make_payment(rupees("800"), order_id="order_less")
    with unit_of_work():
        apply_fact(payment.id, make_fact(payment, amount=rupees("700")))
    with acting("FINANCE_BILLING"), unit_of_work():
        decline_hold(hold_of(payment))
    refund = db.session.scalars(select(Refund).where(Refund.payment_id == payment.id)).one()
    assert (refund.status, refund.amount) == ("REQUESTED", Money(70_000, "INR"))


def test_the_payer_reads_why(gateway: RunningSandbox, app: Any) -> None:
    payment = make_payment(rupees("300000"))
    page = app.test_client().get(checkout_url(payment.id).partition("8000")[2])
    assert page.status_code == 409
    assert "The clinic looks at this payment first" in page.text
