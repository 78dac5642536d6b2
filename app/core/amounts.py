"""Amounts as people type them and clients send them, and what is wrong with them in words."""

from __future__ import annotations

import re
from decimal import Decimal

from flask_babel import gettext as _

from app.core.errors import Invalid
from app.core.money import InvalidAmount, Money, TooLarge, TooPrecise, exponent

# Thousands (1,234,567) and lakhs (12,34,567). A comma elsewhere may be meant as a decimal point: 800,50 is not 80050.
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d*)?", re.ASCII)


def read_money(value: Decimal | str | None, currency: str, field: str = "amount") -> Money:
    """An amount in that currency. Raises Invalid for `field`."""
    try:
        return Money.parse(value if isinstance(value, Decimal) else _ungrouped(value or ""), currency)
    except InvalidAmount as error:
        raise Invalid(fields={field: _words(error, currency)}) from None


def check_above_zero(amount: Money | None, field: str = "amount") -> None:
    """Raises Invalid for `field`. None is an amount that was left out."""
    if amount is not None and amount.minor <= 0:
        raise Invalid(fields={field: _("The amount must be above zero.")})


def _ungrouped(typed: str) -> str:
    typed = typed.strip()
    return typed.replace(",", "") if _GROUPED.fullmatch(typed) else typed


def _words(error: InvalidAmount, currency: str) -> str:
    if isinstance(error, TooLarge):
        return _("This amount is too large.")
    if isinstance(error, TooPrecise):
        return _decimals(currency)
    return _("This is no amount in %(currency)s.", currency=currency)


def _decimals(currency: str) -> str:
    most = exponent(currency)
    if not most:
        return _("An amount in %(currency)s has no decimals.", currency=currency)
    return _("An amount in %(currency)s has at most %(decimals)s decimals.", currency=currency, decimals=most)
