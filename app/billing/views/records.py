"""Invoices, credit notes, receipts and pay links on generated screens. Services alone make and change them."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from sqlalchemy import func

from app.billing.models import CreditNote, Invoice, InvoiceAllocation, InvoiceLine, InvoiceStatus, PayLink, Receipt
from app.billing.notices import send_invoice, told_of
from app.billing.services import lock_invoice, lock_visit, open_invoice
from app.billing.services.receipts import parts_of
from app.core.errors import Conflict
from app.core.navigation import describe_item
from app.core.principal import may
from app.core.views import Chart, ReadOnlyView, monthly, row_action
from app.messaging.models import Channel
from app.messaging.words import channel_name, message_title


class InvoiceLineView(ReadOnlyView):
    """What was sold, line by line."""

    model = InvoiceLine
    class_permission_name = "invoice"
    list_title = _("Lines")
    base_order = ("position", "asc")
    list_columns = ["description", "hsn", "quantity", "unit_price", "discount", "taxable", "tax", "amount"]
    show_columns = [
        "invoice",
        "description",
        "code",
        "hsn",
        "quantity",
        "unit_price",
        "discount",
        "taxable",
        "tax",
        "amount",
    ]
    search_columns = ["description", "code"]
    order_columns = ["description", "hsn", "quantity"]
    label_columns = {
        "hsn": _("HSN/SAC"),
        "unit_price": _("Unit price"),
        "discount": _("Discount"),
        "taxable": _("Taxable value"),
        "tax": _("Tax"),
        "amount": _("Amount"),
    }


class InvoiceAllocationView(ReadOnlyView):
    """Which payments settle which invoices."""

    model = InvoiceAllocation
    class_permission_name = "invoice"
    list_title = _("Payments")
    list_columns = ["created_at", "payment", "amount"]
    show_columns = ["invoice", "payment", "amount", "created_at"]
    search_columns = ["created_at"]
    order_columns = ["created_at"]
    label_columns = {"amount": _("Amount"), "created_at": _("Settled at")}


class CreditNoteView(ReadOnlyView):
    """Corrections of invoices."""

    model = CreditNote
    class_permission_name = "credit_note"
    menu = ("Billing", _("Credit notes"))
    menu_order = 40
    list_title = _("Credit notes")
    list_columns = ["number", "invoice", "patient", "total", "tax", "reason", "issued_at"]
    show_columns = ["number", "invoice", "patient", "net", "tax", "total", "reason", "issued_at"]
    search_columns = ["number", "patient", "issued_at"]
    order_columns = ["number", "issued_at"]
    label_columns = {"net": _("Before tax"), "tax": _("Tax"), "total": _("Total")}
    show_template = "billing/credit_note_show.html"
    charts = (
        monthly(
            "month",
            _("Credited by month"),
            CreditNote.issued_at,
            value=lambda: func.sum(CreditNote.total_minor),
            value_name=_("Credited"),
            minor=True,
        ),
    )


class ReceiptView(ReadOnlyView):
    """Receipts, one per payment that brought money."""

    model = Receipt
    class_permission_name = "payment"
    menu = ("Billing", _("Receipts"))
    menu_order = 30
    list_title = _("Receipts")
    list_columns = ["number", "patient", "payment", "issued_at"]
    show_columns = ["number", "patient", "payment", "issued_at"]
    search_columns = ["number", "patient", "issued_at"]
    show_template = "billing/receipt_show.html"
    charts = (monthly("month", _("Receipts by month"), Receipt.issued_at),)

    def render_template(self, template: str, **context: Any) -> str:
        """A record shows what the patient was told of it, to those who read messages."""
        if "item" in context and may("message", "read"):
            context |= {"told": told_of(parts_of(context["item"])), "titles": message_title, "channels": channel_name}
        return str(super().render_template(template, **context))


class PayLinkView(ReadOnlyView):
    """Links by which patients pay; the link itself is shown only when it is made."""

    model = PayLink
    class_permission_name = "invoice"
    menu = ("Billing", _("Pay links"))
    menu_order = 50
    list_title = _("Pay links")
    list_columns = ["created_at", "invoice", "link_status", "expires_at", "used_at"]
    show_columns = ["invoice", "link_status", "printed", "created_at", "expires_at", "used_at", "revoked_at"]
    search_columns = ["created_at", "expires_at", "printed"]
    order_columns = ["created_at", "expires_at", "used_at"]
    label_columns = {"printed": _("On a document"), "link_status": _("Status")}
    charts = (monthly("month", _("Pay links by month"), PayLink.created_at),)


describe_item("InvoiceView", shortcut="g i")


class InvoiceView(ReadOnlyView):
    """Invoices of the clinic."""

    model = Invoice
    class_permission_name = "invoice"
    menu = ("Billing", _("Invoices"))
    menu_order = 10
    list_title = _("Invoices")
    list_columns = ["number", "patient", "shown_status", "total", "amount_paid", "amount_due", "due_on", "created_at"]
    show_columns = [
        "number", "shown_status", "patient", "total", "amount_paid", "credited", "amount_due", "subtotal", "discount",
        "tax", "discount_reason", "opened_at", "due_on", "notes", "void_reason", "created_at",
    ]  # fmt: skip
    search_columns = ["number", "status", "patient", "due_on", "created_at"]
    order_columns = ["number", "due_on", "created_at"]
    label_columns = {
        "shown_status": _("Status"),
        "subtotal": _("Subtotal"),
        "discount": _("Discount"),
        "tax": _("Tax"),
        "total": _("Total"),
        "amount_paid": _("Paid"),
        "credited": _("Credited"),
        "amount_due": _("Due"),
        "due_on": _("Due date"),
    }
    list_template = "billing/invoice_list.html"
    related_views = [InvoiceLineView, InvoiceAllocationView, CreditNoteView, PayLinkView]
    show_template = "billing/invoice_show.html"
    charts = (
        Chart("status", _("Invoices by status"), lambda: Invoice.status, kind="doughnut"),
        monthly(
            "month",
            _("Invoiced by month"),
            Invoice.opened_at,
            value=lambda: func.sum(Invoice.total_minor),
            value_name=_("Invoiced"),
            minor=True,
        ),
    )

    @row_action(
        "open", _("Open"), confirm=_("Give the invoice its number? It cannot be changed afterwards."), single=False
    )
    def open(self, invoice: Invoice) -> Any:
        return gettext("Invoice %(number)s is open.", number=open_invoice(_locked(invoice)).number)

    @row_action("send", _("Send by e-mail"))
    def send(self, invoice: Invoice) -> Any:
        return _send(invoice, Channel.EMAIL)

    @row_action("send-whatsapp", _("Send by WhatsApp"))
    def send_whatsapp(self, invoice: Invoice) -> Any:
        return _send(invoice, Channel.WHATSAPP)


def _locked(invoice: Invoice) -> Invoice:
    if invoice.appointment_id is not None:
        lock_visit(invoice.appointment_id)
    return lock_invoice(invoice.id)


def _send(invoice: Invoice, channel: Channel) -> Any:
    """What goes out has a number."""
    invoice = _locked(invoice)
    if invoice.status == InvoiceStatus.DRAFT:
        open_invoice(invoice)
    if invoice.status == InvoiceStatus.VOID or send_invoice(invoice, channel) is None:
        raise Conflict(gettext("This cannot be sent: the invoice is void, or the patient has no such address."))
    return gettext("Queued; see the outbox.")
