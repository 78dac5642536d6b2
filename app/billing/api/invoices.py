"""API of invoices (SPEC BIL-4, BIL-5, BIL-9)."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_babel import gettext as _

from app.billing.api.bodies import (
    CreditBody,
    CreditLineBody,
    InvoiceChanges,
    InvoiceContent,
    InvoiceQuery,
    LineBody,
    NewInvoice,
    ReasonBody,
    TenderBody,
    amount_of,
)
from app.billing.api.locking import locked_invoice
from app.billing.api.shapes import show_credit_note, show_invoice, show_row
from app.billing.models import Invoice, InvoiceStatus
from app.billing.notices import send_invoice
from app.billing.queries import get_invoice, invoice_rows, patient_of_user, today
from app.billing.services import (
    LineCredit,
    collect_at_desk,
    credit_invoice,
    credit_lines,
    ensure_pdf,
    lock_for_credit,
    lock_invoice,
    make_pay_link,
    open_invoice,
    void_invoice,
)
from app.billing.services.checkout import check_amount
from app.billing.services.discounts import discount_stands
from app.billing.services.downloads import download_url, read_download_token
from app.billing.services.drafts import WantedLine, change_by_hand, draft_by_hand
from app.billing.services.files import PDF
from app.core.api import Api, endpoint
from app.core.cache.regions import USER_INVOICES
from app.core.errors import Conflict, NotFound
from app.core.money import Money
from app.core.paging import is_first_page, page
from app.core.principal import current_principal, find_principal, own_patient_id
from app.core.tenant import current_clinic_id, tenant_scope
from app.core.transaction import unit_of_work
from app.messaging.models import Channel
from app.tenancy.cache import kept

INVOICE = "/billing/invoices/<id:invoice_id>"


class InvoiceApi(Api):
    """Invoices of the clinic; a PATIENT sees their own."""

    openapi_tag = "Invoices"

    @endpoint(
        "POST", "/billing/invoices", resource="invoice", action="create", body=NewInvoice, status=201, idempotent=True
    )
    def create(self, body: NewInvoice) -> dict[str, Any]:
        """Write a draft, or with `open` issue it at once, unless its discount waits for approval."""
        invoice = draft_by_hand(
            body.patient_id, _lines(body.lines), appointment_id=body.appointment_id, **_content(body)
        )
        if body.open and discount_stands(invoice):
            open_invoice(lock_invoice(invoice.id))
        return show_invoice(invoice)

    @endpoint("GET", "/billing/invoices", resource="invoice", action="read", query=InvoiceQuery)
    def invoices(self, query: InvoiceQuery) -> dict[str, Any]:
        """Invoices, the newest first, by status, patient or date."""
        own = own_patient_id()
        if own is None or query.patient_id not in (None, own):
            return _page(query, query.patient_id)
        return _kept_page(query, own)

    @endpoint("GET", "/billing/invoices/user/<id:user_id>", resource="invoice", action="read", query=InvoiceQuery)
    def invoices_of_user(self, user_id: str, query: InvoiceQuery) -> dict[str, Any]:
        """Invoices of a user or patient, the newest first."""
        return _kept_page(query, patient_of_user(user_id))

    @endpoint("GET", INVOICE, resource="invoice", action="read")
    def invoice(self, invoice_id: str) -> dict[str, Any]:
        """One invoice with its lines, payments and credit notes."""
        return show_invoice(get_invoice(invoice_id))

    @endpoint("PUT", INVOICE, resource="invoice", action="update", body=InvoiceChanges)
    def change(self, invoice_id: str, body: InvoiceChanges) -> dict[str, Any]:
        """Write a draft anew; 409 for an invoice that is open."""
        invoice = locked_invoice(invoice_id)
        lines = _lines(body.lines) if body.lines is not None else None
        return show_invoice(change_by_hand(invoice, lines, **_content(body, _kept(invoice, body))))

    @endpoint("POST", f"{INVOICE}/open", resource="invoice", action="update", idempotent=True)
    def open(self, invoice_id: str) -> dict[str, Any]:
        """Number a draft and book it; it cannot change from then on."""
        return show_invoice(open_invoice(locked_invoice(invoice_id)))

    @endpoint("POST", f"{INVOICE}/mark-paid", resource="invoice", action="mark-paid", body=TenderBody, idempotent=True)
    def mark_paid(self, invoice_id: str, body: TenderBody) -> dict[str, Any]:
        """Record a desk tender for the amount due."""
        invoice = locked_invoice(invoice_id)
        check_amount(invoice, amount_of(body.amount, body.currency))
        return show_invoice(collect_at_desk(invoice, body.tender, reference=body.reference).invoice)

    @endpoint("POST", f"{INVOICE}/void", resource="invoice", action="void", body=ReasonBody, idempotent=True)
    def void(self, invoice_id: str, body: ReasonBody) -> dict[str, Any]:
        """Take back an invoice that nobody paid; its number stays."""
        return show_invoice(void_invoice(locked_invoice(invoice_id), body.reason))

    @endpoint(
        "POST",
        f"{INVOICE}/credit",
        resource="credit_note",
        action="create",
        body=CreditBody,
        status=201,
        idempotent=True,
    )
    def credit(self, invoice_id: str, body: CreditBody) -> dict[str, Any]:
        """Correct an open invoice by a credit note: what is unpaid by an amount, or lines by quantity or amount."""
        get_invoice(invoice_id)
        invoice = lock_for_credit(invoice_id)
        if body.lines is not None:
            lines = [_credited_line(line, at, body.currency) for at, line in enumerate(body.lines)]
            return show_credit_note(credit_lines(invoice, lines, body.reason, release_paid=body.release_paid))
        amount = amount_of(body.amount, body.currency)
        assert amount is not None  # the body has one or the other
        return show_credit_note(credit_invoice(invoice, amount, body.reason))

    @endpoint("POST", f"{INVOICE}/generate-pdf", resource="invoice", action="generate-pdf")
    def generate_pdf(self, invoice_id: str) -> dict[str, Any]:
        """Make the document of the invoice as it stands now, unless there is one."""
        stored = ensure_pdf(get_invoice(invoice_id).id)
        invoice = get_invoice(invoice_id)
        return {"invoiceId": invoice.id, "fileName": stored.name, "pdfUrl": download_url(invoice)}

    @endpoint("POST", f"{INVOICE}/send", resource="invoice", action="send", idempotent=True)
    def send(self, invoice_id: str) -> dict[str, Any]:
        """Send the invoice by e-mail; a draft is opened first."""
        return _send(invoice_id, Channel.EMAIL)

    @endpoint("POST", f"{INVOICE}/send-whatsapp", resource="invoice", action="send", idempotent=True)
    def send_whatsapp(self, invoice_id: str) -> dict[str, Any]:
        """Send the invoice's document by WhatsApp; a draft is opened first."""
        return _send(invoice_id, Channel.WHATSAPP)

    # Not idempotent: the answer of a key is kept, and a link's secret must not be. Another link does no harm.
    @endpoint("POST", f"{INVOICE}/pay-link", resource="invoice", action="send", status=201)
    def pay_link(self, invoice_id: str) -> dict[str, Any]:
        """A public, expiring link by which the invoice is paid; a draft is opened first."""
        link, url = make_pay_link(_opened(invoice_id))
        return {"id": link.id, "invoiceId": link.invoice_id, "url": url, "expiresAt": link.expires_at}

    @endpoint("GET", "/billing/invoices/download/<file_name>", public=True)
    def download(self, file_name: str) -> Response:
        """The document of a signed link; somebody who is logged in gets only what is theirs."""
        clinic_id, invoice_id = read_download_token(request.args.get("token", ""))
        if find_principal() is not None and current_clinic_id() != clinic_id:
            raise NotFound
        with tenant_scope(clinic_id):
            get_invoice(invoice_id)
            with unit_of_work():
                stored = ensure_pdf(invoice_id)
                return pdf_response(bytes(stored.content), stored.name)


def pdf_response(content: bytes, name: str) -> Response:
    """A document for this reader alone."""
    headers = {"Content-Disposition": f'inline; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(content, mimetype=PDF, headers=headers)


def _kept_page(query: InvoiceQuery, patient_id: str) -> dict[str, Any]:
    """A patient's invoices; the cache keeps the first page of the day, as whoever sees the whole clinic sees it."""
    principal = current_principal()
    if not is_first_page(query) or (principal.active and principal.active.location_id):
        return _page(query, patient_id)
    name = f"{patient_id}:{query.limit}:{today()}"
    answer: dict[str, Any] = kept(USER_INVOICES, name, lambda: _page(query, patient_id), part=patient_id)
    return answer


def _page(query: InvoiceQuery, patient_id: str | None) -> dict[str, Any]:
    rows = invoice_rows(
        status=query.status, patient_id=patient_id, first=query.from_, last=query.to, overdue=query.overdue
    )
    return page(rows, [Invoice.created_at, Invoice.id], query, show_row, descending=True)


def _opened(invoice_id: str) -> Invoice:
    """What goes to the patient has a number. Raises Conflict for a void invoice."""
    invoice = locked_invoice(invoice_id)
    if invoice.status == InvoiceStatus.DRAFT:
        open_invoice(invoice)
    elif invoice.status == InvoiceStatus.VOID:
        raise Conflict(_("This invoice is void."), code="INVOICE_VOID")
    return invoice


def _send(invoice_id: str, channel: Channel) -> dict[str, Any]:
    message = send_invoice(_opened(invoice_id), channel)
    if message is None:
        raise Conflict(_("The patient has no address for this."), code="NO_ADDRESS", channel=str(channel))
    return {"messageId": message.id, "status": message.status, "channel": message.channel}


def _lines(bodies: list[LineBody]) -> list[WantedLine]:
    return [
        WantedLine(
            unit_price=_price(body, at),
            quantity=body.quantity,
            description=body.description,
            service_id=body.service_id,
            tax_rate_id=body.tax_rate_id,
            discount=body.discount_percent or amount_of(body.discount, field=f"lines.{at}.discount"),
        )
        for at, body in enumerate(bodies)
    ]


def _credited_line(body: CreditLineBody, at: int, currency: str | None) -> LineCredit:
    return LineCredit(body.line_id, body.quantity, amount_of(body.amount, currency, f"lines.{at}.amount"))


def _price(body: LineBody, at: int) -> Money:
    price = amount_of(body.unit_price, field=f"lines.{at}.unitPrice")
    assert price is not None
    return price


def _content(body: InvoiceContent, kept: dict[str, Any] | None = None) -> dict[str, Any]:
    given = {
        "discount": body.discount_percent or amount_of(body.discount, body.currency, "discount"),
        "discount_reason": body.discount_reason,
        "due_on": body.due_on,
        "notes": body.notes,
    }
    return {**given, **(kept or {})}


def _kept(invoice: Invoice, body: InvoiceContent) -> dict[str, Any]:
    """What a change does not name stays as it is."""
    stored = {
        "discount": invoice.discount,
        "discount_reason": invoice.discount_reason,
        "due_on": invoice.due_on,
        "notes": invoice.notes,
    }
    named = body.model_fields_set | ({"discount"} if body.discount_percent is not None else set())
    return {name: value for name, value in stored.items() if name not in named}
