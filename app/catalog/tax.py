"""Tax arithmetic: what a line costs with its taxes. Pure, exact to the minor unit, rounded per line and component.

India levies CGST and SGST each at half the rate on the same value (CGST Act 2017 s. 9 and the states' acts), so each is
rounded by itself, half up as in s. 170.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.catalog.models import TaxKind
from app.core.money import Money

Components = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class TaxRule:
    """What is levied on a line: each component on the net amount. `hsn` is the HSN or SAC code of what is sold."""

    id: str
    name: str
    components: Components
    hsn: str = ""

    @property
    def percent(self) -> Decimal:
        return sum((percent for _label, percent in self.components), Decimal(0))


@dataclass(frozen=True, slots=True)
class TaxComponent:
    """One tax of a line or of a whole invoice."""

    label: str
    percent: Decimal
    amount: Money


@dataclass(frozen=True, slots=True)
class TaxedLine:
    """A line's net amount (quantity and discount done), its taxes and their sum."""

    net: Money
    components: tuple[TaxComponent, ...]

    @property
    def tax(self) -> Money:
        return Money.total((component.amount for component in self.components), self.net.currency)

    @property
    def gross(self) -> Money:
        return self.net + self.tax


def components_of(kind: str, percent: Decimal) -> Components:
    """How a rate of `percent` is split: equal halves for CGST_SGST, nothing for EXEMPT."""
    match kind:
        case TaxKind.EXEMPT:
            return ()
        case TaxKind.CGST_SGST:
            return ("CGST", percent / 2), ("SGST", percent / 2)
        case _:
            return ((kind, percent),)


def tax_line(net: Money, rule: TaxRule | None) -> TaxedLine:
    """The taxes on a net amount, each rounded half up to the minor unit. No rule: no tax."""
    levied = rule.components if rule else ()
    return TaxedLine(net, tuple(TaxComponent(label, percent, net.percent(percent)) for label, percent in levied))


def tax_totals(lines: Iterable[TaxedLine]) -> tuple[TaxComponent, ...]:
    """The sum of each component over lines, by label and rate, in the order in which they first occur."""
    totals: dict[tuple[str, Decimal], Money] = {}
    for line in lines:
        for component in line.components:
            key = component.label, component.percent.normalize()
            totals[key] = totals.get(key, Money.zero(line.net.currency)) + component.amount
    return tuple(TaxComponent(label, percent, amount) for (label, percent), amount in totals.items())


def spread_discount(nets: Sequence[Money], discount: Money) -> list[Money]:
    """An invoice discount shared over its lines in proportion, before tax; the shares add up to it exactly."""
    if not any(nets):
        return list(nets)
    return discount.allocate([net.minor for net in nets])
