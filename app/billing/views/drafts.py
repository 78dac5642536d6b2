"""Writing an invoice by hand: a page for a new draft, and for one that is still a draft."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.billing.forms import DraftForm, NewDraftForm
from app.billing.models import Invoice, InvoiceLine
from app.billing.queries import get_invoice
from app.billing.services import lock_invoice, lock_visit, open_invoice
from app.billing.services.discounts import discount_stands
from app.billing.services.drafts import WantedLine, change_by_hand, draft_by_hand
from app.billing.services.invoices import check_draft
from app.catalog.models import Service
from app.core.amounts import read_money
from app.core.errors import AppError, Conflict, Invalid
from app.core.money import Money
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.tenancy.queries import settings_in_scope

SPARE_LINES = 3
WHOLE = 100


class DraftView(ActionView):
    """New invoice, and a draft to be changed."""

    class_permission_name = "invoice"
    route_base = "/billing/draft"
    default_view = "create"

    @expose("/new", methods=["GET", "POST"])
    def create(self) -> Any:
        """`?_flt_0_patient=<id>` starts with that patient."""
        self.require("create")
        form = NewDraftForm()
        if request.method == "GET":
            form.patient.process_formdata([request.args.get("_flt_0_patient", "")])
        return self._answer(form, lambda: self._made(form))

    @expose("/<id:invoice_id>", methods=["GET", "POST"])
    def change(self, invoice_id: str) -> Any:
        self.require("update")
        invoice = get_invoice(invoice_id)
        form = DraftForm(data=_shown(invoice))
        return self._answer(form, lambda: self._changed(form, invoice_id), invoice)

    def _made(self, form: Any) -> Invoice:
        return draft_by_hand(form.patient.data.id, _wanted(form), **_content(form))

    def _changed(self, form: Any, invoice_id: str) -> Invoice:
        invoice = get_invoice(invoice_id)
        if invoice.appointment_id is not None:
            lock_visit(invoice.appointment_id)
        return change_by_hand(lock_invoice(invoice_id), _wanted(form), **_content(form))

    def _answer(self, form: Any, save: Any, invoice: Invoice | None = None) -> Any:
        """The page, or after a valid form the saved draft, opened where its button says so."""
        problems: list[str] = []
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    saved = save()
                    stands = discount_stands(saved)
                    if "open" in request.form and stands:
                        open_invoice(saved)
                    target = url_for("InvoiceView.show", pk=saved.id)
                flash(_("Saved."), "success")
                if not stands:
                    flash(_("The discount is above your limit: somebody else must approve it."), "warning")
                return redirect(target)
            except (Invalid, Conflict) as error:
                problems = _words(error, form)
        for _spare in range(SPARE_LINES):
            form.lines.append_entry()
        shown = get_invoice(invoice.id) if invoice is not None else None
        if shown is not None and request.method == "GET":
            check_draft(shown)
        page = self.render("billing/draft.html", form=form, invoice=shown, problems=problems)
        return (page, 422) if problems or form.errors else page


def _wanted(form: Any) -> list[WantedLine]:
    """Lines that say something. Raises Invalid."""
    lines: list[WantedLine] = []
    for at, line in enumerate(_filled(form)):
        service: Service | None = line.service.data
        price = _amount(line.unit_price.data, f"lines.{at}.unitPrice")
        if price is None:
            raise Invalid(fields={f"lines.{at}.unitPrice": _("Type a price.")})
        lines.append(
            WantedLine(
                unit_price=price,
                quantity=_quantity(line.quantity.data, at),
                description=(line.description.data or "").strip(),
                service_id=service.id if service else None,
                discount=_discount(line.discount.data, f"lines.{at}.discount"),
            )
        )
    if not lines:
        raise Invalid(fields={"lines": _("An invoice needs at least one line.")})
    return lines


def _filled(form: Any) -> list[Any]:
    return [entry.form for entry in form.lines.entries if not entry.form.empty]


def _content(form: Any) -> dict[str, Any]:
    return {
        "discount": _discount(form.discount.data, "discount"),
        "discount_reason": form.discount_reason.data or "",
        "due_on": form.due_on.data,
        "notes": form.notes.data or "",
    }


def _discount(text: str | None, field: str) -> Money | Decimal | None:
    """'12.50' is an amount, '12.5%' per cent. Raises Invalid."""
    typed = (text or "").replace(" ", "")
    if not typed.endswith("%"):
        return _amount(text, field)
    try:
        percent = Decimal(typed.removesuffix("%"))
        if 0 <= percent <= WHOLE and percent == percent.quantize(Decimal("0.001")):
            return percent
    except InvalidOperation:
        pass
    raise Invalid(fields={field: _("From 0% to 100%, with at most three decimals.")})


def _amount(text: str | None, field: str) -> Money | None:
    """Nothing typed is no amount. Raises Invalid."""
    typed = (text or "").strip()
    if not typed:
        return None
    amount = read_money(typed, settings_in_scope().currency, field)
    if amount.minor < 0:
        raise Invalid(fields={field: _("An amount is not negative.")})
    return amount


def _quantity(text: str | None, at: int) -> Decimal:
    try:
        quantity = Decimal((text or "1").strip())
        if 0 < quantity <= 1_000_000 and quantity == quantity.quantize(Decimal("0.001")):
            return quantity
    except InvalidOperation:
        pass
    raise Invalid(fields={f"lines.{at}.quantity": _("Above zero, with at most three decimals.")})


def _shown(invoice: Invoice) -> dict[str, Any]:
    """A stored draft as its form shows it."""
    return {
        "lines": [_shown_line(line) for line in invoice.lines],
        "discount": str(invoice.discount.major) if invoice.discount else "",
        "discount_reason": invoice.discount_reason,
        "due_on": invoice.due_on,
        "notes": invoice.notes,
    }


def _shown_line(line: InvoiceLine) -> dict[str, Any]:
    return {
        "service": db.session.get(Service, line.service_id) if line.service_id else None,
        "description": line.description,
        "quantity": f"{line.quantity.normalize():f}",
        "unit_price": str(line.unit_price.major),
        "discount": str(line.discount.major) if line.discount else "",
    }


def _words(error: AppError, form: Any) -> list[str]:
    """What is wrong, with the number of the line on screen that it is about."""
    if not error.fields:
        return [str(error.message)]
    return [_place(name, form) + str(text) for name, text in error.fields.items()]


def _place(field: str, form: Any) -> str:
    parts = field.split(".")
    if len(parts) < 2 or not parts[1].isdigit():
        return ""
    line, on_screen = _filled(form)[int(parts[1])], [entry.form for entry in form.lines.entries]
    return _("Line %(number)s: ", number=on_screen.index(line) + 1)
