from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.core.money import Money
from app.core.providers import BadSignature, Outcome, ProviderError
from app.payments.gateways import paypal_client
from app.payments.gateways.access_tokens import TokenBook
from app.payments.gateways.base import (
    NoticeKind,
    SettlementKind,
)
from app.payments.gateways.paypal import PayPal
from tests.payments.gateways.paypal_account import (
    amount,
    authorization_entity,
    capture_entity,
    open_gateway,
    order_entity,
    refund_entity,
    token,
)
from tests.scripted_server import Server, answer


@pytest.fixture(autouse=True)
def _no_token_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paypal_client, "_tokens", TokenBook())


@pytest.fixture
def paypal(server: Server) -> PayPal:
    return open_gateway(server.url)


def dollars(text: str) -> Money:
    return Money.parse(text, "USD")


# --- notices


def notice(paypal: PayPal, event: str, resource: dict[str, Any]) -> Any:
    return paypal.read_webhook(json.dumps({"id": "WH-1", "event_type": event, "resource": resource}).encode(), {})


@pytest.mark.parametrize(
    ("event", "resource", "kind", "order_id", "payment_id", "reference"),
    [
        ("CHECKOUT.ORDER.APPROVED", order_entity("APPROVED"), NoticeKind.PAYMENT, "ORDER1", "ORDER1", "attempt-1"),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": "ORDER1"}, NoticeKind.PAYMENT, "ORDER1", None, ""),
        ("PAYMENT.CAPTURE.COMPLETED", capture_entity(), NoticeKind.PAYMENT, "ORDER1", "CAP1", "attempt-1"),
        ("PAYMENT.CAPTURE.REVERSED", capture_entity(), NoticeKind.PAYMENT, "ORDER1", "CAP1", "attempt-1"),
        ("PAYMENT.AUTHORIZATION.VOIDED", authorization_entity(), NoticeKind.PAYMENT, "ORDER1", "AUTH1", "attempt-1"),
        ("PAYMENT.CAPTURE.REFUNDED", refund_entity(), NoticeKind.REFUND, None, "CAP1", ""),
        ("PAYMENT.REFUND.FAILED", refund_entity(), NoticeKind.REFUND, None, "CAP1", ""),
        ("CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1"}, NoticeKind.DISPUTE, None, "PP-D-1", ""),
        ("BILLING.PLAN.CREATED", {"id": "P-1"}, NoticeKind.OTHER, None, "P-1", ""),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value else "",
)
def test_a_notice_says_what_to_ask_about(
    paypal: PayPal, event: str, resource: Any, kind: NoticeKind, order_id: Any, payment_id: Any, reference: str
) -> None:
    found = notice(paypal, event, resource)
    assert (found.event_id, found.event, found.kind) == ("WH-1", event, kind)
    assert (found.order_id, found.payment_id, found.reference) == (order_id, payment_id, reference)
    assert (found.payment, found.refund, found.dispute) == (None, None, None)


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'{"resource": 1}', b'{"resource": {"links": 5}}', b"\xff"])
def test_a_body_of_another_shape_is_no_error(paypal: PayPal, raw: bytes) -> None:
    found = paypal.read_webhook(raw, {})
    assert (found.kind, found.order_id) == (NoticeKind.OTHER, None)
    assert found.event_id.startswith("sha256:")


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"status": "WAITING_FOR_SELLER_RESPONSE"}, "open"),
        ({"status": "OPEN"}, "open"),
        ({"status": "UNDER_REVIEW"}, "under_review"),
        ({"status": "WAITING_FOR_BUYER_RESPONSE"}, "under_review"),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_SELLER_FAVOUR"}}, "won"),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "RESOLVED_BUYER_FAVOUR"}}, "lost"),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "CANCELED_BY_BUYER"}}, "closed"),
        ({"status": "RESOLVED"}, "closed"),
    ],
    ids=str,
)
def test_a_dispute_is_fetched_and_believed_only_then(
    server: Server, paypal: PayPal, changes: dict[str, Any], state: str
) -> None:
    entity = {
        "dispute_id": "PP-D-1",
        "dispute_amount": amount("120.00"),
        "disputed_transactions": [{"seller_transaction_id": "CAP1"}],
        "reason": "UNAUTHORISED",
        "dispute_life_cycle_stage": "CHARGEBACK",
        "seller_response_due_date": "2026-01-25T10:00:00Z",
        **changes,
    }
    hint = notice(paypal, "CUSTOMER.DISPUTE.CREATED", {"dispute_id": "PP-D-1", "dispute_amount": amount("1.00")})
    server.will(
        token(),
        answer(200, entity),
        answer(200, capture_entity()),
        answer(200, order_entity(captures=[capture_entity()])),
    )
    told = paypal.confirm(hint)
    assert server.received[1].path == "/v1/customer/disputes/PP-D-1"
    assert (told.order_id, told.dispute.payment_id, told.dispute.state) == ("ORDER1", "CAP1", state)
    assert (told.dispute.amount, told.dispute.phase) == (dollars("120"), "chargeback")
    assert told.dispute.respond_by == datetime(2026, 1, 25, 10, tzinfo=UTC)


def test_the_browser_brings_nothing_that_is_signed(paypal: PayPal) -> None:
    assert paypal.verify_return("ORDER1", {"token": "ORDER1", "PayerID": "P"}).verified is False
    assert paypal.verify_return("ORDER1", {}).payment_id is None
    with pytest.raises(BadSignature):
        paypal.verify_return("ORDER1", {"token": "ORDER2"})


# --- the statement


def row(id: str, code: str, value: str, **more: Any) -> dict[str, Any]:
    info = {
        "transaction_id": id,
        "transaction_event_code": code,
        "transaction_status": "S",
        "transaction_amount": amount(value),
        "transaction_updated_date": "2026-01-15T10:00:00Z",
    }
    return {"transaction_info": {**info, **more}}


def parent(id: str) -> dict[str, str]:
    return {"paypal_reference_id": id, "paypal_reference_id_type": "TXN"}


def test_a_statement_is_read_into_lines(server: Server, paypal: PayPal) -> None:
    rows = [
        row("CAP1", "T0006", "500.00", fee_amount=amount("-17.94"), custom_field="attempt-1"),
        row("REF1", "T1107", "-200.00", **parent("CAP1")),
        row("DIS1", "T1201", "-300.00", **parent("CAP1")),
        row("ADJ1", "T2000", "-1.00"),
        row("OUT1", "T0403", "-400.00"),
        row("CAP2", "T0006", "50.00", transaction_status="P"),
        row("CAP3", "T0006", "100.00", fee_amount=amount("-3.98"), **parent("AUTH1")),
        row("CAP4", "T0006", "40.00", fee_amount=amount("-1.89"), **parent("AUTH1")),
    ]
    server.will(token(), answer(200, {"transaction_details": rows, "total_pages": 1}))
    lines = paypal.fetch_settlement_lines(date(2026, 1, 15), date(2026, 1, 15))
    assert "start_date=2026-01-15T00%3A00%3A00Z&end_date=2026-01-15T23%3A59%3A59Z" in server.received[1].path
    told = [(line.kind, line.gateway_id, str(line.gross), str(line.fee), str(line.net)) for line in lines]
    assert told == [
        (SettlementKind.PAYMENT, "CAP1", "500.00 USD", "17.94 USD", "482.06 USD"),
        (SettlementKind.REFUND, "REF1", "-200.00 USD", "0.00 USD", "-200.00 USD"),
        (SettlementKind.DISPUTE, "DIS1", "-300.00 USD", "0.00 USD", "-300.00 USD"),
        (SettlementKind.ADJUSTMENT, "ADJ1", "-1.00 USD", "0.00 USD", "-1.00 USD"),
        (SettlementKind.PAYMENT, "AUTH1", "140.00 USD", "5.87 USD", "134.13 USD"),
    ]
    assert (lines[0].reference, lines[0].settlement_id) == ("attempt-1", "2026-01-15")
    assert lines[1].payment_id == "CAP1"


def test_a_row_that_stands_twice_is_told_twice(server: Server, paypal: PayPal) -> None:
    rows = [row("CAP1", "T0006", "500.00")] * 2
    server.will(token(), answer(200, {"transaction_details": rows, "total_pages": 1}))
    assert len(paypal.fetch_settlement_lines(date(2026, 1, 15), date(2026, 1, 15))) == 2


def test_a_statement_is_asked_for_by_months_and_pages(server: Server, paypal: PayPal) -> None:
    page = answer(200, {"transaction_details": [row("CAP1", "T0006", "1.00")], "total_pages": 2})
    server.will(token(), page, page, answer(200, {"transaction_details": [], "total_pages": 0}))
    assert len(paypal.fetch_settlement_lines(date(2026, 1, 1), date(2026, 2, 15))) == 2
    asked = [call.path for call in server.received[1:]]
    assert ["page=1" in asked[0], "page=2" in asked[1], "end_date=2026-01-31" in asked[1]] == [True, True, True]
    assert "start_date=2026-02-01" in asked[2] and "end_date=2026-02-15" in asked[2]


def test_a_statement_that_is_not_understood_is_asked_for_again(server: Server, paypal: PayPal) -> None:
    server.will(token(), answer(200, {"transaction_details": [row("CAP1", "T0006", "many")], "total_pages": 1}))
    with pytest.raises(ProviderError) as caught:
        paypal.fetch_settlement_lines(date(2026, 1, 15), date(2026, 1, 15))
    assert caught.value.outcome is Outcome.RETRY
