"""Money as integer minor units of an ISO 4217 currency; never a float, never two currencies in one sum."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, Inexact, InvalidOperation
from functools import total_ordering


def currency_codes(text: str) -> frozenset[str]:
    """The codes in a text that separates them by blanks."""
    return frozenset(text.split())


# ISO 4217 list one: active codes of legal tender (no metals, no testing codes).
CURRENCIES = currency_codes(
    """AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF
    CHW CLF CLP CNY COP COU CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD
    HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD
    MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN
    PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD
    TWD TZS UAH UGX USD USN UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"""
)
_EXPONENTS = {
    **dict.fromkeys(currency_codes("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"), 0),
    **dict.fromkeys(currency_codes("BHD IQD JOD KWD LYD OMR TND"), 3),
    **dict.fromkeys(currency_codes("CLF UYW"), 4),
}
# What one price, document or payment may come to. A hundred such together still have fifteen digits, which is what an
# IEEE double keeps exactly: a JSON number of their sum loses nothing in any client.
LARGEST_MINOR = 10**13 - 1
# What a column holds. Sums must never fail: a report would be gone for good after a few absurd documents.
MAX_MINOR = 2**63 - 1
_MOST_DIGITS = 15
_PLAIN_NUMBER = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
_ROUNDED = Context(prec=60)


class InvalidAmount(ValueError):
    """The value is no amount of that currency: not a number, too precise, too large."""


class TooLarge(InvalidAmount):
    """No single amount is that large; a typing mistake."""


class TooPrecise(InvalidAmount):
    """More decimals than the currency has."""


class UnknownCurrency(InvalidAmount):
    """The code is not in ISO 4217's list of active currencies."""


class CurrencyMismatch(TypeError):
    """Two currencies met in one sum or comparison; always a bug of the caller."""


def exponent(currency: str) -> int:
    """Decimals of a currency in ISO 4217. A gateway may use another number: ask its own table."""
    if currency not in CURRENCIES:
        raise UnknownCurrency(f"{currency!r} is not an ISO 4217 currency")
    return _EXPONENTS.get(currency, 2)


@total_ordering
@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount. `minor` counts the smallest unit (paise, cents); it may be negative."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        exponent(self.currency)
        if type(self.minor) is not int:
            raise InvalidAmount("minor units are a whole number")
        if abs(self.minor) > MAX_MINOR:
            raise TooLarge("the amount is too large")

    @classmethod
    def zero(cls, currency: str) -> Money:
        return cls(0, currency)

    @classmethod
    def parse(cls, major: Decimal | str | int | float, currency: str) -> Money:
        """Major units as written ("10.50").

        Raises InvalidAmount for anything that the currency cannot hold exactly, or that no single amount comes to.
        """
        decimals = exponent(currency)
        value = _decimal(major)
        if value.adjusted() > _MOST_DIGITS:
            raise TooLarge("the amount is too large")
        try:
            exact = value.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)
        except (Inexact, InvalidOperation):
            raise TooPrecise(f"{currency} has {decimals} decimals") from None
        return cls(int(exact.scaleb(decimals, context=_EXACT)), currency).as_one()

    def as_one(self) -> Money:
        """This amount, if a single price, document or payment may come to it. Raises TooLarge."""
        if abs(self.minor) > LARGEST_MINOR:
            raise TooLarge("the amount is too large")
        return self

    def average(self, count: int) -> Money:
        """This amount shared by `count`, rounded half up."""
        halves, sign = 2 * abs(self.minor) // count, -1 if self.minor < 0 else 1
        return Money(sign * ((halves + 1) // 2), self.currency)

    @classmethod
    def total(cls, amounts: Iterable[Money], currency: str) -> Money:
        """The sum, zero of `currency` when there is nothing to add."""
        return sum(amounts, cls.zero(currency))

    @property
    def major(self) -> Decimal:
        """Major units with the currency's number of decimals, e.g. Decimal("10.50")."""
        return Decimal(self.minor).scaleb(-exponent(self.currency), context=_EXACT)

    def to_json(self) -> int | float:
        """Major units as a JSON number that reads back to exactly this amount (see LARGEST_MINOR)."""
        major = self.major
        whole = int(major)
        return whole if whole == major else float(major)

    def times(self, factor: int | Decimal) -> Money:
        """The product rounded half up to the minor unit, away from zero (how Indian tax invoices round)."""
        if isinstance(factor, float) or not Decimal(factor).is_finite() or Decimal(factor).adjusted() > _MOST_DIGITS:
            raise InvalidAmount("a factor is a whole or a decimal number of sensible size")
        product = _ROUNDED.multiply(Decimal(self.minor), Decimal(factor))
        return Money(int(product.to_integral_value(rounding=ROUND_HALF_UP, context=_ROUNDED)), self.currency)

    def percent(self, rate: int | Decimal) -> Money:
        """`rate` per cent of the amount, rounded like `times`."""
        if isinstance(rate, float):
            raise InvalidAmount("a rate is a whole or a decimal number")
        return self.times(_ROUNDED.divide(Decimal(rate), Decimal(100)))

    def allocate(self, weights: Sequence[int | Decimal]) -> list[Money]:
        """Parts in proportion to the weights that add up to the amount exactly.

        Each part is rounded towards zero; the units left over go one each to the largest remainders, the earlier first.
        """
        shares = [Decimal(weight) for weight in weights]
        if not shares or any(not share.is_finite() or share < 0 for share in shares) or not any(shares):
            raise InvalidAmount("weights are not negative and not all zero")
        ratios = [share.as_integer_ratio() for share in shares]
        scale = 1
        for _, denominator in ratios:
            scale *= denominator
        whole = [numerator * (scale // denominator) for numerator, denominator in ratios]
        parts = [abs(self.minor) * weight // sum(whole) for weight in whole]
        remainders = [abs(self.minor) * weight % sum(whole) for weight in whole]
        by_remainder = sorted(range(len(parts)), key=lambda at: -remainders[at])
        for at in by_remainder[: abs(self.minor) - sum(parts)]:
            parts[at] += 1
        sign = -1 if self.minor < 0 else 1
        return [Money(sign * part, self.currency) for part in parts]

    def __add__(self, other: Money) -> Money:
        return Money(self.minor + self._minor_of(other), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(self.minor - self._minor_of(other), self.currency)

    def __mul__(self, count: int) -> Money:
        if type(count) is not int:
            return NotImplemented
        return Money(self.minor * count, self.currency)

    __rmul__ = __mul__

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __abs__(self) -> Money:
        return Money(abs(self.minor), self.currency)

    def __bool__(self) -> bool:
        return self.minor != 0

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._minor_of(other)

    def __str__(self) -> str:
        return f"{self.major} {self.currency}"

    def _minor_of(self, other: object) -> int:
        if not isinstance(other, Money):
            raise CurrencyMismatch("money only goes with money")
        if other.currency != self.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency} do not go together")
        return other.minor


def _decimal(value: Decimal | str | int | float) -> Decimal:
    """The value as a finite Decimal. A float stands for the digits it prints (0.1 is 0.1, 0.1 + 0.2 is too precise)."""
    if isinstance(value, bool) or not isinstance(value, Decimal | str | int | float):
        raise InvalidAmount("an amount is a number")
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value.strip()):
        raise InvalidAmount("an amount is written like 1234.50")
    try:
        number = value if isinstance(value, Decimal) else Decimal(str(value).strip())
    except (InvalidOperation, ValueError):
        raise InvalidAmount("an amount is a number") from None
    if not number.is_finite():
        raise InvalidAmount("an amount is a finite number")
    return number
