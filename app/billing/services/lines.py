"""What the lines of an invoice come to: prices, discounts and taxes, each rounded once.

Rounding: quantity × unit price is rounded half up to the minor unit, then the line's discount is taken off. The
invoice's own discount is shared over the lines in proportion (largest remainder, so that the shares add up exactly).
Each tax component is levied on the line less its share and rounded half up by itself. The total is the sum of what is
printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal

from flask_babel import gettext as _

from app.billing.models import Invoice, InvoiceLine
from app.catalog.tax import TaxRule, spread_discount, tax_line
from app.core.errors import Invalid
from app.core.money import InvalidAmount, Money


@dataclass(frozen=True)
class NewLine:
    """A line to be priced: unit price before tax; `discount` is taken off the whole line."""

    description: str
    unit_price: Money
    quantity: Decimal = Decimal(1)
    discount: Money | None = None
    tax: TaxRule | None = None
    service_id: str | None = None
    code: str = ""
    hsn: str = ""


def write_lines(invoice: Invoice, lines: Sequence[NewLine], discount: Money | None = None) -> None:
    """Replace the lines of a draft and add them up. Raises Invalid with the place of what is wrong."""
    if not lines:
        raise Invalid(fields={"lines": _("An invoice needs at least one line.")})
    discount = discount or Money.zero(invoice.currency)
    with amounts_that_fit():
        nets = [_net(line, at, invoice.currency) for at, line in enumerate(lines)]
        shares = _shares(nets, discount)
        invoice.lines = [
            _line(position, line, net, share)
            for position, (line, net, share) in enumerate(zip(lines, nets, shares, strict=True), 1)
        ]
        _add_up(invoice, discount)


@contextmanager
def amounts_that_fit() -> Iterator[None]:
    """Sums that no document comes to are the caller's mistake. Raises Invalid."""
    try:
        yield
    except InvalidAmount:
        raise Invalid(fields={"lines": _("The amounts are too large.")}) from None


def _net(line: NewLine, at: int, currency: str) -> Money:
    if line.unit_price.currency != currency or (line.discount and line.discount.currency != currency):
        raise Invalid(fields={f"lines.{at}.currency": _("The clinic bills in %(currency)s.", currency=currency)})
    net = line.unit_price.times(line.quantity).as_one() - (line.discount or Money.zero(currency))
    if net.minor < 0:
        raise Invalid(fields={f"lines.{at}.discount": _("The discount is above the line.")})
    return net


def _shares(nets: Sequence[Money], discount: Money) -> list[Money]:
    if not 0 <= discount.minor <= sum(net.minor for net in nets):
        raise Invalid(fields={"discount": _("The discount is above the invoice.")})
    return spread_discount(nets, discount)


def _line(position: int, line: NewLine, net: Money, share: Money) -> InvoiceLine:
    taxed = tax_line(net - share, line.tax)
    return InvoiceLine(
        position=position,
        service_id=line.service_id,
        description=line.description,
        code=line.code,
        hsn=line.hsn or (line.tax.hsn if line.tax else ""),
        quantity=line.quantity,
        currency=net.currency,
        unit_price_minor=line.unit_price.minor,
        discount_minor=line.discount.minor if line.discount else 0,
        net_minor=net.minor,
        share_minor=share.minor,
        tax_minor=taxed.tax.minor,
        tax_rate_id=line.tax.id if line.tax else None,
        tax_components=[
            {"label": item.label, "percent": str(item.percent.normalize()), "minor": item.amount.minor}
            for item in taxed.components
        ],
    )


def _add_up(invoice: Invoice, discount: Money) -> None:
    invoice.subtotal_minor = sum(line.net_minor for line in invoice.lines)
    invoice.discount_minor = discount.minor
    invoice.tax_minor = sum(line.tax_minor for line in invoice.lines)
    subtotal = Money(invoice.subtotal_minor, invoice.currency).as_one()
    invoice.total_minor = (subtotal - discount + Money(invoice.tax_minor, invoice.currency)).as_one().minor
