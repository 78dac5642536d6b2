"""The combined report of payouts, read from the sandbox over HTTP and from scripted answers."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.core import clock
from app.core.money import Money
from app.core.providers import Timeouts
from app.payments.gateways.base import SettlementKind, SettlementLine
from app.payments.gateways.razorpay import Razorpay, RazorpayCredentials
from tests.factories.payments import CREDENTIALS, KEY_ID, KEY_SECRET, WEBHOOK_SECRET
from tests.payments.gateways.razorpay_account import REQUEST
from tests.sandbox_server import running_sandbox
from tests.scripted_server import Server, answer


def row(number: int, settled_at: int = 1_767_225_600, **fields: Any) -> dict[str, Any]:
    return {
        "entity_id": f"pay_{number}", "type": "payment", "debit": 0, "credit": 97_640, "amount": 100_000,
        "currency": "INR", "fee": 2_360, "tax": 360, "settled_at": settled_at, "settlement_id": "setl_1",
        "settlement_utr": "UTR1", "payment_id": None, "order_id": f"order_{number}",
        "order_receipt": f"attempt-{number}",
        "dispute_id": None, **fields,
    }  # fmt: skip


def lines(gateway: Razorpay, first: date, last: date) -> list[SettlementLine]:
    return gateway.fetch_settlement_lines(first, last)


def test_rows_are_signed_from_our_side(server: Server, razorpay: Razorpay) -> None:
    refund = row(2, entity_id="rfnd_1", type="refund", debit=40_000, credit=0, fee=0, tax=0, payment_id="pay_1")
    chargeback = row(3, entity_id="adj_1", type="adjustment", debit=5_000, credit=0, fee=0, tax=0, dispute_id="disp_1")
    server.will(answer(200, {"items": [row(1), refund, chargeback]}))
    paid, back, disputed = lines(razorpay, date(2026, 1, 1), date(2026, 1, 1))
    assert (paid.gross, paid.fee, paid.tax, paid.net) == tuple(
        Money(minor, "INR") for minor in (100_000, 2_360, 360, 97_640)
    )
    assert (paid.kind, paid.gateway_id, paid.payment_id, paid.reference) == (
        SettlementKind.PAYMENT, "pay_1", "pay_1", "attempt-1",
    )  # fmt: skip
    assert (back.kind, back.gross, back.payment_id, back.reference) == (
        SettlementKind.REFUND, Money(-40_000, "INR"), "pay_1", "",
    )  # fmt: skip
    assert (disputed.kind, disputed.gateway_id, disputed.net) == (
        SettlementKind.DISPUTE, "disp_1", Money(-5_000, "INR"),
    )  # fmt: skip
    assert (paid.settlement_id, paid.bank_reference) == ("setl_1", "UTR1")


def test_a_period_is_asked_for_by_month_to_its_last_page_and_cut_to_its_days(
    server: Server, razorpay: Razorpay
) -> None:
    new_year_in_india = 1_767_205_800  # 2025-12-31 18:30 UTC
    full = [row(number, new_year_in_india) for number in range(1000)]
    server.will(
        answer(200, {"items": [row(1, new_year_in_india - 1)]}),
        answer(200, {"items": full}),
        answer(200, {"items": [row(1001, new_year_in_india + 86_400)]}),
    )
    found = lines(razorpay, date(2025, 12, 31), date(2026, 1, 1))
    assert len(found) == 1001
    assert found[0].settled_at < found[-1].settled_at
    assert [call.path.partition("?")[2] for call in server.received] == [
        "year=2025&month=12&count=1000&skip=0",
        "year=2026&month=1&count=1000&skip=0",
        "year=2026&month=1&count=1000&skip=1000",
    ]


def test_the_sandboxs_payout_is_found_again() -> None:
    with running_sandbox() as sandbox:
        sandbox.account("razorpay", keyId=KEY_ID, keySecret=KEY_SECRET, webhookSecret=WEBHOOK_SECRET)
        gateway = Razorpay(
            RazorpayCredentials.load(CREDENTIALS), base_url=sandbox.razorpay_url, timeouts=Timeouts(3, 10)
        )
        paid = sandbox.pay(gateway.create_checkout(REQUEST).order_id)["paymentId"]
        settlement = sandbox.settle()[0]
        today = clock.now().date()
        line = lines(gateway, today - timedelta(days=1), today + timedelta(days=1))[0]
    assert (line.settlement_id, line.gateway_id, line.reference) == (settlement["id"], paid, REQUEST.reference)
    assert line.gross == REQUEST.amount
    assert line.net == Money(settlement["amount"], "INR")
