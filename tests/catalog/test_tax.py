"""Tax arithmetic is exact: worked examples, and properties that hold for every amount and rate."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalog.models import TaxKind
from app.catalog.tax import TaxedLine, TaxRule, components_of, spread_discount, tax_line, tax_totals
from app.core.money import Money

amounts = st.integers(0, 10**11)
percents = st.decimals(0, 100, places=3)
kinds = st.sampled_from(list(TaxKind))
currencies = st.sampled_from(["INR", "JPY", "KWD"])


def rule(kind: str, percent: str | Decimal) -> TaxRule:
    return TaxRule("id", "Tax", components_of(kind, Decimal(percent)), "999312")


def inr(text: str) -> Money:
    return Money.parse(text, "INR")


@pytest.mark.parametrize(
    ("kind", "percent", "net", "taxes", "gross"),
    [
        ("CGST_SGST", "18", "500.00", [("CGST", "45.00"), ("SGST", "45.00")], "590.00"),
        ("CGST_SGST", "5", "99.99", [("CGST", "2.50"), ("SGST", "2.50")], "104.99"),
        ("CGST_SGST", "5", "0.20", [("CGST", "0.01"), ("SGST", "0.01")], "0.22"),
        ("CGST_SGST", "0.25", "100.00", [("CGST", "0.13"), ("SGST", "0.13")], "100.26"),
        ("IGST", "18", "499.99", [("IGST", "90.00")], "589.99"),
        ("VAT", "7.5", "10.06", [("VAT", "0.75")], "10.81"),
        ("EXEMPT", "0", "500.00", [], "500.00"),
    ],
)
def test_worked_examples(kind: str, percent: str, net: str, taxes: list[tuple[str, str]], gross: str) -> None:
    line = tax_line(inr(net), rule(kind, percent))
    assert [(item.label, item.amount) for item in line.components] == [(label, inr(tax)) for label, tax in taxes]
    assert line.gross == inr(gross)


def test_no_rule_is_no_tax() -> None:
    assert tax_line(inr("500"), None) == TaxedLine(inr("500"), ())


@given(amounts, kinds, percents, currencies)
def test_a_line_adds_up_and_each_component_is_within_half_a_unit(
    minor: int, kind: TaxKind, percent: Decimal, currency: str
) -> None:
    levied = rule(kind, percent)
    line = tax_line(Money(minor, currency), levied)
    assert line.gross.minor == minor + sum(item.amount.minor for item in line.components)
    for item in line.components:
        exact = Decimal(minor) * item.percent / 100
        assert abs(item.amount.minor - exact) <= Decimal("0.5")
    assert levied.percent == (0 if kind == TaxKind.EXEMPT else percent)


@given(amounts, percents)
def test_centre_and_state_get_the_same(minor: int, percent: Decimal) -> None:
    centre, state = tax_line(Money(minor, "INR"), rule("CGST_SGST", percent)).components
    assert (centre.label, state.label) == ("CGST", "SGST")
    assert centre.amount == state.amount


@given(amounts, kinds, percents)
def test_a_credit_is_the_mirror_of_its_charge(minor: int, kind: TaxKind, percent: Decimal) -> None:
    charge, credit = (tax_line(Money(sign * minor, "INR"), rule(kind, percent)) for sign in (1, -1))
    assert credit.gross == -charge.gross


@given(st.lists(st.tuples(amounts, kinds, st.sampled_from([Decimal(0), Decimal(5), Decimal("18.000")])), max_size=8))
def test_totals_are_the_sums_of_the_lines(given_lines: list[tuple[int, TaxKind, Decimal]]) -> None:
    lines = [tax_line(Money(minor, "INR"), rule(kind, percent)) for minor, kind, percent in given_lines]
    totals = tax_totals(lines)
    assert sum(item.amount.minor for item in totals) == sum(line.tax.minor for line in lines)
    assert len({(item.label, item.percent) for item in totals}) == len(totals)


def test_one_rate_written_two_ways_is_one_total() -> None:
    lines = [tax_line(inr("100"), rule("IGST", "18")), tax_line(inr("50"), rule("IGST", "18.000"))]
    (total,) = tax_totals(lines)
    assert (total.label, total.percent, total.amount) == ("IGST", Decimal(18), inr("27.00"))


@given(st.lists(amounts, min_size=1, max_size=8), st.data())
def test_a_discount_is_spread_without_loss_and_never_above_a_line(minors: list[int], data: st.DataObject) -> None:
    nets = [Money(minor, "INR") for minor in minors]
    discount = Money(data.draw(st.integers(0, sum(minors))), "INR")
    shares = spread_discount(nets, discount)
    assert len(shares) == len(nets)
    assert sum(share.minor for share in shares) == discount.minor
    assert all(0 <= share.minor <= net.minor for share, net in zip(shares, nets, strict=True))
