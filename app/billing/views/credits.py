"""Correcting an invoice by a credit note: an amount for the whole, or pieces of its lines."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.billing.models import CreditNote, Invoice
from app.billing.queries import get_invoice
from app.billing.services import LineCredit, credit_invoice, credit_lines, lock_for_credit
from app.billing.services.credit_parts import left_of_lines
from app.core.amounts import read_money
from app.core.errors import AppError, Invalid
from app.core.transaction import unit_of_work
from app.core.views import ActionView

LINE = "line_"


class CreditView(ActionView):
    """One page: either pieces of lines, or an amount."""

    class_permission_name = "credit_note"
    route_base = "/billing/credit"

    @expose("/<id:invoice_id>", methods=["GET", "POST"])
    def credit(self, invoice_id: str) -> Any:
        self.require("create")
        invoice = get_invoice(invoice_id)
        if request.method == "GET":
            return self._page(invoice)
        try:
            with unit_of_work():
                number = _credited(lock_for_credit(invoice_id)).number
        except AppError as error:
            words = " ".join(str(text) for text in (error.fields or {}).values()) or str(error.message)
            return self._page(get_invoice(invoice_id), words), 422
        flash(_("Credit note %(number)s", number=number), "success")
        return redirect(url_for("InvoiceView.show", pk=invoice_id))

    def _page(self, invoice: Invoice, problem: str = "") -> str:
        unpaid = invoice.total - invoice.amount_paid - invoice.credited
        return self.render(
            "billing/credit.html",
            invoice=invoice,
            lines=left_of_lines(invoice),
            unpaid=unpaid,
            typed=request.form,
            problem=problem,
        )


def _credited(invoice: Invoice) -> CreditNote:
    reason = request.form.get("reason", "").strip()
    if not reason:
        raise Invalid(fields={"reason": _("Say why.")})
    wanted = [LineCredit(line.id, _quantity(typed)) for line in invoice.lines if (typed := _typed(line.id))]
    amount = request.form.get("amount", "").strip()
    if bool(wanted) == bool(amount):
        raise Invalid(fields={"lines": _("Type quantities, or an amount.")})
    if wanted:
        return credit_lines(invoice, wanted, reason, release_paid="release_paid" in request.form)
    return credit_invoice(invoice, read_money(amount, invoice.currency, "amount"), reason)


def _typed(line_id: str) -> str:
    return request.form.get(f"{LINE}{line_id}", "").strip()


def _quantity(typed: str) -> Decimal:
    """Raises Invalid."""
    try:
        quantity = Decimal(typed)
        if quantity.is_finite() and quantity > 0 and quantity == quantity.quantize(Decimal("0.001")):
            return quantity
    except InvalidOperation:
        pass
    raise Invalid(fields={"lines": _("Above zero, with at most three decimals.")})
