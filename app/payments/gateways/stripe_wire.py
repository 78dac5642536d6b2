"""Stripe's JSON read into our words. Unknown fields are ignored; an entity without its essentials is a ValueError.

A payment is a PaymentIntent, an order the Checkout Session around it. What was refunded, reserved and kept as a fee
stands on the intent's charge, which only answers that were asked to expand it carry; webhooks do not.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt

from app.core.money import Money
from app.core.providers import unix_time
from app.payments.gateways.base import (
    GatewayDispute,
    GatewayOrder,
    GatewayPayment,
    GatewayRefund,
    OrderState,
    PaymentState,
    RefundState,
    SettlementKind,
    SettlementLine,
)

# Under this name our reference stands in the metadata of every session, intent, charge, refund and customer of ours.
REFERENCE = "clinic_console_reference"
ToMoney = Callable[[int, str], Money]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]
Currency = Annotated[str, BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value)]
Words = Annotated[dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})]
# An entity that is an id until the request asks for the whole.
Expandable = Any

_REFUND_STATES = {"succeeded": RefundState.SETTLED, "failed": RefundState.FAILED, "canceled": RefundState.FAILED}
_DISPUTE_STATES = {
    "warning_needs_response": "open",
    "needs_response": "open",
    "appeal_needs_response": "open",
    "warning_under_review": "under_review",
    "under_review": "under_review",
    "appeal_under_review": "under_review",
    "won": "won",
    "lost": "lost",
    "warning_closed": "closed",
    "prevented": "closed",
}
_LINE_KINDS = {
    "charge": SettlementKind.PAYMENT,
    "payment": SettlementKind.PAYMENT,
    "refund": SettlementKind.REFUND,
    "payment_refund": SettlementKind.REFUND,
    "dispute": SettlementKind.DISPUTE,
    "dispute_reversal": SettlementKind.DISPUTE,
    "fee": SettlementKind.FEE,
    "stripe_fee": SettlementKind.FEE,
    "tax": SettlementKind.FEE,
    "network_cost": SettlementKind.FEE,
}


class _Entity(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, defer_build=True)

    id: str
    created: int | None = None
    metadata: Words = Field(default_factory=dict)

    @property
    def reference(self) -> str:
        value = self.metadata.get(REFERENCE)
        return value if isinstance(value, str) else ""


class _Amount(_Entity):
    amount: StrictInt
    currency: Currency


class Intent(_Amount):
    status: str
    amount_received: StrictInt = 0
    latest_charge: Expandable = None
    last_payment_error: Words = Field(default_factory=dict)
    payment_method_types: list[str] = Field(default_factory=list)
    cancellation_reason: Text = ""


class Charge(_Amount):
    status: str
    captured: bool = False
    amount_refunded: StrictInt = 0
    payment_method_details: Words = Field(default_factory=dict)
    balance_transaction: Expandable = None


class Entry(_Amount):
    """A balance transaction: `fee` includes its tax, `net` is `amount` less `fee`."""

    type: str
    reporting_category: Text = ""
    fee: StrictInt
    net: StrictInt
    fee_details: list[dict[str, Any]] = Field(default_factory=list)
    source: Expandable = None


class Session(_Entity):
    status: Text = ""
    payment_status: Text = ""
    mode: Text = "payment"
    client_reference_id: Text = ""
    payment_intent: Expandable = None
    amount_total: int | None = None
    currency: Currency | None = None
    url: str | None = None


class Refund(_Amount):
    payment_intent: str
    status: Text = ""
    failure_reason: Text = ""
    destination_details: Words = Field(default_factory=dict)


class Dispute(_Amount):
    payment_intent: str
    status: str
    reason: Text = ""
    evidence_details: Words = Field(default_factory=dict)


def read_payment(entity: Any, money: ToMoney, order_id: str | None = None) -> GatewayPayment:
    """A cancelled intent was a reservation or nothing at all: without its charge that is a ValueError."""
    intent = Intent.model_validate(entity)
    charge = Charge.model_validate(intent.latest_charge) if isinstance(intent.latest_charge, dict) else None
    amount, nothing = money(intent.amount, intent.currency), Money.zero(intent.currency)
    captured = money(intent.amount_received, intent.currency)
    reserved = _was_reserved(intent, charge)
    refunded = money(_given_back(intent, charge), intent.currency)
    ended = intent.status in ("succeeded", "canceled")
    fee, tax = _fee(charge, money)
    return GatewayPayment(
        payment_id=intent.id,
        order_id=order_id,
        state=_state(intent, reserved=reserved, refunded=bool(captured) and refunded == captured),
        amount=amount,
        authorized=amount if reserved else nothing,
        captured=captured,
        refunded=refunded,
        voided=amount - captured if reserved and ended else nothing,
        method=_method(intent, charge),
        fee=fee,
        tax=tax,
        error_code=_word(intent.last_payment_error, "decline_code", "code") or intent.cancellation_reason,
        error_text=_word(intent.last_payment_error, "message"),
        created_at=unix_time(intent.created),
    )


def _was_reserved(intent: Intent, charge: Charge | None) -> bool:
    if intent.status in ("succeeded", "requires_capture"):
        return True
    if intent.status != "canceled" or intent.latest_charge is None:
        return False
    if charge is None:
        raise ValueError("a cancelled intent needs its charge")
    return charge.status == "succeeded"


def _state(intent: Intent, *, reserved: bool, refunded: bool) -> PaymentState:
    if intent.status == "succeeded":
        return PaymentState.REFUNDED if refunded else PaymentState.CAPTURED
    if intent.status == "requires_capture":
        return PaymentState.AUTHORIZED
    if intent.status == "canceled":
        return PaymentState.VOIDED if reserved else PaymentState.FAILED
    if intent.status == "requires_payment_method" and intent.last_payment_error:
        return PaymentState.FAILED
    return PaymentState.PENDING


def _given_back(intent: Intent, charge: Charge | None) -> int:
    """A charge counts what was reserved and never taken as refunded, too; that was let go, not given back."""
    if charge is None or not intent.amount_received:
        return 0
    let_go = intent.amount - intent.amount_received
    return min(max(charge.amount_refunded - let_go, 0), intent.amount_received)


def _fee(charge: Charge | None, money: ToMoney) -> tuple[Money | None, Money | None]:
    """In the settlement currency; unknown as long as the balance transaction is not made, or not expanded. Parts of a
    unit that the currency does not have (ISK, UGX) are no reason not to know the payment.
    """
    if charge is None or not isinstance(charge.balance_transaction, dict):
        return None, None
    entry = Entry.model_validate(charge.balance_transaction)
    try:
        return money(entry.fee, entry.currency), money(_tax(entry), entry.currency)
    except ValueError:
        return None, None


def _tax(entry: Entry) -> int:
    return sum(part.get("amount", 0) for part in entry.fee_details if part.get("type") == "tax")


def _method(intent: Intent, charge: Charge | None) -> str:
    if charge is not None and charge.payment_method_details:
        return _word(charge.payment_method_details, "type")
    return intent.payment_method_types[0] if len(intent.payment_method_types) == 1 else ""


def _word(words: dict[str, Any], *names: str) -> str:
    return next((str(words[name]) for name in names if words.get(name)), "")


def read_order(entity: Any, money: ToMoney) -> GatewayOrder:
    """A session and, where it is expanded, the intent that it made when the payer first tried."""
    session = Session.model_validate(entity)
    if session.amount_total is None or session.currency is None:
        raise ValueError("the session is not about an amount")
    intent = session.payment_intent
    payments = (read_payment(intent, money, session.id),) if isinstance(intent, dict) else ()
    return GatewayOrder(
        order_id=session.id,
        reference=session.client_reference_id,
        state=_order_state(session),
        amount=money(session.amount_total, session.currency),
        paid=Money.total((payment.captured for payment in payments), session.currency),
        payments=payments,
    )


def _order_state(session: Session) -> OrderState:
    if session.payment_status == "paid":
        return OrderState.PAID
    if session.status == "expired":
        return OrderState.EXPIRED
    return OrderState.ATTEMPTED if session.status == "complete" or session.payment_intent else OrderState.OPEN


def read_refund(entity: Any, money: ToMoney) -> GatewayRefund:
    refund = Refund.model_validate(entity)
    destination = refund.destination_details.get(_word(refund.destination_details, "type"))
    return GatewayRefund(
        refund_id=refund.id,
        payment_id=refund.payment_intent,
        state=_REFUND_STATES.get(refund.status, RefundState.PENDING),
        amount=money(refund.amount, refund.currency),
        reference=refund.reference,
        bank_reference=_word(destination, "reference") if isinstance(destination, dict) else "",
        created_at=unix_time(refund.created),
        failure=refund.failure_reason,
    )


def read_dispute(entity: Any, money: ToMoney) -> GatewayDispute:
    """`phase`: an inquiry takes no money yet, a chargeback does, an appeal is about a lost one."""
    dispute = Dispute.model_validate(entity)
    first = dispute.status.partition("_")[0]
    return GatewayDispute(
        dispute_id=dispute.id,
        payment_id=dispute.payment_intent,
        state=_DISPUTE_STATES.get(dispute.status, "under_review"),
        amount=money(dispute.amount, dispute.currency),
        reason=dispute.reason,
        phase={"warning": "inquiry", "appeal": "appeal"}.get(first, "chargeback"),
        respond_by=unix_time(dispute.evidence_details.get("due_by")),
    )


def read_settlement_line(entity: Any, payout: dict[str, Any], money: ToMoney) -> SettlementLine | None:
    """A balance transaction of a payout; None for the row that is the payout itself."""
    entry = Entry.model_validate(entity)
    if entry.type.startswith("payout"):
        return None
    kind = _LINE_KINDS.get(entry.reporting_category) or _LINE_KINDS.get(entry.type) or SettlementKind.ADJUSTMENT
    source = entry.source if isinstance(entry.source, dict) else {}
    intent, is_payment = source.get("payment_intent"), kind is SettlementKind.PAYMENT
    return SettlementLine(
        settlement_id=str(payout["id"]),
        kind=kind,
        gateway_id=(intent if is_payment else None) or source.get("id") or entry.source or entry.id,
        gross=money(entry.amount, entry.currency),
        fee=money(entry.fee, entry.currency),
        tax=money(_tax(entry), entry.currency),
        net=money(entry.net, entry.currency),
        settled_at=datetime.fromtimestamp(int(payout["arrival_date"]), UTC),
        payment_id=intent,
        reference=_word(source.get("metadata") or {}, REFERENCE),
        bank_reference=_word(payout.get("trace_id") or {}, "value"),
        presented=_presented(entry, source, money),
    )


def _presented(entry: Entry, source: dict[str, Any], money: ToMoney) -> Money | None:
    currency = str(source.get("currency") or "").upper()
    if not currency or currency == entry.currency:
        return None
    units = source.get("amount_captured") or source.get("amount")
    if not isinstance(units, int):
        return None
    return money(units if entry.amount > 0 else -units, currency)
