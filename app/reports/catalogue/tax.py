"""Tax on what was invoiced and credited, by rate and component (CGST, SGST, IGST, VAT)."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import BigInteger, Numeric, String, cast, column, func, select, true

from app.billing.models import CreditNote, CreditNoteLine, Invoice, InvoiceLine
from app.core.money import Money
from app.core.tenant import db
from app.reports.base import Column, Filters, Report, Section
from app.scheduling.queries import local_bounds
from app.tenancy.queries import settings_in_scope


class Tax(Report):
    """What the tax return asks for."""

    name = "tax"
    title = _("Tax")
    lede = _("Tax by component on invoices of these days, credit notes taken off.")
    columns = (
        Column("label", _("Tax")),
        Column("percent", _("Rate (%)"), "number"),
        Column("taxable", _("Taxable"), "money"),
        Column("tax", _("Tax"), "money"),
    )

    def sections(self, filters: Filters) -> list[Section]:
        currency = settings_in_scope().currency
        sums: dict[tuple[str, Any], list[int]] = {}
        for sign, wanted in ((1, _invoiced(filters, currency)), (-1, _credited(filters, currency))):
            for label, percent, taxable, tax in db.session.execute(wanted):
                known = sums.setdefault((label, percent), [0, 0])
                known[0], known[1] = known[0] + sign * int(taxable), known[1] + sign * int(tax)
        rows = [
            {"label": label, "percent": percent, "taxable": Money(net, currency), "tax": Money(tax, currency)}
            for (label, percent), (net, tax) in sorted(sums.items())
        ]
        total = Money.total((row["tax"] for row in rows), currency)
        return [Section("", self.columns, rows, {"label": gettext("Total"), "tax": total})]


def _invoiced(filters: Filters, currency: str) -> Any:
    start, end = local_bounds(filters.first, filters.last)
    taxable = InvoiceLine.net_minor - InvoiceLine.share_minor
    wanted = _by_component(InvoiceLine, taxable).join(Invoice, Invoice.id == InvoiceLine.invoice_id)
    issued = wanted.where(Invoice.opened_at >= start, Invoice.opened_at < end, Invoice.currency == currency)
    return _narrowed(issued.where(Invoice.status.not_in(("DRAFT", "VOID"))), filters)


def _credited(filters: Filters, currency: str) -> Any:
    start, end = local_bounds(filters.first, filters.last)
    wanted = (
        _by_component(CreditNoteLine, CreditNoteLine.net_minor)
        .join(CreditNote, CreditNote.id == CreditNoteLine.credit_note_id)
        .join(Invoice, Invoice.id == CreditNote.invoice_id)
    )
    issued = wanted.where(CreditNote.issued_at >= start, CreditNote.issued_at < end, CreditNote.currency == currency)
    return _narrowed(issued, filters)


def _narrowed(wanted: Any, filters: Filters) -> Any:
    return wanted.where(Invoice.location_id == filters.location_id) if filters.location_id else wanted


def _by_component(model: Any, taxable: Any) -> Any:
    """(label, percent, taxable, tax) of the components in the lines' `tax_components`."""
    part = func.jsonb_to_recordset(model.tax_components).table_valued(
        column("label", String), column("percent", Numeric), column("minor", BigInteger)
    )
    part = part.render_derived(name="component", with_types=True)
    return (
        select(part.c.label, part.c.percent, func.sum(taxable), cast(func.sum(part.c.minor), BigInteger))
        .select_from(model)
        .join(part, onclause=true())
        .group_by(part.c.label, part.c.percent)
    )
