"""Taking one sum by several tenders."""

from __future__ import annotations

from typing import Any

from flask import redirect, request, url_for
from flask_appbuilder import expose

from app.billing.models import Invoice
from app.billing.queries import get_invoice, get_receipt
from app.billing.services.receipts import parts_of
from app.billing.services.split_tender import Part, collect_split
from app.billing.views.cash_forms import form_key
from app.core.amounts import read_money
from app.core.errors import AppError, Invalid, NotFound
from app.core.ids import new_id
from app.core.money import Money
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.payments.models import TenderKind

# Two cards, since families pay with more than one.
ROWS = (
    TenderKind.CASH,
    TenderKind.CARD_TERMINAL,
    TenderKind.CARD_TERMINAL,
    TenderKind.UPI,
    TenderKind.CHEQUE,
    TenderKind.BANK,
)


class SplitView(ActionView):
    """Cash, cards, UPI, cheque and bank on one receipt."""

    class_permission_name = "invoice"
    route_base = "/billing/split"

    @expose("/<id:invoice_id>", methods=["GET", "POST"])
    def collect(self, invoice_id: str) -> Any:
        self.require("mark-paid")
        invoice = get_invoice(invoice_id)
        if request.method == "GET":
            return self._page(invoice)
        try:
            with unit_of_work():
                taken = collect_split(invoice, _parts(invoice.currency), payment_id=form_key())
                first = taken.payments[0].id
        except AppError as error:
            words = " ".join(str(text) for text in (error.fields or {}).values())
            shown = words if isinstance(error, Invalid) and words else str(error.message)
            return self._page(get_invoice(invoice_id), shown), error.status
        return redirect(url_for(".taken", payment_id=first))

    @expose("/taken/<id:payment_id>")
    def taken(self, payment_id: str) -> str:
        """What was taken, what goes back, and the receipt to print."""
        self.require("mark-paid")
        receipt = get_receipt(payment_id)
        parts = parts_of(receipt)
        if parts[0].invoice_id is None:
            raise NotFound
        invoice = get_invoice(parts[0].invoice_id)
        change = Money.total((part.change for part in parts), parts[0].currency)
        return self.render("billing/split_taken.html", receipt=receipt, parts=parts, change=change, invoice=invoice)

    def _page(self, invoice: Invoice, problem: str = "") -> str:
        rows = [(at, kind, _typed(at)) for at, kind in enumerate(ROWS)]
        return self.render("billing/split.html", invoice=invoice, rows=rows, problem=problem, key=new_id())


def _typed(at: int) -> dict[str, str]:
    return {name: request.form.get(f"{name}_{at}", "").strip() for name in ("amount", "tendered", "reference")}


def _parts(currency: str) -> list[Part]:
    """Rows with an amount. Raises Invalid."""
    parts = []
    for at, kind in enumerate(ROWS):
        typed = _typed(at)
        if not typed["amount"]:
            continue
        tendered = read_money(typed["tendered"], currency, "parts") if typed["tendered"] else None
        amount = read_money(typed["amount"], currency, "parts")
        parts.append(Part(kind, amount, typed["reference"][:80], tendered))
    return parts
