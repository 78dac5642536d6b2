"""How Stripe counts money: decimals per currency, and the least amounts that it charges.

Source: docs.stripe.com/currencies (zero-decimal, three-decimal, special cases, minimum charge amounts). The
vendor lists UGX among the zero decimals too; its special case, like the one of ISK, is what the API enforces.
"""

from __future__ import annotations

from app.core.money import Money, currency_codes

ZERO_DECIMALS = currency_codes("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF")
# Thousandths, of which the last digit must be 0.
THREE_DECIMALS = currency_codes("BHD JOD KWD OMR TND")
# Whole units only, yet sent with two decimals: 5 ISK are 500.
WHOLE_IN_HUNDREDTHS = currency_codes("ISK UGX")
# The vendor compares in the account's settlement currency; of a payment in that currency these are exact. No largest
# amount is kept here: it depends on the instrument.
_LEAST = {
    "AED": "2.00", "AUD": "0.50", "BRL": "0.50", "CAD": "0.50", "CHF": "0.50", "CZK": "15.00", "DKK": "2.50",
    "EUR": "0.50", "GBP": "0.30", "HKD": "4.00", "HUF": "175.00", "INR": "0.50", "JPY": "50", "MXN": "10.00",
    "MYR": "2.00", "NOK": "3.00", "NZD": "0.50", "PLN": "2.00", "RON": "2.00", "SEK": "3.00", "SGD": "0.50",
    "THB": "10.00", "USD": "0.50",
}  # fmt: skip


def decimals(currency: str) -> int:
    if currency in ZERO_DECIMALS:
        return 0
    return 3 if currency in THREE_DECIMALS else 2


def is_too_fine(units: int, currency: str) -> bool:
    """Whether the last digits, which this currency must leave 0, are used."""
    step = 10 if currency in THREE_DECIMALS else 100 if currency in WHOLE_IN_HUNDREDTHS else 1
    return bool(units % step)


def least(currency: str) -> Money | None:
    """The smallest charge, where the vendor names one."""
    amount = _LEAST.get(currency)
    return None if amount is None else Money.parse(amount, currency)
