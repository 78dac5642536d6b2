from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.core.money import (
    CURRENCIES,
    LARGEST_MINOR,
    MAX_MINOR,
    CurrencyMismatch,
    InvalidAmount,
    Money,
    TooLarge,
    UnknownCurrency,
    exponent,
)

currencies = st.sampled_from(["INR", "JPY", "KWD", "USD", "CLF"])
amounts = st.builds(Money, st.integers(-(10**12), 10**12), currencies)
rupees = st.builds(Money, st.integers(-(10**12), 10**12), st.just("INR"))


@pytest.mark.parametrize(
    ("currency", "decimals"),
    [("INR", 2), ("USD", 2), ("JPY", 0), ("UGX", 0), ("ISK", 0), ("KWD", 3), ("OMR", 3), ("MGA", 2), ("CLF", 4)],
)
def test_exponents_follow_iso_4217(currency: str, decimals: int) -> None:
    assert exponent(currency) == decimals


@pytest.mark.parametrize("code", ["", "inr", "XXX", "XTS", "BTC", "₹", "INR "])
def test_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(UnknownCurrency):
        Money(1, code)


@pytest.mark.parametrize(
    ("major", "currency", "minor"),
    [
        ("10.50", "INR", 1050),
        ("7.77", "INR", 777),
        (8.20, "INR", 820),
        (5.1, "INR", 510),
        (1234, "JPY", 1234),
        ("1.234", "KWD", 1234),
        (Decimal("10.500"), "INR", 1050),
        (Decimal("1E+3"), "INR", 100000),
        ("-0.01", "INR", -1),
        (" 5 ", "INR", 500),
        (0, "INR", 0),
    ],
)
def test_parse_is_exact(major: Decimal | str | float, currency: str, minor: int) -> None:
    assert Money.parse(major, currency) == Money(minor, currency)


@pytest.mark.parametrize(
    "bad",
    [
        "10.505",
        "0.001",
        0.1 + 0.2,
        Decimal("1e-30"),
        Decimal("1.00000000000000000000000000000000000000001"),
        "NaN",
        float("nan"),
        Decimal("sNaN"),
        float("inf"),
        Decimal("-Infinity"),
        "1e3",
        "1_000",
        "1,000",
        "१२",
        "",
        "ten",
        "9" * 31,
        Decimal("1e1000000"),
        Decimal("1e-1000000"),
        10**16,
        True,
        None,
        [1],
    ],
    ids=lambda value: str(value)[:20],
)
def test_parse_refuses_what_the_currency_cannot_hold(bad: object) -> None:
    with pytest.raises(InvalidAmount):
        Money.parse(bad, "INR")  # type: ignore[arg-type]


@pytest.mark.parametrize("minor", [1.0, "1", True, None, MAX_MINOR + 1, -MAX_MINOR - 1])
def test_minor_units_are_whole_and_bounded(minor: object) -> None:
    with pytest.raises(InvalidAmount):
        Money(minor, "INR")  # type: ignore[arg-type]


@given(st.integers(-LARGEST_MINOR, LARGEST_MINOR), st.sampled_from(sorted(CURRENCIES)))
def test_major_and_json_read_back_to_the_same_amount(minor: int, currency: str) -> None:
    money = Money(minor, currency)
    assert Money.parse(money.major, currency) == money
    assert Money.parse(str(money.major), currency) == money
    number = json.loads(json.dumps(money.to_json()), parse_float=Decimal)
    assert Money.parse(number, currency) == money


def test_a_single_amount_is_bounded_and_sums_of_many_never_fail() -> None:
    largest = Money.parse("99999999999.99", "INR")
    assert largest.minor == LARGEST_MINOR
    with pytest.raises(TooLarge):
        Money.parse("100000000000", "INR")
    with pytest.raises(TooLarge):
        (largest + Money(1, "INR")).as_one()
    hundred = Money.total([largest] * 100, "INR")
    assert json.loads(json.dumps(hundred.to_json()), parse_float=Decimal) == Decimal("9999999999999.00")
    assert Money.total([largest] * 100_000, "INR").minor == LARGEST_MINOR * 100_000


def test_json_has_no_needless_decimals() -> None:
    assert json.dumps([Money(50000, "INR").to_json(), Money(1050, "INR").to_json()]) == "[500, 10.5]"


@given(rupees, rupees)
def test_adding_and_taking_away_cancel(left: Money, right: Money) -> None:
    assert left + right - right == left
    assert left + right == right + left
    negated = -left
    assert -negated == left
    assert abs(left) == max(left, -left)


@given(amounts, amounts)
def test_two_currencies_never_meet(left: Money, right: Money) -> None:
    assume(left.currency != right.currency)
    assert left != right
    with pytest.raises(CurrencyMismatch):
        left + right
    with pytest.raises(CurrencyMismatch):
        left - right
    with pytest.raises(CurrencyMismatch):
        _ = left < right


def test_a_plain_number_is_not_money() -> None:
    with pytest.raises(CurrencyMismatch):
        Money(1, "INR") + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        Money(1, "INR") * 1.5  # type: ignore[operator]


@given(amounts, st.lists(st.integers(0, 10_000), min_size=1, max_size=12))
def test_allocation_loses_nothing_and_stays_within_one_unit(money: Money, weights: list[int]) -> None:
    assume(any(weights))
    parts = money.allocate(weights)
    assert Money.total(parts, money.currency) == money
    for part, weight in zip(parts, weights, strict=True):
        exact = Decimal(money.minor) * weight / sum(weights)
        assert abs(Decimal(part.minor) - exact) < 1
        assert weight or not part


def test_allocation_gives_leftover_units_to_the_largest_remainders() -> None:
    assert [part.minor for part in Money(100, "INR").allocate([1, 1, 1])] == [34, 33, 33]
    assert [part.minor for part in Money(-100, "INR").allocate([1, 1, 1])] == [-34, -33, -33]
    assert [part.minor for part in Money(5, "INR").allocate([Decimal("0.3"), Decimal("0.7")])] == [2, 3]
    assert [part.minor for part in Money(10, "INR").allocate([9, 9, 1])] == [5, 5, 0]


@pytest.mark.parametrize("weights", [[], [0, 0], [-1, 2], [Decimal("NaN")]])
def test_allocation_refuses_senseless_weights(weights: list[int | Decimal]) -> None:
    with pytest.raises(InvalidAmount):
        Money(100, "INR").allocate(weights)


@pytest.mark.parametrize(
    ("minor", "rate", "tax"),
    [(50000, 18, 9000), (50000, Decimal("2.5"), 1250), (25, 10, 3), (-25, 10, -3), (24, 10, 2), (1, 50, 1), (0, 18, 0)],
)
def test_percent_rounds_half_up(minor: int, rate: int | Decimal, tax: int) -> None:
    assert Money(minor, "INR").percent(rate) == Money(tax, "INR")


def test_factors_are_never_floats() -> None:
    assert Money(333, "INR").times(Decimal("1.5")) == Money(500, "INR")
    for bad in (1.5, Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(InvalidAmount):
            Money(333, "INR").times(bad)  # type: ignore[arg-type]
    with pytest.raises(InvalidAmount):
        Money(333, "INR").percent(0.18)  # type: ignore[arg-type]


def test_total_truth_and_text() -> None:
    assert Money.total([], "JPY") == Money.zero("JPY")
    assert sum([Money(1, "INR"), Money(2, "INR")], Money.zero("INR")) == 3 * Money(1, "INR")
    assert not Money.zero("INR")
    assert str(Money(1050, "INR")) == "10.50 INR"
    assert str(Money(1050, "JPY")) == "1050 JPY"


@pytest.mark.parametrize(
    ("minor", "count", "expected"), [(100, 3, 33), (200, 3, 67), (5, 2, 3), (-5, 2, -3), (0, 7, 0), (7, 1, 7)]
)
def test_an_average_is_rounded_half_up(minor: int, count: int, expected: int) -> None:
    assert Money(minor, "INR").average(count) == Money(expected, "INR")
