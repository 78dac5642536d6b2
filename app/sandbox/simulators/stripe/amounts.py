"""What Stripe accepts as an amount: whole smallest units, no less than a minimum, some last digits 0."""

from __future__ import annotations

from app.sandbox.simulators.stripe import forms
from app.sandbox.simulators.stripe.errors import StripeError

ZERO_DECIMALS = frozenset(
    ("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf")
)
THREE_DECIMALS = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
WHOLE_IN_HUNDREDTHS = frozenset({"isk", "ugx"})
LEAST = {
    "usd": 50, "eur": 50, "inr": 50, "gbp": 30, "aed": 200, "aud": 50, "cad": 50, "chf": 50, "jpy": 50, "sgd": 50,
    "huf": 17_500, "hkd": 400,
}  # fmt: skip
TOO_LARGE = 10**12


def decimals(currency: str) -> int:
    return 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def currency_of(fields: forms.Fields) -> str:
    currency = forms.text(fields, "currency", required=True) or ""
    if len(currency) != 3 or not currency.isalpha() or currency != currency.lower():  # noqa: PLR2004
        raise StripeError(f"Invalid currency: {currency}", param="currency")
    return currency


def amount_of(fields: forms.Fields, name: str, currency: str, *, least: bool = True) -> int:
    amount = forms.whole(fields, name)
    if amount is None:
        raise StripeError(f"Missing required param: {name}.", code="parameter_missing", param=name)
    if amount < (LEAST.get(currency, 1) if least else 1):
        text = f"Amount must be no less than {LEAST.get(currency, 1)} {currency}"
        raise StripeError(text, code="amount_too_small", param=name)
    if amount >= TOO_LARGE:
        raise StripeError("Amount is too large", code="amount_too_large", param=name)
    if currency in THREE_DECIMALS and amount % 10:
        raise StripeError("The last digit must be 0", code="invalid_charge_amount", param=name)
    if currency in WHOLE_IN_HUNDREDTHS and amount % 100:
        text = f"Currency {currency.upper()} has become effectively zero-decimal"
        raise StripeError(text, code="invalid_charge_amount_no_decimal_compatible", param=name)
    return amount
