"""Payers' instruments that a gateway keeps: what a gateway with `Capabilities.saved_methods` can do besides.

We keep the vendor's ids only. A saved instrument is offered to its own payer: check that it belongs to the customer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from app.core.money import Money
from app.payments.gateways.base import Checkout, Customer, GatewayPayment


@dataclass(frozen=True)
class SavedMethod:
    """An instrument as a person recognises it: `card`, `Visa`, `4242`, or a bank account's name and end."""

    method_id: str
    customer_id: str
    kind: str
    brand: str = ""
    last4: str = ""
    expires: tuple[int, int] | None = None  # year, month


@dataclass(frozen=True)
class SavedCharge:
    """A charge of a saved instrument without its owner present. `key` makes a repeat harmless."""

    customer_id: str
    method_id: str
    amount: Money
    description: str
    reference: str
    key: str


class SavesMethods(ABC):
    """Every call may raise ProviderError."""

    @abstractmethod
    def create_customer(self, reference: str, customer: Customer) -> str:
        """The vendor's id of a new customer; `reference` is ours of the patient. Keep it: a repeat makes another."""

    @abstractmethod
    def start_saving(self, customer_id: str, *, return_url: str, cancel_url: str, key: str) -> Checkout:
        """A hosted page where the payer leaves an instrument without paying; its `order_id` is of no payment."""

    @abstractmethod
    def saved_methods(self, customer_id: str) -> tuple[SavedMethod, ...]:
        """What the customer left there, the newest first."""

    @abstractmethod
    def forget_method(self, method_id: str) -> None:
        """Remove it; no error when it is gone already."""

    @abstractmethod
    def charge_saved(self, charge: SavedCharge) -> GatewayPayment:
        """Charge it now. A decline, or a bank that wants its owner present, is a failed payment, not an error."""

    @abstractmethod
    def find_charge(self, customer_id: str, reference: str) -> GatewayPayment | None:
        """The charge that was made with our reference, after an unclear answer; None when there is none."""
