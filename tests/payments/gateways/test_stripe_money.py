"""Stripe's amounts, refunds, payouts and saved instruments: against scripted answers of the API."""

from __future__ import annotations

from datetime import date
from urllib.parse import parse_qsl

import pytest

from app.core.money import CURRENCIES, Money
from app.core.providers import Outcome, ProviderError
from app.payments.gateways.base import (
    CheckoutRequest,
    PaymentState,
    RefundState,
    SettlementKind,
)
from app.payments.gateways.saved_methods import SavedCharge
from app.payments.gateways.stripe import Stripe
from app.payments.gateways.stripe_wire import REFERENCE
from tests.payments.gateways.razorpay_account import failure_of
from tests.payments.gateways.stripe_account import (
    ENTRY,
    REFUND,
    RUPEES_500,
    intent_entity,
    listed,
    open_gateway,
    refund_entity,
    refusal,
)
from tests.scripted_server import Server, answer


@pytest.fixture
def gateway(server: Server) -> Stripe:
    return open_gateway(server.url)


def form(server: Server, at: int = 0) -> dict[str, str]:
    return dict(parse_qsl(server.received[at].body.decode()))


def minors(*amounts: Money) -> tuple[int, ...]:
    return tuple(amount.minor for amount in amounts)


# --- amounts


@pytest.mark.parametrize(
    ("amount", "units"),
    [
        (Money(1050, "INR"), 1050), (Money(1050, "USD"), 1050), (Money(1050, "JPY"), 1050), (Money(5, "ISK"), 500),
        (Money(5, "UGX"), 500), (Money(1230, "KWD"), 1230), (Money(500, "MGA"), 5), (Money(1045, "HUF"), 1045),
        (Money(80045, "TWD"), 80045),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_amounts_cross_the_wire_in_stripes_own_unit(amount: Money, units: int) -> None:
    assert Stripe.to_wire(amount) == units
    assert Stripe.from_wire(units, amount.currency) == amount


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        (Money(0, "INR"), "amount_not_positive"), (Money(-1, "INR"), "amount_not_positive"),
        (Money(1234, "KWD"), "amount_too_precise"), (Money(150, "MGA"), "amount_too_precise"),
        (Money(49, "INR"), "amount_too_small"), (Money(49, "USD"), "amount_too_small"),
        (Money(49, "JPY"), "amount_too_small"), (Money(17_499, "HUF"), "amount_too_small"),
        (Money(199, "AED"), "amount_too_small"),
    ],
    ids=lambda value: str(value),
)  # fmt: skip
def test_amounts_that_cannot_be_charged_are_refused_before_a_call(
    server: Server, gateway: Stripe, amount: Money, code: str
) -> None:
    request = CheckoutRequest("r", amount, "Visit", "https://a.test", "https://b.test")
    error = failure_of(lambda: gateway.create_checkout(request))
    assert (error.outcome, error.code) == (Outcome.PERMANENT_MESSAGE, code)
    assert server.received == []


def test_a_small_amount_may_still_be_given_back() -> None:
    assert Stripe.to_wire(Money(1, "INR")) == 1
    with pytest.raises(ProviderError):
        Stripe.check_charge(Money(1, "INR"))


@pytest.mark.parametrize("currency", sorted(CURRENCIES - {"CLF", "UYW"}))
def test_a_whole_unit_of_every_currency_survives_the_wire(currency: str) -> None:
    amount = Money.parse("1000000", currency)
    assert Stripe.from_wire(Stripe.to_wire(amount), currency) == amount


# --- refunds


def test_a_refund_carries_its_key_and_reference(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, refund_entity()))
    refund = gateway.refund(REFUND)
    assert server.received[0].headers["idempotency-key"] == "refund-key-0001"
    assert form(server) == {
        "payment_intent": "pi_1", "amount": "20000", "reason": "requested_by_customer",
        f"metadata[{REFERENCE}]": "refund-1",
    }  # fmt: skip
    assert (refund.refund_id, refund.state, refund.reference) == ("re_1", RefundState.SETTLED, "refund-1")
    assert refund.bank_reference == "10000000000000"


def test_a_kept_fault_of_a_key_is_passed_over_with_the_next_key(server: Server, gateway: Stripe) -> None:
    kept = answer(500, {"error": {"type": "api_error"}}, Idempotent_Replayed="true")
    server.will(kept, kept, answer(200, refund_entity()))
    assert gateway.refund(REFUND).refund_id == "re_1"
    keys = [call.headers["idempotency-key"] for call in server.received]
    assert keys == ["refund-key-0001", "refund-key-0001.1", "refund-key-0001.2"]


def test_a_fresh_fault_is_unknown_and_not_repeated(server: Server, gateway: Stripe) -> None:
    server.will(answer(500, {"error": {"type": "api_error"}}))
    assert failure_of(lambda: gateway.refund(REFUND)).outcome is Outcome.UNKNOWN
    assert len(server.received) == 1


def test_refunds_are_found_again_without_the_release_of_a_part_capture(server: Server, gateway: Stripe) -> None:
    release = refund_entity(
        id="re_0", metadata={}, balance_transaction={"reporting_category": "partial_capture_reversal"}
    )
    failed = refund_entity(id="re_f", status="failed", balance_transaction=None)
    server.will(listed(release, failed, has_more=True), listed(refund_entity(id="re_ok")))
    found = gateway.refunds_of("pi_1")
    assert [refund.refund_id for refund in found] == ["re_f", "re_ok"]
    server.will(listed(failed, refund_entity(id="re_ok")))
    best = gateway.find_refund("pi_1", "refund-1")
    assert best is not None and best.refund_id == "re_ok"


# --- payouts


def test_a_payouts_rows_are_signed_from_our_side(server: Server, gateway: Stripe) -> None:
    payout = {
        "id": "po_1", "arrival_date": 1767225600, "reconciliation_status": "completed",
        "trace_id": {"status": "supported", "value": "UTR1"},
    }  # fmt: skip
    early = {**payout, "id": "po_0", "arrival_date": 1767139200}
    waiting = {**payout, "id": "po_2", "reconciliation_status": "in_progress"}
    charge = {"id": "ch_1", "payment_intent": "pi_1", "currency": "inr", "metadata": {REFERENCE: "attempt-1"}}
    dollars = {**charge, "payment_intent": "pi_2", "currency": "usd", "amount": 600, "amount_captured": 600}
    refund = {"id": "re_1", "payment_intent": "pi_1", "currency": "inr", "metadata": {REFERENCE: "refund-1"}}
    rows = [
        {**ENTRY, "id": "txn_p", "type": "payout", "reporting_category": "payout", "amount": -1, "fee": 0, "net": -1},
        {**ENTRY, "source": charge},
        {**ENTRY, "id": "txn_2", "source": dollars},
        {**ENTRY, "id": "txn_3", "type": "refund", "reporting_category": "refund", "amount": -20000, "fee": 0,
         "net": -20000, "fee_details": [], "source": refund},
        {**ENTRY, "id": "txn_4", "type": "adjustment", "reporting_category": "dispute", "amount": -5000, "fee": 1500,
         "net": -6500, "fee_details": [], "source": {"id": "du_1", "payment_intent": "pi_1", "currency": "inr"}},
        {**ENTRY, "id": "txn_5", "type": "stripe_fee", "reporting_category": "fee", "amount": -100, "fee": 0,
         "net": -100, "fee_details": [], "source": None},
        {**ENTRY, "id": "txn_6", "type": "refund_failure", "reporting_category": "refund_failure", "amount": 700,
         "fee": 0, "net": 700, "fee_details": [], "source": "re_2"},
    ]  # fmt: skip
    server.will(listed(waiting, payout, early), listed(), listed(*rows))
    lines = gateway.fetch_settlement_lines(date(2025, 12, 31), date(2026, 1, 1))
    assert server.received[0].path == (
        "/v1/payouts?arrival_date%5Bgte%5D=1767139200&arrival_date%5Blte%5D=1767225600&status=paid&limit=100"
    )
    assert ["payout=po_0" in server.received[1].path, "payout=po_1" in server.received[2].path] == [True, True]
    assert [(line.kind, line.gateway_id, minors(line.gross, line.fee, line.net)) for line in lines] == [
        (SettlementKind.PAYMENT, "pi_1", (50000, 1180, 48820)),
        (SettlementKind.PAYMENT, "pi_2", (50000, 1180, 48820)),
        (SettlementKind.REFUND, "re_1", (-20000, 0, -20000)),
        (SettlementKind.DISPUTE, "du_1", (-5000, 1500, -6500)),
        (SettlementKind.FEE, "txn_5", (-100, 0, -100)),
        (SettlementKind.ADJUSTMENT, "re_2", (700, 0, 700)),
    ]
    assert [line.reference for line in lines] == ["attempt-1", "attempt-1", "refund-1", "", "", ""]
    assert (lines[0].presented, lines[1].presented) == (None, Money(600, "USD"))
    assert (lines[0].settlement_id, lines[0].bank_reference, lines[0].tax) == ("po_1", "UTR1", Money(180, "INR"))
    assert lines[3].payment_id == "pi_1"


# --- saved instruments


CHARGE = SavedCharge("cus_1", "pm_1", RUPEES_500, "Plan", "attempt-1", "op-1")


def test_a_saved_card_is_charged_off_session(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, intent_entity()))
    assert gateway.charge_saved(CHARGE).captured == RUPEES_500
    body = form(server)
    assert (body["off_session"], body["confirm"], body["customer"], body["payment_method"]) == (
        "true", "true", "cus_1", "pm_1",
    )  # fmt: skip
    assert server.received[0].headers["idempotency-key"] == "op-1"


def test_a_declined_saved_card_is_a_failed_payment(server: Server, gateway: Stripe) -> None:
    error = {"code": "authentication_required", "decline_code": "authentication_required", "message": "Ask them."}
    intent = intent_entity(status="requires_payment_method", amount_received=0, last_payment_error=error)
    server.will(refusal(402, **error, payment_intent=intent))
    payment = gateway.charge_saved(CHARGE)
    assert (payment.state, payment.error_code) == (PaymentState.FAILED, "authentication_required")


def test_saved_cards_are_shown_by_brand_and_last_digits(server: Server, gateway: Stripe) -> None:
    card = {"brand": "visa", "last4": "4242", "exp_month": 12, "exp_year": 2034, "fingerprint": "f"}
    server.will(listed({"id": "pm_1", "type": "card", "card": card}, {"id": "pm_2", "type": "link"}))
    first, second = gateway.saved_methods("cus_1")
    assert (first.kind, first.brand, first.last4, first.expires) == ("card", "visa", "4242", (2034, 12))
    assert (second.method_id, second.kind, second.last4, second.expires) == ("pm_2", "link", "", None)


def test_removing_a_card_twice_is_no_error(server: Server, gateway: Stripe) -> None:
    server.will(answer(200, {"id": "pm_1"}), refusal(400, code="payment_method_not_attached"), refusal(401))
    gateway.forget_method("pm_1")
    gateway.forget_method("pm_1")
    assert failure_of(lambda: gateway.forget_method("pm_1")).outcome is Outcome.PERMANENT_ACCOUNT
