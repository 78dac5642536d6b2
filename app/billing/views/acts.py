"""What people do with an invoice on pages of their own: collect, void, credit, make a pay link."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from flask_wtf import FlaskForm

from app.billing.forms import CollectForm, PlanForm, ReasonForm, show_errors
from app.billing.models import Invoice, InvoiceStatus
from app.billing.queries import get_invoice
from app.billing.services import (
    collect_at_desk,
    lock_invoice,
    lock_visit,
    make_pay_link,
    make_payment_plan,
    open_invoice,
    reinstate_invoice,
    request_write_off,
    void_invoice,
)
from app.core import clock
from app.core.amounts import read_money
from app.core.errors import AppError, Invalid
from app.core.ids import is_id, new_id
from app.core.principal import require
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.tenancy.queries import settings_in_scope


class InvoiceActsView(ActionView):
    """Deeds on one invoice that need more than a click."""

    class_permission_name = "invoice"
    route_base = "/billing"

    @expose("/collect/<id:invoice_id>", methods=["GET", "POST"])
    def collect(self, invoice_id: str) -> Any:
        """Take money; the receipt is offered for print afterwards."""
        self.require("mark-paid")
        invoice = get_invoice(invoice_id)
        form = CollectForm(amount=str(invoice.amount_due.major), key=new_id())

        def take() -> str:
            amount = read_money(form.amount.data, invoice.currency)
            taken = collect_at_desk(
                get_invoice(invoice_id),
                form.tender.data,
                amount,
                form.reference.data or "",
                payment_id=form.key.data if is_id(form.key.data or "") else None,
            )
            flash(_("Received. Receipt %(number)s", number=taken.receipt.number), "success")
            return url_for("PrintoutView.receipt", payment_id=taken.payment.id)

        return self._answer(invoice, form, _("Collect payment"), take)

    @expose("/void/<id:invoice_id>", methods=["GET", "POST"])
    def void(self, invoice_id: str) -> Any:
        """Take the invoice back."""
        self.require("void")
        form = ReasonForm()

        def take_back() -> str:
            void_invoice(_locked(invoice_id), form.reason.data or "")
            flash(_("The invoice is void."), "success")
            return _record(invoice_id)

        return self._answer(get_invoice(invoice_id), form, _("Void invoice"), take_back)

    @expose("/write-off/<id:invoice_id>", methods=["GET", "POST"])
    def write_off(self, invoice_id: str) -> Any:
        """Ask that the debt be given up."""
        require("write_off", "create")
        form = ReasonForm()

        def ask() -> str:
            request_write_off(_locked(invoice_id), form.reason.data or "")
            flash(_("Asked for: somebody else must approve it."), "success")
            return _record(invoice_id)

        return self._answer(get_invoice(invoice_id), form, _("Ask to write off"), ask)

    @expose("/reinstate/<id:invoice_id>", methods=["GET", "POST"])
    def reinstate(self, invoice_id: str) -> Any:
        """Let a written-off debt count again."""
        require("write_off", "reverse")
        form = ReasonForm()

        def bring_back() -> str:
            reinstate_invoice(_locked(invoice_id), form.reason.data or "")
            flash(_("The debt counts again."), "success")
            return _record(invoice_id)

        return self._answer(get_invoice(invoice_id), form, _("Reinstate"), bring_back)

    @expose("/plan/<id:invoice_id>", methods=["GET", "POST"])
    def plan(self, invoice_id: str) -> Any:
        """Split what is due into instalments."""
        require("payment_plan", "create")
        form = PlanForm(first_due_on=clock.today(settings_in_scope().zone))

        def split() -> str:
            made = make_payment_plan(
                _locked(invoice_id),
                form.instalments.data,
                first_due_on=form.first_due_on.data,
                interval=form.interval.data,
                notes=form.notes.data or "",
            )
            flash(_("The plan is made."), "success")
            return url_for("PaymentPlanView.show", pk=made.id)

        return self._answer(get_invoice(invoice_id), form, _("Payment plan"), split)

    @expose("/pay-link/<id:invoice_id>", methods=["POST"])
    def pay_link(self, invoice_id: str) -> Any:
        """Make a link and show it, this once."""
        self.require("send")
        get_invoice(invoice_id)  # somebody else's is 404, not a refusal
        try:
            with unit_of_work():
                invoice = _locked(invoice_id)
                if invoice.status == InvoiceStatus.DRAFT:
                    open_invoice(invoice)
                link, address = make_pay_link(invoice)
                return self.render("billing/pay_link.html", invoice=invoice, link=link, address=address)
        except AppError as error:
            flash(str(error.message), "danger")
            return redirect(_record(invoice_id))

    def _answer(self, invoice: Invoice, form: FlaskForm, title: str, deed: Callable[[], str]) -> Any:
        """The page, or after a valid form the deed in one unit of work; its refusal stands beside the fields."""
        problem = ""
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    target = deed()
                return redirect(target)
            except Invalid as error:
                problem = " ".join(show_errors(form, error.fields)) or ("" if form.errors else str(error.message))
            except AppError as error:
                problem = str(error.message)
        page = self.render("billing/act.html", invoice=get_invoice(invoice.id), form=form, title=title, problem=problem)
        return (page, 422) if problem or form.errors else page


def _locked(invoice_id: str) -> Invoice:
    invoice = get_invoice(invoice_id)
    if invoice.appointment_id is not None:
        lock_visit(invoice.appointment_id)
    return lock_invoice(invoice.id)


def _record(invoice_id: str) -> str:
    return url_for("InvoiceView.show", pk=invoice_id)
