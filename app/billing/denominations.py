"""Notes and coins by currency, and counting them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from flask_babel import gettext as _

from app.core.errors import Invalid
from app.core.money import Money, exponent

MOST_PIECES = 100_000


class Denominations(NamedTuple):
    """What each note and coin in circulation is worth, in minor units, the largest first."""

    notes: tuple[int, ...]
    coins: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.notes, *self.coins)


# What the central banks issue (RBI, Fed, ECB, BoE, CBUAE, BoJ, CBK); notes that are no longer issued count as pieces of
# the next smaller ones.
CURRENCIES: dict[str, Denominations] = {
    "INR": Denominations((500_00, 200_00, 100_00, 50_00, 20_00, 10_00), (5_00, 2_00, 1_00, 50)),
    "USD": Denominations((100_00, 50_00, 20_00, 10_00, 5_00, 2_00, 1_00), (50, 25, 10, 5, 1)),
    "EUR": Denominations((200_00, 100_00, 50_00, 20_00, 10_00, 5_00), (2_00, 1_00, 50, 20, 10, 5, 2, 1)),
    "GBP": Denominations((50_00, 20_00, 10_00, 5_00), (2_00, 1_00, 50, 20, 10, 5, 2, 1)),
    "AED": Denominations((1000_00, 500_00, 200_00, 100_00, 50_00, 20_00, 10_00, 5_00), (1_00, 50, 25)),
    "JPY": Denominations((10_000, 5_000, 2_000, 1_000), (500, 100, 50, 10, 5, 1)),
    "KWD": Denominations((20_000, 10_000, 5_000, 1_000, 500, 250), (100, 50, 20, 10, 5)),
}


def denominations_of(currency: str) -> Denominations:
    """Those of the table; for any other currency 1, 2 and 5 of each power of ten."""
    known = CURRENCIES.get(currency)
    if known is not None:
        return known
    unit = 10 ** exponent(currency)
    notes = tuple(step * unit * ten for ten in (1000, 100, 10) for step in (5, 2, 1))
    coins = tuple(step * ten for ten in (unit, unit // 10, unit // 100) if ten for step in (5, 2, 1))
    return Denominations(notes, coins)


def checked_count(count: Mapping[str, int], currency: str) -> tuple[dict[str, int], Money]:
    """The pieces that are there, and their sum. Raises Invalid for pieces that the currency does not have."""
    known = {str(worth) for worth in denominations_of(currency).all}
    for worth, pieces in count.items():
        if worth not in known or not 0 <= pieces <= MOST_PIECES:
            raise Invalid(
                fields={"count": _("This is no count of notes and coins in %(currency)s.", currency=currency)}
            )
    pieces_there = {worth: pieces for worth, pieces in count.items() if pieces}
    return pieces_there, Money(sum(int(worth) * pieces for worth, pieces in pieces_there.items()), currency)


def count_of(amount: Money) -> dict[str, int]:
    """The fewest notes and coins that make an amount. Raises Invalid where they cannot."""
    left, count = amount.minor, {}
    for worth in denominations_of(amount.currency).all:
        pieces, left = divmod(left, worth)
        if pieces:
            count[str(worth)] = pieces
    if left:
        raise Invalid(fields={"count": _("No notes and coins make this amount.")})
    return count
