"""How a credit is shared over the lines of an invoice, exact to the minor unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import func, select

from app.billing.models import CreditNoteLine, Invoice, InvoiceLine
from app.core.amounts import check_above_zero
from app.core.errors import Conflict, Invalid
from app.core.money import Money
from app.core.tenant import db

NOTHING = Decimal(0)


class AboveInvoice(Conflict):
    """More than the invoice is worth cannot be credited."""

    code = "ABOVE_INVOICE"


@dataclass(frozen=True)
class LineCredit:
    """What is asked for: a quantity of a line, or an amount with its tax."""

    line_id: str
    quantity: Decimal | None = None
    amount: Money | None = None


@dataclass(frozen=True)
class Part:
    """What a credit note takes off one line."""

    line: InvoiceLine
    quantity: Decimal
    net: Money
    tax: Money
    components: list[dict[str, Any]]

    @property
    def amount(self) -> Money:
        return self.net + self.tax


@dataclass(frozen=True)
class _Credited:
    """What earlier notes took off a line."""

    quantity: Decimal = NOTHING
    minor: int = 0


def parts_of_amount(invoice: Invoice, amount: Money) -> list[Part]:
    """An amount shared over what is left of each line, by largest remainder. Raises AboveInvoice."""
    before = _credited(invoice)
    left = [line.amount.minor - before.get(line.id, _Credited()).minor for line in invoice.lines]
    if not 0 < amount.minor <= sum(left):
        raise AboveInvoice(_("More than what is left of the invoice."))
    shares = zip(invoice.lines, amount.allocate(left), strict=True)
    return [_part(line, before.get(line.id, _Credited()), NOTHING, share) for line, share in shares if share]


def parts_of_lines(invoice: Invoice, wanted: Sequence[LineCredit]) -> list[Part]:
    """Raises Invalid, or AboveInvoice for more than is left of a line."""
    before, lines = _credited(invoice), {line.id: line for line in invoice.lines}
    if len({item.line_id for item in wanted}) != len(wanted):
        raise Invalid(fields={"lines": _("Name each line once.")})
    parts = []
    for at, item in enumerate(wanted):
        line = lines.get(item.line_id)
        if line is None:
            raise Invalid(fields={f"lines.{at}.lineId": _("The invoice has no such line.")})
        done = before.get(line.id, _Credited())
        parts.append(_part(line, done, item.quantity or NOTHING, _wanted(line, done, item, at)))
    if not any(part.amount for part in parts):
        raise Invalid(fields={"lines": _("Nothing is credited.")})
    return [part for part in parts if part.amount]


def left_of_lines(invoice: Invoice) -> list[tuple[InvoiceLine, Decimal, Money]]:
    """Each line with the quantity and the amount that can still be credited."""
    before = _credited(invoice)
    found = []
    for line in invoice.lines:
        done = before.get(line.id, _Credited())
        left = Money(line.amount.minor - done.minor, line.currency)
        found.append((line, line.quantity - done.quantity if left else NOTHING, left))
    return found


def _credited(invoice: Invoice) -> dict[str, _Credited]:
    sums = (
        select(
            CreditNoteLine.invoice_line_id,
            func.sum(CreditNoteLine.quantity),
            func.sum(CreditNoteLine.net_minor + CreditNoteLine.tax_minor),
        )
        .where(CreditNoteLine.invoice_line_id.in_([line.id for line in invoice.lines]))
        .group_by(CreditNoteLine.invoice_line_id)
    )
    return {row[0]: _Credited(row[1], int(row[2])) for row in db.session.execute(sums)}


def _wanted(line: InvoiceLine, done: _Credited, item: LineCredit, at: int) -> Money:
    """What the asked part of a line is worth."""
    if (item.quantity is None) == (item.amount is None):
        raise Invalid(fields={f"lines.{at}": _("Give a quantity or an amount.")})
    check_above_zero(item.amount, f"lines.{at}.amount")
    if item.amount is not None:
        worth, enough = item.amount, True
    else:
        quantity = item.quantity or NOTHING
        enough = NOTHING < quantity <= line.quantity - done.quantity
        worth = _of_quantity(line, done.quantity + quantity) - _of_quantity(line, done.quantity)
    if not enough or worth.minor > line.amount.minor - done.minor:
        raise AboveInvoice(_("More than what is left of line %(number)s.", number=line.position), line=line.id)
    return worth


def _of_quantity(line: InvoiceLine, quantity: Decimal) -> Money:
    """What so much of a line is worth with its tax, rounded half up."""
    exact = Decimal(line.amount.minor) * quantity / line.quantity
    return Money(int(exact.to_integral_value(rounding=ROUND_HALF_UP)), line.currency)


def _part(line: InvoiceLine, done: _Credited, quantity: Decimal, amount: Money) -> Part:
    before, after = _tax_up_to(line, done.minor), _tax_up_to(line, done.minor + amount.minor)
    tax = Money(after - before, line.currency)
    return Part(line, quantity, amount - tax, tax, _components(line, before, after))


def _tax_up_to(line: InvoiceLine, credited: int) -> int:
    """The tax in the first so many minor units of a line, rounded half up; it grows no faster than they do."""
    total = line.amount.minor
    return (line.tax_minor * credited * 2 + total) // (total * 2) if total else 0


def _components(line: InvoiceLine, before: int, after: int) -> list[dict[str, Any]]:
    """The tax between two running totals by component: each ends where its share of the running total ends."""
    parts, weight, earlier = [], 0, 0
    for item in line.tax_components:
        weight += item["minor"]
        upto = _share(after, weight, line.tax_minor) - _share(before, weight, line.tax_minor)
        parts.append({**item, "minor": upto - earlier})
        earlier = upto
    return parts


def _share(total: int, weight: int, whole: int) -> int:
    return (total * weight * 2 + whole) // (whole * 2) if whole else 0
