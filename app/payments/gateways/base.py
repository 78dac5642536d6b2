"""What a payment gateway is to the rest of the console: few verbs over plain frozen data.

Money crosses this border as `Money`; each gateway converts with its own (gateway, currency) decimals. A payment's sums,
not its status word, are the facts to store: a notice is a snapshot that may come late, twice or out of order.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import ClassVar, TypeVar

from app.core.credentials import CredentialModel
from app.core.money import Money
from app.core.money import exponent as iso_exponent
from app.core.providers import Outcome, Provider, ProviderError
from app.payments.gateways.settlements import SettlementKind as SettlementKind
from app.payments.gateways.settlements import SettlementLine as SettlementLine


class PaymentState(StrEnum):
    """A gateway's payment in our words. A part refund is `CAPTURED` with `refunded` above zero."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    FAILED = "failed"
    REFUNDED = "refunded"
    VOIDED = "voided"


class RefundState(StrEnum):
    """A gateway's refund in our words."""

    PENDING = "pending"
    SETTLED = "settled"
    FAILED = "failed"


class OrderState(StrEnum):
    """A gateway's order in our words. `PAID` stays even after a full refund: look at the payments."""

    OPEN = "open"
    ATTEMPTED = "attempted"
    PAID = "paid"
    EXPIRED = "expired"  # it takes no payment any more


class NoticeKind(StrEnum):
    """What a webhook is about. Act on the snapshot it carries, never on the name of the event."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    SETTLEMENT = "settlement"
    OTHER = "other"


@dataclass(frozen=True)
class Capabilities:
    """What a gateway can do, so that screens offer nothing else."""

    manual_capture: bool = False
    # Whether the payer's approval moves no money yet, so that it is taken by a call of its own (`Gateway.collect`).
    collects: bool = False
    partial_capture: bool = False
    # Whether one reservation may be taken in several parts, the last of which says that it is the last.
    repeated_captures: bool = False
    void: bool = False
    partial_refund: bool = True
    repeated_refunds: bool = True
    # Whether repeating a refund with the same key cannot pay twice.
    idempotent_refund: bool = False
    # Whether it lists the refunds of a payment; if not, each is asked for by our reference, and sums tell of none.
    lists_refunds: bool = True
    # Whether our reference names one order for ever: another order of the same payment must have another one.
    one_order_per_reference: bool = False
    # Whether what the browser brings back is signed; if not, a return says nothing but "ask".
    signed_return: bool = True
    # Whether the signature of a webhook covers its body; if not, a notice is only a hint to ask the gateway.
    signed_webhook: bool = True
    # Whether it lists what it paid out, for the reconciliation.
    settlement_lines: bool = False
    # What came longer ago and stands in no settlement is missing.
    settles_within: timedelta = timedelta(days=7)
    # How long after a failure the same payment may still succeed; keep asking that long.
    late_success: timedelta = timedelta(0)
    # Whether it keeps payers' instruments: then the gateway is also a `SavesMethods`.
    saved_methods: bool = False


@dataclass(frozen=True)
class Customer:
    """Who pays, to fill in the hosted page. Telephone in E.164."""

    name: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)


@dataclass(frozen=True)
class CheckoutRequest:
    """`reference` is ours, unique per attempt, up to 40 characters: an order is found again by it.

    `page_url` is what `Checkout.url` was when the order was opened: some gateways tell it only then.
    """

    reference: str
    amount: Money
    description: str
    callback_url: str
    cancel_url: str
    payee: str = ""
    customer: Customer = Customer()
    notes: Mapping[str, str] = field(default_factory=dict)
    manual_capture: bool = False
    page_url: str = field(default="", repr=False)
    # The gateway's customer, and whether to keep the instrument; only where `Capabilities.saved_methods`.
    customer_id: str = ""
    save_method: bool = False


@dataclass(frozen=True)
class Checkout:
    """The hosted page: send the browser to `url`, by POST with `fields` when `method` is POST."""

    order_id: str
    method: str
    url: str
    fields: Mapping[str, str]


@dataclass(frozen=True)
class GatewayPayment:
    """A payment as the gateway tells it now. No sum is negative; `voided` is what was reserved and let go again."""

    payment_id: str
    order_id: str | None
    state: PaymentState
    amount: Money
    authorized: Money
    captured: Money
    refunded: Money
    voided: Money
    method: str = ""
    fee: Money | None = None
    tax: Money | None = None  # part of the fee
    error_code: str = ""
    error_text: str = ""
    created_at: datetime | None = None


@dataclass(frozen=True)
class GatewayOrder:
    """An order with every payment attempt on it, the oldest first.

    `approved`: the payer agreed, and no money moves before `Gateway.collect` asks for it.
    """

    order_id: str
    reference: str
    state: OrderState
    amount: Money
    paid: Money
    payments: tuple[GatewayPayment, ...] = ()
    approved: bool = False


@dataclass(frozen=True)
class RefundRequest:
    """`key` makes a repeat harmless where the gateway allows it; `reference` finds the refund again."""

    payment_id: str
    amount: Money
    key: str
    reference: str


@dataclass(frozen=True)
class GatewayRefund:
    """A refund as the gateway tells it now; `bank_reference` is what the patient's bank can look up, `failure` the code
    of why it failed, where one is told.

    Without a `payment_id` it is a refund of whatever paid the order `order_id`.
    """

    refund_id: str
    payment_id: str
    state: RefundState
    amount: Money
    reference: str = ""
    bank_reference: str = ""
    created_at: datetime | None = None
    order_id: str | None = None
    failure: str = ""


@dataclass(frozen=True)
class GatewayDispute:
    """A chargeback or question by the payer's bank; `state` is open, under_review, won, lost or closed."""

    dispute_id: str
    payment_id: str
    state: str
    amount: Money
    reason: str = ""
    phase: str = ""
    respond_by: datetime | None = None


@dataclass(frozen=True)
class GatewayNotice:
    """A verified webhook. `event_id` identifies the delivery for deduplication; `event` is the vendor's own word.

    Where a snapshot is absent or not understood, `payment_id`, `order_id` or `refund_id` still says what to fetch.
    `automatic_refund` marks money that was only reserved and is let go by the gateway itself: a void, not our refund.
    `reference` is ours, where the vendor hands it back: it finds the payment before we know of the order.
    """

    event_id: str
    event: str
    kind: NoticeKind
    occurred_at: datetime | None = None
    order_id: str | None = None
    payment_id: str | None = None
    payment: GatewayPayment | None = None
    refund: GatewayRefund | None = None
    dispute: GatewayDispute | None = None
    automatic_refund: bool = False
    refund_id: str | None = None
    reference: str = ""


@dataclass(frozen=True)
class CheckoutReturn:
    """What the browser brought back. Even a verified success is only the reason to fetch the payment.

    A failure is not signed by any gateway: show it, decide nothing by it.
    """

    verified: bool
    payment_id: str | None
    error_code: str = ""
    error_text: str = ""


C = TypeVar("C", bound=CredentialModel)
# Code of the ProviderError of `resume_checkout` for an order that can never be paid any more: open another one.
ORDER_EXPIRED = "order_expired"


class Gateway(Provider[C]):
    """One payment gateway. Every call may raise ProviderError; after `Outcome.UNKNOWN` ask `find_*` before a repeat."""

    channel: ClassVar[str] = "payment"
    capabilities: ClassVar[Capabilities]
    # Headers of a webhook to store with it, in lower case: those that sign or identify it.
    webhook_headers: ClassVar[frozenset[str]] = frozenset()

    @property
    def signs_webhooks(self) -> bool:
        """Whether a verified notice of this account may be believed; if not, it is only a hint to ask the gateway."""
        return self.capabilities.signed_webhook

    @classmethod
    def exponent(cls, currency: str) -> int:
        """Decimals this gateway uses for a currency on the wire; ISO 4217 unless its own table differs."""
        return iso_exponent(currency)

    @classmethod
    def to_wire(cls, amount: Money) -> int:
        """The amount in the gateway's smallest unit. Raises ProviderError where its decimals cannot hold it."""
        up, down = cls._scale(amount.currency)
        units, rest = divmod(amount.minor * up, down)
        if rest:
            text = f"{cls.label} takes fewer decimals of {amount.currency}."
            raise ProviderError(Outcome.PERMANENT_MESSAGE, "amount_too_precise", text)
        return units

    @classmethod
    def check_charge(cls, amount: Money) -> None:
        """Whether a payment of it can be asked for: decimals, least and largest amount. Raises ProviderError."""
        cls.to_wire(amount)

    @classmethod
    def from_wire(cls, units: int, currency: str) -> Money:
        """The amount of so many of the gateway's units. Raises ValueError where ISO 4217 decimals cannot hold it."""
        up, down = cls._scale(currency)
        minor, rest = divmod(units * down, up)
        if rest:
            raise ValueError(f"{units} units are no whole amount of {currency}")
        return Money(minor, currency)

    @classmethod
    def _scale(cls, currency: str) -> tuple[int, int]:
        """Factor and divisor from ISO 4217 minor units to the gateway's units; one of them is 1."""
        wire, iso = cls.exponent(currency), iso_exponent(currency)
        return int(10 ** max(wire - iso, 0)), int(10 ** max(iso - wire, 0))

    @abstractmethod
    def create_checkout(self, request: CheckoutRequest) -> Checkout:
        """Open an order and say where the payer goes. Not idempotent: after UNKNOWN try `find_order` first."""

    @abstractmethod
    def resume_checkout(self, order_id: str, request: CheckoutRequest) -> Checkout:
        """The hosted page of an order that exists already; makes no call that changes anything.

        Raises ProviderError, of the code `ORDER_EXPIRED` where another order is needed.
        """

    def close_checkout(self, order_id: str) -> None:
        """Let nobody pay an open order any more, where the gateway can; no error when it was paid or closed before."""

    @abstractmethod
    def find_order(self, reference: str) -> GatewayOrder | None:
        """The order that was opened with our reference, with its payments; None when there is none."""

    @abstractmethod
    def fetch_order(self, order_id: str) -> GatewayOrder:
        """The order and its payments as they are now."""

    @abstractmethod
    def fetch_payment(self, payment_id: str) -> GatewayPayment:
        """The payment as it is now."""

    def collect(self, order_id: str, *, reserve: bool, key: str) -> GatewayOrder:
        """Take (`reserve`: only reserve) what the payer approved; `key` makes a repeat harmless. A payer's instrument
        that fails is a failed payment on the order. Most gateways take the money at the approval: nothing to do.
        """
        return self.fetch_order(order_id)

    @abstractmethod
    def capture(self, payment_id: str, amount: Money, *, key: str = "", final: bool = True) -> GatewayPayment:
        """Take reserved money. Capturing again what is captured already answers with the payment as it is.

        `key` makes a repeat harmless where the gateway allows it. Without `final` the rest stays reserved.
        """

    def void(self, payment_id: str, *, key: str = "") -> GatewayPayment:
        """Let go of reserved money. Raises ProviderError where the gateway has no such call (see `capabilities`)."""
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_supported", f"{self.label} cannot void.")

    @abstractmethod
    def refund(self, request: RefundRequest) -> GatewayRefund:
        """Send money back to the original instrument."""

    @abstractmethod
    def fetch_refund(self, refund_id: str) -> GatewayRefund:
        """The refund as it is now."""

    @abstractmethod
    def refunds_of(self, payment_id: str) -> tuple[GatewayRefund, ...]:
        """Every refund of the payment, whoever asked for it: the vendor's dashboard refunds behind our back."""

    def confirm(self, notice: GatewayNotice) -> GatewayNotice:
        """The notice with what the gateway itself says of it, where the signature does not protect the body."""
        return notice

    def find_refund(self, payment_id: str, reference: str) -> GatewayRefund | None:
        """The refund that was asked for with our reference, of several one that did not fail; None without one."""
        found = [refund for refund in self.refunds_of(payment_id) if refund.reference == reference]
        return min(found, key=lambda refund: refund.state is RefundState.FAILED, default=None)

    def fetch_settlement_lines(self, first: date, last: date) -> list[SettlementLine]:
        """What was paid out from the first to the last day (both included, in the gateway's own zone)."""
        raise ProviderError(Outcome.PERMANENT_MESSAGE, "not_supported", f"{self.label} lists no settlements.")

    @abstractmethod
    def verify_return(self, order_id: str, params: Mapping[str, str]) -> CheckoutReturn:
        """Check what the browser brought back against the order id that we stored. Raises BadSignature."""

    @abstractmethod
    def verify_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        """Check a webhook over its raw bytes and read it. Raises BadSignature."""

    @abstractmethod
    def read_webhook(self, raw: bytes, headers: Mapping[str, str]) -> GatewayNotice:
        """Read a webhook that was verified when it came: its secret may have been replaced since."""
