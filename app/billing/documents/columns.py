"""The columns of an invoice's lines: as wide as what stands in them, whatever the currency and its amounts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from app.billing.documents.content import InvoiceDocument
from app.core.pdf import width

TABLE_POINTS = 510.0  # 180 mm
PADDING_POINTS = 11.0
DESCRIPTION_SHARE = 0.3
LEAST_SHARE = 0.15
SIZES = (8.5, 8.0, 7.5, 7.0, 6.5, 6.0, 5.5)
HEAD_SIZE = 7.5


@dataclass(frozen=True)
class Columns:
    """`widths` in percent of the table by field of a line, in their order; `size` is the type size in points."""

    size: float
    heads: dict[str, str]
    widths: dict[str, float]


def columns_of(document: InvoiceDocument, gettext: Callable[[str], str]) -> Columns:
    """Columns that no line uses are left out. The type shrinks until the description has room."""
    heads = {
        "quantity": gettext("Qty"),
        "unit_price": gettext("Unit price"),
        "discount": gettext("Discount"),
        "taxable": gettext("Taxable value"),
        "tax": gettext("Tax"),
        "amount": gettext("Amount"),
    }
    used = {name: head for name, head in heads.items() if any(getattr(line, name) for line in document.lines)}
    units = {name: max(width(getattr(line, name), 1) for line in document.lines) for name in used}
    floors = {name: max(width(word, HEAD_SIZE, bold=True) for word in head.split()) for name, head in used.items()}
    for size in SIZES:
        # Amounts stay on one line; heads may be broken between words.
        widths = {name: max(units[name] * size, floors[name]) + PADDING_POINTS for name in used}
        if sum(widths.values()) <= TABLE_POINTS * (1 - DESCRIPTION_SHARE):
            break
    whole = max(TABLE_POINTS, sum(widths.values()) / (1 - LEAST_SHARE))
    return Columns(size, used, {name: points / whole * 100 for name, points in widths.items()})
