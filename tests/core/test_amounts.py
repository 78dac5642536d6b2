"""Amounts as people type them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from flask import Flask
from flask_babel import force_locale

from app.core.amounts import read_money
from app.core.errors import Invalid
from app.core.money import Money


@pytest.mark.parametrize(
    ("typed", "minor"),
    [
        ("800", 800_00),
        (" 1,000.5 ", 1_000_50),
        ("12,34,567.50", 12_34_567_50),
        ("1,234,567", 1_234_567_00),
        ("-1,000", -1_000_00),
        (Decimal("7.10"), 7_10),
    ],
)
def test_thousands_and_lakhs_may_be_grouped(app: Flask, typed: str | Decimal, minor: int) -> None:
    assert read_money(typed, "INR") == Money(minor, "INR")


@pytest.mark.parametrize("typed", ["800,50", "1,00", ",500", "5,", "1,0000", "1,,000", "", None, "ten", "1 000"])
def test_a_comma_that_may_be_a_decimal_point_is_refused(app: Flask, typed: str | None) -> None:
    with app.test_request_context(), pytest.raises(Invalid) as refused:
        read_money(typed, "INR", "price")
    assert refused.value.fields == {"price": "This is no amount in INR."}


@pytest.mark.parametrize(
    ("typed", "currency", "told"),
    [
        ("1.234", "INR", "An amount in INR has at most 2 decimals."),
        ("1.2345", "KWD", "An amount in KWD has at most 3 decimals."),
        ("1.5", "JPY", "An amount in JPY has no decimals."),
        ("100000000000", "INR", "This amount is too large."),
        (Decimal("1e300"), "INR", "This amount is too large."),
    ],
)
def test_it_says_what_is_wrong_in_the_readers_language(app: Flask, typed: str, currency: str, told: str) -> None:
    with app.test_request_context():
        with pytest.raises(Invalid) as refused:
            read_money(typed, currency)
        assert refused.value.fields == {"amount": told}
        with force_locale("hi"), pytest.raises(Invalid) as refused:
            read_money(typed, currency)
        assert refused.value.fields and refused.value.fields["amount"] != told
