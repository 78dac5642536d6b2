"""Count sheets as they are typed: how many of each note and coin."""

from __future__ import annotations

from dataclasses import dataclass

from flask import request
from flask_babel import gettext as _

from app.billing.denominations import denominations_of
from app.core.errors import Invalid
from app.core.money import Money, exponent

FIELD = "count_"


@dataclass(frozen=True)
class CountSheet:
    """`typed` is what stands in the fields, by the worth of the piece in minor units."""

    currency: str
    typed: dict[int, str]

    @classmethod
    def read(cls, currency: str) -> CountSheet:
        """What this request sent; empty fields for a page that is only shown."""
        worths = denominations_of(currency).all
        return cls(currency, {worth: request.form.get(f"{FIELD}{worth}", "").strip() for worth in worths})

    @property
    def count(self) -> dict[str, int]:
        """Raises Invalid for what is no number of pieces."""
        count = {}
        for worth, typed in self.typed.items():
            if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 7):
                raise Invalid(fields={"count": _("A count is a whole number of notes or coins.")})
            count[str(worth)] = int(typed or 0)
        return count

    @property
    def decimals(self) -> int:
        return exponent(self.currency)

    @property
    def notes(self) -> list[tuple[Money, str]]:
        return self._rows(denominations_of(self.currency).notes)

    @property
    def coins(self) -> list[tuple[Money, str]]:
        return self._rows(denominations_of(self.currency).coins)

    def _rows(self, worths: tuple[int, ...]) -> list[tuple[Money, str]]:
        return [(Money(worth, self.currency), self.typed[worth]) for worth in worths]
