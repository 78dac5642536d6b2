"""Lines of what a gateway pays out: what reached our bank account, and what was kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.money import Money


class SettlementKind(StrEnum):
    """What a line of a settlement is about. `ADJUSTMENT` is everything that belongs to no payment of ours.

    `PAYOUT` is a whole settlement of a gateway that does not say what it is made of.
    """

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    FEE = "fee"
    ADJUSTMENT = "adjustment"
    PAYOUT = "payout"


@dataclass(frozen=True)
class SettlementLine:
    """One line of what a gateway pays out. Sums are signed from our side: a refund's `gross` and `net` are negative.

    `fee` is what the gateway keeps, `tax` included; `net` = `gross` - `fee`. `gateway_id` is the gateway's id of the
    payment, refund or dispute; `payment_id` the gateway's payment behind it. `reference` is ours, where it is told.
    A dispute that was won has a second line, with the sign of a payment.
    """

    settlement_id: str
    kind: SettlementKind
    gateway_id: str
    gross: Money
    fee: Money
    tax: Money
    net: Money
    settled_at: datetime
    payment_id: str | None = None
    order_id: str | None = None
    reference: str = ""
    bank_reference: str = ""  # the bank's number of the transfer (UTR)
    # What the payer paid or got back, where `gross` was converted to another currency: compare this with the payment.
    presented: Money | None = None
