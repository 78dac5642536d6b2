"""What Razorpay accepts in a request: money in whole minor units, short texts, few notes."""

from __future__ import annotations

import re
from typing import Any

from app.sandbox.documents import Page
from app.sandbox.simulators.razorpay.errors import RazorpayError


def _codes(text: str) -> frozenset[str]:
    return frozenset(text.split())


ZERO_DECIMALS = _codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF")
THREE_DECIMALS = _codes("BHD IQD JOD KWD OMR TND")
TWO_DECIMALS = _codes(
    "AED ALL AMD ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BZD CAD CHF CNY COP CRC CUP CVE CZK"
    " DKK DOP DZD EGP ETB EUR FJD GBP GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR JMD KES KGS KHR KYD KZT"
    " LAK LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PEN PGK PHP PKR"
    " PLN QAR RON RSD RUB SAR SCR SEK SGD SLL SOS SSP SVC SZL THB TRY TTD TWD TZS UAH USD UYU UZS YER ZAR ZMW"
)
CURRENCIES = ZERO_DECIMALS | THREE_DECIMALS | TWO_DECIMALS
LEAST_RUPEES = 100
MOST = 50_000_000_00
LONGEST_RECEIPT = 40
MOST_NOTES = 15
LONGEST_NOTE = 256
MOST_PER_PAGE = 100
TOO_LITTLE = "Order amount less than minimum amount allowed"
IDEMPOTENCY_KEY = re.compile(r"[A-Za-z0-9_-]{10,}")


def only_fields(body: dict[str, Any], allowed: frozenset[str]) -> None:
    extra = sorted(set(body) - allowed)
    if extra:
        raise RazorpayError(f"{', '.join(extra)} is/are not required and should not be sent")


def currency_of(body: dict[str, Any]) -> str:
    value = body.get("currency")
    if value is None:
        raise RazorpayError("The currency field is required.", field="currency")
    if not isinstance(value, str) or value not in CURRENCIES:
        raise RazorpayError("Currency is not supported", field="currency")
    return value


def amount_of(body: dict[str, Any], currency: str, *, too_little: str = TOO_LITTLE) -> int:
    """Minor units; at least one rupee, and with three decimals the last digit is 0."""
    value = body.get("amount")
    if value is None:
        raise RazorpayError("The amount field is required.", field="amount")
    if isinstance(value, bool) or not isinstance(value, int):
        raise RazorpayError("The amount must be an integer.", field="amount")
    if value < (LEAST_RUPEES if currency == "INR" else 1):
        raise RazorpayError(too_little, field="amount", reason="amount_less_than_minimum_amount")
    if value > MOST:
        raise RazorpayError("Amount exceeds maximum amount allowed.", field="amount")
    if currency in THREE_DECIMALS and value % 10:
        raise RazorpayError("The amount must end with 0 in a currency with three decimals.", field="amount")
    return value


def text_of(body: dict[str, Any], name: str, longest: int) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise RazorpayError(f"The {name} must be a string.", field=name)
    if len(value) > longest:
        raise RazorpayError(f"The {name} may not be greater than {longest} characters.", field=name)
    return value


def notes_of(body: dict[str, Any]) -> dict[str, str] | list[str]:
    """An empty set of notes is shown as `[]`."""
    notes = body.get("notes") or {}
    if not isinstance(notes, dict):
        raise RazorpayError("The notes must be an array.", field="notes")
    if len(notes) > MOST_NOTES:
        raise RazorpayError("Number of fields in notes should be less than or equal to 15", field="notes")
    for value in notes.values():
        if not isinstance(value, str | int | float) or len(str(value)) > LONGEST_NOTE:
            raise RazorpayError("The notes may not be greater than 256 characters.", field="notes")
    return notes or []


def page_of(query: dict[str, str]) -> Page:
    """`from`, `to`, `count` (10, at most 100) and `skip`."""
    count = _whole(query, "count", 10)
    if not 1 <= count <= MOST_PER_PAGE:
        raise RazorpayError(f"The count must be between 1 and {MOST_PER_PAGE}.", field="count")
    return Page(_whole(query, "from", 0), _whole(query, "to", 2**40), count, _whole(query, "skip", 0))


def _whole(query: dict[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdigit():
        raise RazorpayError(f"The {name} must be an integer.", field=name)
    return int(text)
