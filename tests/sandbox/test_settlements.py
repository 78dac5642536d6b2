from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from tests.sandbox.merchants import TestMerchant, events, received
from tests.sandbox_server import Json, RunningSandbox
from tests.scripted_server import Server

INDIA = timezone(timedelta(hours=5, minutes=30))


def _report(merchant: TestMerchant, settlement: Json) -> list[Json]:
    day = datetime.fromtimestamp(settlement["created_at"], INDIA)
    query = {"year": day.year, "month": f"{day.month:02}", "day": f"{day.day:02}", "count": 100}
    rows: list[Json] = merchant.call("GET", "/settlements/recon/combined", params=query).json()["items"]
    return rows


def test_a_settlement_pays_payments_less_fees_less_refunds(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    payment_id = merchant.paid(100_000, receipt="INV-1")
    refund_id = merchant.refund(payment_id, amount=30_000).json()["id"]
    sandbox.pay(merchant.order()["id"], "failure")
    (settlement,) = sandbox.settle()
    assert (settlement["amount"], settlement["fees"], settlement["tax"]) == (100_000 - 2360 - 30_000, 2360, 360)
    assert merchant.call("GET", f"/settlements/{settlement['id']}").json() == settlement
    rows = {row["type"]: row for row in _report(merchant, settlement)}
    assert (rows["payment"]["credit"], rows["payment"]["order_receipt"]) == (97_640, "INV-1")
    assert (rows["refund"]["debit"], rows["refund"]["entity_id"]) == (30_000, refund_id)
    assert {row["settlement_utr"] for row in rows.values()} == {settlement["utr"]}
    assert "settlement.processed" in events(received(clinic, 7))


def test_nothing_is_settled_twice(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    merchant.paid(10_000)
    (first,) = sandbox.settle()
    assert sandbox.settle() == []
    merchant.paid(20_000)
    (second,) = sandbox.settle()
    assert second["amount"] == 20_000 - 472
    assert [item["id"] for item in merchant.sdk.settlement.all()["items"]] == [second["id"], first["id"]]


def test_money_that_was_never_captured_is_not_settled(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    order = merchant.order(payment_capture=0)
    sandbox.pay(order["id"])
    sandbox.pay(order["id"], "expire")
    assert sandbox.settle() == []


@pytest.mark.parametrize("query", [{}, {"year": 2026}, {"year": 2026, "month": 1, "count": 1001}])
def test_the_report_needs_a_month(merchant: TestMerchant, query: dict[str, int]) -> None:
    assert merchant.call("GET", "/settlements/recon/combined", params=query).status_code == 400


def test_a_lost_dispute_takes_the_money_out_of_the_next_settlement(
    merchant: TestMerchant, sandbox: RunningSandbox, clinic: Server
) -> None:
    payment_id = merchant.paid(100_000)
    opened = sandbox.post("/_control/disputes", {"paymentId": payment_id, "amount": 40_000})
    assert (opened["status"], opened["amount_deducted"]) == ("open", 0)
    assert merchant.call("GET", "/disputes").json()["items"] == [opened]
    lost = sandbox.post("/_control/disputes", {"paymentId": payment_id, "status": "lost"})
    assert (lost["id"], lost["amount_deducted"]) == (opened["id"], 40_000)
    assert sandbox.settle()[0]["amount"] == 97_640 - 40_000
    # Deliveries are side by side: the payout's may come between, each comes once.
    disputes = sorted(event for event in events(received(clinic, 6)) if event.startswith("payment.dispute."))
    assert disputes == ["payment.dispute.created", "payment.dispute.lost"]


def test_a_dispute_can_be_accepted_or_contested(merchant: TestMerchant, sandbox: RunningSandbox) -> None:
    ids = [sandbox.post("/_control/disputes", {"paymentId": merchant.paid()})["id"] for _ in range(2)]
    assert merchant.call("POST", f"/disputes/{ids[0]}/accept").json()["status"] == "lost"
    assert merchant.call("POST", f"/disputes/{ids[0]}/accept").status_code == 400
    draft = {"summary": "Visit took place", "action": "draft"}
    assert merchant.call("PATCH", f"/disputes/{ids[1]}/contest", json=draft).json()["status"] == "open"
    sent = merchant.call("PATCH", f"/disputes/{ids[1]}/contest", json={"action": "submit"}).json()
    assert (sent["status"], sent["evidence"]["summary"]) == ("under_review", "Visit took place")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"paymentId": "pay_unknown"}, 404),
        ({"amount": 80_001}, 400),
        ({"status": "maybe"}, 400),
        ({"phase": "war"}, 400),
        ({"status": "won"}, 404),
    ],
)
def test_a_wrong_dispute_is_refused(merchant: TestMerchant, sandbox: RunningSandbox, body: Json, status: int) -> None:
    response = sandbox.request("POST", "/_control/disputes", json={"paymentId": merchant.paid(), **body})
    assert (response.status_code, merchant.call("GET", "/disputes").json()["count"]) == (status, 0)
