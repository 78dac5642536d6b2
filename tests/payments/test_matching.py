"""A seeded list with one difference of each kind yields exactly these."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.core.money import Money
from app.payments.gateways.settlements import SettlementKind, SettlementLine
from app.payments.models import ExceptionKind
from app.payments.services.matching import RETURNED, Books, OurSide, compare

LIST = Path(__file__).parent / "data" / "settlement_lines.csv"
AT = datetime(2026, 11, 20, tzinfo=UTC)


def rows() -> list[dict[str, str]]:
    with LIST.open() as file:
        return list(csv.DictReader(file))


def lines() -> Iterator[SettlementLine]:
    for row in rows():
        gross, fee, tax = (Money.parse(row[name], row["currency"]) for name in ("gross", "fee", "tax"))
        kind = SettlementKind(row["kind"])
        yield SettlementLine(row["settlement"], kind, row["gateway_id"], gross, fee, tax, gross - fee, AT)


def side(amount: str, fee: str | None = "18.88") -> OurSide:
    return OurSide(Money.parse(amount, "INR"), "ours", fee=Money.parse(fee, "INR") if fee else None)


@pytest.fixture
def books() -> Books:
    names = ("pay_fits", "pay_amount", "pay_fee", "pay_twice", "pay_currency", "pay_forgotten")
    known = {(SettlementKind.PAYMENT, name): side("800") for name in names}
    known[SettlementKind.REFUND, "rfnd_fits"] = side("-100", None)
    due = [(SettlementKind.PAYMENT, "pay_fits"), (SettlementKind.PAYMENT, "pay_forgotten")]
    return Books(known, due=due)


def test_the_seeded_list_yields_exactly_its_differences(books: Books) -> None:
    found = sorted((finding.kind, finding.gateway_id) for finding in compare(list(lines()), books))
    expected = [(ExceptionKind(row["case"]), row["gateway_id"]) for row in rows() if row["case"]]
    assert found == sorted([*expected, (ExceptionKind.MISSING_THEIRS, "pay_forgotten")])


def test_each_difference_names_both_figures(books: Books) -> None:
    by_id = {finding.gateway_id: finding for finding in compare(list(lines()), books)}
    amount, fee, currency = by_id["pay_amount"], by_id["pay_fee"], by_id["pay_currency"]
    assert (amount.expected, amount.found) == (Money(80_000, "INR"), Money(79_000, "INR"))
    assert (fee.expected, fee.found) == (Money(1_888, "INR"), Money(2_360, "INR"))
    assert (currency.expected, currency.found) == (Money(80_000, "INR"), Money(80_000, "USD"))
    assert by_id["pay_unknown"].expected is None
    assert by_id["pay_forgotten"].found is None


def test_a_list_that_fits_has_no_differences(books: Books) -> None:
    fitting = [line for line in lines() if line.gateway_id in ("pay_fits", "rfnd_fits", "fee_monthly")]
    assert compare(fitting, Books(books.known)) == []


def test_what_stands_in_an_earlier_settlement_is_not_missing(books: Books) -> None:
    fits = (SettlementKind.PAYMENT, "pay_fits")
    assert compare([], Books(books.known, settled={fits}, due=[fits])) == []
    assert [finding.kind for finding in compare([], Books(books.known, due=[fits]))] == [ExceptionKind.MISSING_THEIRS]


def test_parts_of_one_payment_are_added_up() -> None:
    first, second = (
        replace(next(lines()), gross=Money(part, "INR"), fee=Money(944, "INR")) for part in (50_000, 30_000)
    )
    known = {(SettlementKind.PAYMENT, "pay_fits"): side("800")}
    assert compare([first, second], Books(known)) == []
    assert [finding.kind for finding in compare([first, second, second], Books(known))] == [
        ExceptionKind.WRONG_AMOUNT,
        ExceptionKind.WRONG_FEE,
        ExceptionKind.DUPLICATE,
        ExceptionKind.DUPLICATE,
    ]


def test_money_of_a_dispute_may_come_back(books: Books) -> None:
    taken, back = Money(-80_000, "INR"), Money(80_000, "INR")
    nothing = Money.zero("INR")
    won = [
        SettlementLine("setl_3", SettlementKind.DISPUTE, "disp_1", amount, nothing, nothing, amount, AT)
        for amount in (taken, back)
    ]
    known = {
        (SettlementKind.DISPUTE, "disp_1"): OurSide(taken, "ours"),
        (SettlementKind.DISPUTE, "disp_1" + RETURNED): OurSide(back, "ours"),
    }
    assert compare(won, Books(known)) == []
    assert [finding.kind for finding in compare([*won, won[0]], Books(known))] == [ExceptionKind.DUPLICATE]


def test_a_fee_that_was_never_told_is_not_questioned() -> None:
    line = next(lines())
    assert compare([line], Books({(SettlementKind.PAYMENT, "pay_fits"): side("800", None)})) == []


def test_a_converted_payment_is_compared_by_what_the_payer_paid() -> None:
    dollars, rupees = Money(1_000, "USD"), Money(83_000, "INR")
    fee = Money(2_000, "INR")
    line = SettlementLine(
        "po_1", SettlementKind.PAYMENT, "py_1", rupees, fee, Money.zero("INR"), rupees - fee, AT, presented=dollars
    )
    known = {(SettlementKind.PAYMENT, "py_1"): OurSide(dollars, "ours", fee=fee)}
    assert compare([line], Books(known)) == []
