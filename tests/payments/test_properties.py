"""Random lives of payments: whatever happens in whatever order, sums and books tell one story and balance."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.errors import AppError
from app.core.money import Money
from app.core.principal import Membership, Principal, acting_as
from app.core.tenant import tenant_scope
from app.core.transaction import unit_of_work
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.errors import NotKnownYet
from app.payments.gateways.base import PaymentState, RefundState
from app.payments.models import Payment, RefundStatus
from app.payments.services import apply_fact, apply_refund_fact, approve_refund, reject_refund, request_refund
from tests.factories.access import make_clinic
from tests.factories.payments import (
    make_fact,
    make_gateway_account,
    make_payment,
    make_refund_fact,
    make_tender,
    reread,
)
from tests.factories.people import make_patient

SETTINGS = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AMOUNTS = st.integers(100, 10**9)
SHARES = st.integers(1, 100)
CURRENCIES = st.sampled_from(["INR", "USD", "JPY", "KWD"])
ATTEMPTS = st.sampled_from(["pay_1", "pay_2"])
PAYMENT_FACTS = st.tuples(st.just("payment"), st.sampled_from(list(PaymentState)), ATTEMPTS)
REFUND_FACTS = st.tuples(
    st.just("refund"), st.sampled_from(list(RefundState)), st.sampled_from(["rfnd_1", "rfnd_2", "rfnd_3"])
)
DEEDS = st.tuples(st.sampled_from(["ask", "approve", "reject"]), SHARES, st.none())


def finance(clinic: Any) -> Principal:
    member = Membership(clinic.id, clinic.name, "FINANCE_BILLING")
    return Principal("019aa000-0000-7000-8000-000000000009", "f", "F", "-", (member,), member)


def check(payment: Payment, account: AccountCode) -> None:
    """The stored sums, the derived status and the journal tell one story."""
    row = reread(payment)
    given_back = [refund for refund in row.refunds if refund.status == RefundStatus.SETTLED]
    assert row.refunded_minor == sum(refund.amount_minor for refund in given_back)
    assert 0 <= row.refunded_minor <= row.captured_minor <= row.authorized_minor
    assert row.refundable.minor >= 0
    currency = row.currency
    owed = balance(AccountCode.PATIENT_CREDIT, row.patient_id, currency=currency)
    assert owed == row.captured - row.refunded
    in_transit = balance(AccountCode.REFUND_CLEARING, currency=currency)
    kept = balance(account, currency=currency) + balance(AccountCode.GATEWAY_FEES, currency=currency)
    assert kept + in_transit == owed
    assert in_transit == Money.total((item.amount for item in row.refunds if item.status == "SENT"), currency)
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
    expected = "REFUNDED" if row.refunded_minor == row.captured_minor else "PARTIALLY_REFUNDED"
    if row.captured_minor:
        assert row.status == (expected if row.refunded_minor else "COMPLETED")


@SETTINGS
@given(minor=AMOUNTS, facts=st.lists(st.one_of(PAYMENT_FACTS, REFUND_FACTS), max_size=14), data=st.data())
def test_whatever_a_gateway_says_in_whatever_order(app_context: Any, minor: int, facts: Any, data: Any) -> None:
    refunds = {name: minor * data.draw(SHARES) // 100 for name in ("rfnd_1", "rfnd_2", "rfnd_3")}
    with tenant_scope(make_clinic().id):
        make_gateway_account()
        payment = make_payment(Money(minor, "INR"), order_id="order_1", patient_id=make_patient().id)
        for kind, state, name in facts:
            try:
                with unit_of_work():
                    if kind == "payment":
                        fee = Money(minor // 50, "INR") if state is PaymentState.CAPTURED else None
                        apply_fact(payment.id, make_fact(payment, state, payment_id=name, fee=fee))
                    else:
                        amount = Money(refunds[name], "INR")
                        apply_refund_fact(payment.id, make_refund_fact(amount, state, refund_id=name))
            except NotKnownYet:
                continue
            check(payment, AccountCode.GATEWAY_CLEARING)


@SETTINGS
@given(minor=AMOUNTS, currency=CURRENCIES, deeds=st.lists(DEEDS, max_size=14))
def test_whatever_the_desk_does(app_context: Any, minor: int, currency: str, deeds: Any) -> None:
    clinic = make_clinic()
    with tenant_scope(clinic.id), acting_as(finance(clinic)):
        payment = make_tender("CASH", Money(minor, currency))
        for deed, share, _ in deeds:
            row = reread(payment)
            waiting = [refund for refund in row.refunds if refund.status == RefundStatus.REQUESTED]
            try:
                with unit_of_work():
                    if deed == "ask":
                        request_refund(row, Money(max(minor * share // 100, 1), currency), "because")
                    elif waiting:
                        (approve_refund if deed == "approve" else reject_refund)(waiting[share % len(waiting)])
            except AppError as error:
                assert error.code == "REFUND_TOO_LARGE"
            check(payment, AccountCode.CASH)
