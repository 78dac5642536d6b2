"""One transition function: every order, repetition and lateness of facts ends in the same sums, status and books."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.events.models import EventRecord
from app.ledger.accounts import AccountCode
from app.ledger.queries import balance, trial_balance, trial_balance_totals
from app.payments.errors import FactRefused, NotKnownYet
from app.payments.gateways.base import GatewayPayment, PaymentState, RefundState
from app.payments.models import Payment, PaymentStatus
from app.payments.services import apply_fact, apply_refund_fact, apply_release
from tests.factories.payments import make_fact, make_payment, make_refund_fact, reread, rupees
from tests.factories.people import make_patient


@pytest.fixture
def payment(razorpay_clinic: Any) -> Payment:
    return make_payment(rupees("800"), order_id="order_1")


def apply(payment: Payment, *facts: GatewayPayment) -> Payment:
    for fact in facts:
        with unit_of_work():
            apply_fact(payment.id, fact)
    return reread(payment)


def published(event_type: str) -> int:
    wanted = select(func.count()).select_from(EventRecord).where(EventRecord.type == event_type)
    return int(db.session.scalar(wanted) or 0)


def test_a_new_payment_is_pending(payment: Payment) -> None:
    assert payment.status == PaymentStatus.PENDING
    assert payment.pending_minor == 80_000


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (PaymentState.PENDING, "PENDING"),
        (PaymentState.AUTHORIZED, "AUTHORIZED"),
        (PaymentState.CAPTURED, "COMPLETED"),
        (PaymentState.FAILED, "FAILED"),
        (PaymentState.VOIDED, "VOIDED"),
    ],
)
def test_the_status_follows_from_the_sums(payment: Payment, state: PaymentState, status: str) -> None:
    assert apply(payment, make_fact(payment, state)).status == status


def test_nobody_can_set_the_status(payment: Payment) -> None:
    payment.status = PaymentStatus.COMPLETED
    with pytest.raises(Exception, match="can only be updated to DEFAULT"), unit_of_work():
        pass


def test_a_capture_is_booked_as_the_patients_credit(payment: Payment) -> None:
    paid = apply(payment, make_fact(payment, fee=rupees("18.88"), tax=rupees("2.88")))
    assert paid.gateway_payment_id == "pay_1"
    assert paid.completed_at is not None
    assert balance(AccountCode.PATIENT_CREDIT, paid.patient_id) == rupees("800")
    assert balance(AccountCode.GATEWAY_CLEARING) == rupees("781.12")
    assert balance(AccountCode.GATEWAY_FEES) == rupees("16")
    assert balance(AccountCode.INPUT_TAX) == rupees("2.88")


def test_the_same_fact_again_moves_nothing(payment: Payment) -> None:
    fact = make_fact(payment, fee=rupees("10"), tax=rupees("0"))
    apply(payment, fact, fact, fact)
    assert balance(AccountCode.PATIENT_CREDIT) == rupees("800")
    assert balance(AccountCode.GATEWAY_FEES) == rupees("10")
    assert published("payment.completed") == 1


def test_a_failed_attempt_is_not_final(payment: Payment) -> None:
    failed = apply(payment, make_fact(payment, PaymentState.FAILED, error_code="card_expired", error_text="Expired."))
    assert (failed.status, failed.failure_code) == ("FAILED", "card_expired")
    assert published("payment.failed") == 1
    paid = apply(payment, make_fact(payment, PaymentState.CAPTURED))
    assert (paid.status, paid.failure_code) == ("COMPLETED", "")


def test_a_second_attempt_after_a_failed_one_counts(payment: Payment) -> None:
    paid = apply(
        payment,
        make_fact(payment, PaymentState.FAILED, payment_id="pay_1"),
        make_fact(payment, PaymentState.CAPTURED, payment_id="pay_2"),
    )
    assert (paid.status, paid.gateway_payment_id, paid.captured_minor) == ("COMPLETED", "pay_2", 80_000)


def test_money_paid_twice_on_one_order_is_all_there(payment: Payment) -> None:
    paid = apply(payment, make_fact(payment, payment_id="pay_1"), make_fact(payment, payment_id="pay_2"))
    assert paid.captured_minor == 160_000
    assert balance(AccountCode.PATIENT_CREDIT, paid.patient_id) == rupees("1600")
    assert published("payment.completed") == 2


def test_a_release_of_reserved_money_is_a_void_and_books_nothing(payment: Payment) -> None:
    apply(payment, make_fact(payment, PaymentState.AUTHORIZED))
    with unit_of_work():
        apply_release(payment.id, "pay_1", rupees("800"))
    assert reread(payment).status == PaymentStatus.VOIDED
    assert trial_balance() == []


@pytest.mark.parametrize(
    "wrong",
    [{"order_id": "order_other"}, {"amount": Money(80_000, "USD")}],
)
def test_a_fact_of_another_order_or_currency_is_refused(payment: Payment, wrong: dict[str, Any]) -> None:
    values = {"refunded": Money.zero("USD"), "voided": Money.zero("USD")} if "amount" in wrong else {}
    with pytest.raises(FactRefused), unit_of_work():
        apply_fact(payment.id, make_fact(payment, **wrong, **values))
    assert reread(payment).status == PaymentStatus.PENDING


# ---- refunds that the gateway tells us of ----


def test_a_refund_from_the_vendors_dashboard_becomes_an_external_refund(payment: Payment) -> None:
    apply(payment, make_fact(payment))
    with unit_of_work():
        refund = apply_refund_fact(payment.id, make_refund_fact(rupees("300")))
    assert (refund.external, refund.status) == (True, "SETTLED")
    refunded = reread(payment)
    assert (refunded.status, refunded.refunded_minor) == ("PARTIALLY_REFUNDED", 30_000)
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("500")
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")
    assert published("payment.refunded") == 1


def test_a_refund_waits_until_its_capture_is_known(payment: Payment) -> None:
    with pytest.raises(NotKnownYet), unit_of_work():
        apply_refund_fact(payment.id, make_refund_fact(rupees("300")))
    assert reread(payment).status == PaymentStatus.PENDING


def test_a_refund_on_its_way_is_money_in_transit(payment: Payment) -> None:
    apply(payment, make_fact(payment))
    with unit_of_work():
        apply_refund_fact(payment.id, make_refund_fact(rupees("800"), RefundState.PENDING))
    assert reread(payment).status == PaymentStatus.COMPLETED
    assert reread(payment).refundable == rupees("0")
    assert balance(AccountCode.REFUND_CLEARING) == rupees("800")


def test_a_refund_that_came_back_is_undone(payment: Payment) -> None:
    apply(payment, make_fact(payment))
    for state in (RefundState.PENDING, RefundState.SETTLED, RefundState.FAILED, RefundState.SETTLED):
        with unit_of_work():
            apply_refund_fact(payment.id, make_refund_fact(rupees("800"), state, refund_id="rfnd_1"))
    assert reread(payment).status == PaymentStatus.COMPLETED
    assert balance(AccountCode.PATIENT_CREDIT, payment.patient_id) == rupees("800")
    assert balance(AccountCode.REFUND_CLEARING) == rupees("0")
    assert (published("payment.refunded"), published("payment.refund.failed")) == (1, 1)


# ---- order does not matter ----


def final_state(payment: Payment) -> dict[str, Any]:
    row = reread(payment)
    sums = ("authorized_minor", "captured_minor", "refunded_minor", "voided_minor", "pending_minor")
    return {
        "status": row.status,
        **{name: getattr(row, name) for name in sums},
        "refund_pending": row.refund_pending_minor,
        "gateway_payment_id": row.gateway_payment_id,
        "attempts": sorted((item.gateway_payment_id, item.captured_minor, item.failed) for item in row.attempts),
        "refunds": sorted((item.gateway_refund_id, item.status, item.amount_minor) for item in row.refunds),
    }


def long_story(payment: Payment) -> list[Any]:
    """A failed try, the capture, a part refund that settles, and one that fails."""
    return [
        make_fact(payment, PaymentState.FAILED, payment_id="pay_1"),
        make_fact(payment, payment_id="pay_2", fee=rupees("16"), tax=rupees("2")),
        make_refund_fact(rupees("300"), RefundState.PENDING, refund_id="rfnd_1", payment_id="pay_2"),
        make_refund_fact(rupees("300"), RefundState.SETTLED, refund_id="rfnd_1", payment_id="pay_2"),
        make_refund_fact(rupees("500"), RefundState.FAILED, refund_id="rfnd_2", payment_id="pay_2"),
    ]


def slow_story(payment: Payment) -> list[Any]:
    """Given up by the bank, reserved after all, captured, refunded whole: on one attempt."""
    return [
        make_fact(payment, PaymentState.FAILED),
        make_fact(payment, PaymentState.AUTHORIZED),
        make_fact(payment, PaymentState.CAPTURED, fee=rupees("16"), tax=rupees("2")),
        make_refund_fact(rupees("800"), RefundState.SETTLED, refund_id="rfnd_1"),
    ]


def tell(payment: Payment, facts: list[Any]) -> None:
    """As the inbox does: what is not known yet comes again later."""
    waiting = list(facts)
    while waiting:
        later = []
        for fact in waiting:
            try:
                with unit_of_work():
                    if isinstance(fact, GatewayPayment):
                        apply_fact(payment.id, fact)
                    else:
                        apply_refund_fact(payment.id, fact)
            except NotKnownYet:
                later.append(fact)
        assert len(later) < len(waiting), "facts that never make sense"
        waiting = later


@pytest.mark.parametrize(
    ("story", "status", "books"),
    [
        (
            long_story,
            "PARTIALLY_REFUNDED",
            {"GATEWAY_CLEARING": 48_400, "GATEWAY_FEES": 1_400, "INPUT_TAX": 200, "PATIENT_CREDIT": 50_000},
        ),
        (slow_story, "REFUNDED", {"GATEWAY_CLEARING": -1_600, "GATEWAY_FEES": 1_400, "INPUT_TAX": 200}),
    ],
)
def test_every_order_of_a_payments_facts_ends_the_same(
    razorpay_clinic: Any, story: Any, status: str, books: dict[str, int]
) -> None:
    patient_id, states = make_patient().id, []
    orders = list(permutations(range(len(story(make_payment(patient_id=patient_id))))))
    for number, order in enumerate(orders):
        payment = make_payment(rupees("800"), order_id=f"order_{number}", patient_id=patient_id)
        facts = story(payment)
        tell(payment, [facts[index] for index in order])
        states.append(final_state(payment))
    assert all(state == states[0] for state in states)
    assert states[0]["status"] == status
    assert published("payment.completed") == len(orders)
    whole = {line.code: line.balance.minor for line in trial_balance() if line.balance}
    assert whole == {code: amount * len(orders) for code, amount in books.items()}
    assert all(debits == credits for debits, credits in trial_balance_totals(trial_balance()))
