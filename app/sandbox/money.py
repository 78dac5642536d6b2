"""Amounts for people to read."""

from __future__ import annotations

from decimal import Decimal

from flask_babel import format_currency


def shown_amount(minor: int, currency: str, decimals: int = 2) -> str:
    text: str = format_currency(Decimal(minor).scaleb(-decimals), currency)
    return text
