"""Documents to open and print from the console."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_appbuilder import expose

from app.billing.models import Receipt
from app.billing.queries import get_credit_note, get_invoice, get_receipt
from app.billing.services import credit_note_pdf, ensure_pdf, receipt_pdf
from app.billing.services.files import PDF
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.payments.models import Payment

A4 = "a4"


class PrintoutView(ActionView):
    """Invoices and credit notes on A4, receipts on 80 mm or A4."""

    class_permission_name = "invoice"
    route_base = "/billing"

    @expose("/invoice/<id:invoice_id>.pdf")
    def invoice(self, invoice_id: str) -> Response:
        self.require("download")
        return _invoice_pdf(get_invoice(invoice_id).id)

    @expose("/credit-note/<id:credit_note_id>.pdf")
    def credit_note(self, credit_note_id: str) -> Response:
        self.require("download")
        note = get_credit_note(credit_note_id)
        return _pdf(credit_note_pdf(note), note.number)

    @expose("/receipt/<id:payment_id>.pdf")
    def receipt(self, payment_id: str) -> Response:
        """`?paper=a4` prints the invoice that was paid, with its payments."""
        self.require("download")
        receipt: Receipt = get_receipt(payment_id)
        payment: Payment = receipt.payment
        if request.args.get("paper") == A4 and payment.invoice_id is not None:
            return _invoice_pdf(payment.invoice_id)
        return _pdf(receipt_pdf(receipt), receipt.number)


def _invoice_pdf(invoice_id: str) -> Response:
    with unit_of_work():
        stored = ensure_pdf(invoice_id)
        return _pdf(bytes(stored.content), stored.name.removesuffix(".pdf"))


def _pdf(content: bytes, number: str) -> Any:
    name = f"{number.replace('/', '-')}.pdf"
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, mimetype=PDF, headers=headers)
