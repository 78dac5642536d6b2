"""PayPal's amounts: decimal text with the decimals that PayPal gives a currency."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from app.sandbox.simulators.paypal.errors import PayPalError

NO_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
TWO_DECIMALS = frozenset(
    {
        "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS", "MXN", "MYR", "NOK", "NZD", "PHP",
        "PLN", "SEK", "SGD", "THB", "USD",
    }
)  # fmt: skip
VALUE = re.compile(r"\d{1,20}(\.\d{1,20})?", re.ASCII)
RATE, FIXED = Decimal("0.0349"), Decimal("0.49")
Amount = dict[str, str]


def decimals(currency: str) -> int:
    return 0 if currency in NO_DECIMALS else 2


def read_amount(given: Any, field: str, currency: str | None = None) -> Amount:
    """The amount as written. Raises PayPalError for what the vendor refuses."""
    code, value = (given.get("currency_code"), given.get("value")) if isinstance(given, dict) else (None, None)
    if not isinstance(code, str) or not isinstance(value, str) or not VALUE.fullmatch(value):
        raise PayPalError("INVALID_PARAMETER_SYNTAX", "The value of a field is invalid.", field=field, status=400)
    if code not in NO_DECIMALS | TWO_DECIMALS:
        raise PayPalError("CURRENCY_NOT_SUPPORTED", "Currency code is not currently supported.", field=field)
    if currency is not None and code != currency:
        raise PayPalError("CURRENCY_MISMATCH", "The currency differs from that of the payment.", field=field)
    _check_precision(code, value, field)
    if Decimal(value) <= 0:
        raise PayPalError("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.", field=field)
    return amount_of(Decimal(value), code)


def _check_precision(code: str, value: str, field: str) -> None:
    written = len(value.partition(".")[2])
    if code in NO_DECIMALS and written:
        raise PayPalError("DECIMALS_NOT_SUPPORTED", "Currency does not support decimals.", field=field)
    if written > decimals(code):
        raise PayPalError("DECIMAL_PRECISION", "At most two decimals are supported.", field=field)


def amount_of(value: Decimal, currency: str) -> Amount:
    unit = Decimal(1).scaleb(-decimals(currency))
    return {"currency_code": currency, "value": str(value.quantize(unit, ROUND_HALF_UP))}


def value_of(amount: Amount) -> Decimal:
    return Decimal(amount["value"])


def fee_of(amount: Amount) -> Amount:
    """3.49 % and 0.49, at most the amount."""
    value = value_of(amount)
    return amount_of(min(value * RATE + FIXED, value), amount["currency_code"])


def total(amounts: list[Amount]) -> Decimal:
    return sum((value_of(amount) for amount in amounts), Decimal(0))
