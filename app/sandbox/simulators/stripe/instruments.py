"""The instruments that a payer of the sandbox can choose, and how the bank behind each answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

CARD = {"brand": "visa", "country": "IN", "exp_month": 12, "exp_year": 2034, "funding": "credit", "last4": "4242"}
DEFAULT_METHOD = "card"


@dataclass(frozen=True)
class Instrument:
    """`asks`: the bank wants its customer to confirm; `delayed`: it answers days later."""

    type: str
    details: dict[str, Any]
    asks: bool = False
    delayed: bool = False
    decline: dict[str, str] | None = None

    @property
    def about(self) -> dict[str, Any]:
        """`payment_method_details`, and the body of a payment method."""
        return {"type": self.type, self.type: self.details}


DECLINED = {
    "code": "card_declined", "decline_code": "generic_decline", "message": "Your card was declined.",
    "type": "card_error",
}  # fmt: skip
NO_FUNDS = {**DECLINED, "decline_code": "insufficient_funds", "message": "Your card has insufficient funds."}
BANK_REFUSED = {
    "code": "payment_intent_payment_attempt_failed", "message": "The bank refused the debit.", "type": "api_error",
}  # fmt: skip
NOT_CONFIRMED = {
    "code": "payment_intent_authentication_failure", "type": "invalid_request_error",
    "message": "The provided PaymentMethod has failed authentication.",
}  # fmt: skip
NEEDS_OWNER = {
    "code": "authentication_required", "decline_code": "authentication_required", "type": "card_error",
    "message": "Your card was declined. This transaction requires authentication.",
}  # fmt: skip

INSTRUMENTS = {
    "card": Instrument("card", CARD),
    "card_3ds": Instrument("card", {**CARD, "last4": "3220"}, asks=True),
    "card_no_funds": Instrument("card", {**CARD, "brand": "mastercard", "last4": "9995"}, decline=NO_FUNDS),
    "bank_debit": Instrument("us_bank_account", {"bank_name": "STRIPE TEST BANK", "last4": "6789"}, delayed=True),
}
# What the vendor lets a test attach without a page, and how it behaves.
TEST_METHODS = {
    "pm_card_visa": "card",
    "pm_card_authenticationRequired": "card_3ds",
    "pm_card_chargeCustomerFail": "card_no_funds",
}


def instrument_with(details: dict[str, Any]) -> Instrument:
    """The instrument that a saved payment method came from, by its last digits."""
    last4 = details.get(details["type"], {}).get("last4")
    return next(item for item in INSTRUMENTS.values() if item.details["last4"] == last4)
