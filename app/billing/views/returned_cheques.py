"""A cheque that came back from the bank, recorded on a page of its own."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.billing.forms import ReturnedChequeForm, UndoReturnForm, show_errors
from app.billing.services.returned_cheques import (
    NotReturnable,
    NotReturned,
    can_come_back,
    return_cheque,
    undo_return,
)
from app.core.amounts import read_money
from app.core.errors import AppError
from app.core.formatting import money
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.payments.models import CHEQUE_RETURNED, Payment
from app.payments.queries import get_payment


class ReturnedChequeView(ActionView):
    """What the cheque paid is owed again."""

    class_permission_name = "payment"
    route_base = "/billing/returned-cheque"

    @expose("/<id:payment_id>", methods=["GET", "POST"])
    def record(self, payment_id: str) -> Any:
        self.require("refund")
        payment, form, problems = get_payment(payment_id), ReturnedChequeForm(), []
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    refund = _record(payment, form)
                    said = _("%(amount)s are owed again.", amount=money(refund.amount))
                flash(said, "success")
                return redirect(url_for("PaymentView.show", pk=payment_id))
            except AppError as error:
                problems = show_errors(form, error.fields) if error.fields else [str(error.message)]
        elif not form.is_submitted() and not can_come_back(payment):
            raise NotReturnable(_("Only a cheque comes back, and only while nothing of it was refunded."))
        page = self.render(
            "billing/returned_cheque.html", payment=get_payment(payment_id), form=form, problems=problems
        )
        return (page, 422) if problems or form.errors else page

    @expose("/<id:payment_id>/undo", methods=["GET", "POST"])
    def undo(self, payment_id: str) -> Any:
        """Another cheque was meant, or the bank paid it after all."""
        self.require("refund")
        payment, form, problems = get_payment(payment_id), UndoReturnForm(), []
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    undo_return(payment_id, form.reason.data or "", keep_charge=form.charge.data == "kept")
                flash(_("The cheque counts again."), "success")
                return redirect(url_for("PaymentView.show", pk=payment_id))
            except AppError as error:
                problems = show_errors(form, error.fields) if error.fields else [str(error.message)]
        elif not form.is_submitted() and payment.shown_status != CHEQUE_RETURNED:
            raise NotReturned(_("No return of this payment was recorded."))
        page = self.render("billing/undo_return.html", payment=get_payment(payment_id), form=form, problems=problems)
        return (page, 422) if problems or form.errors else page


def _record(payment: Payment, form: ReturnedChequeForm) -> Any:
    typed = (form.charge.data or "").strip()
    charge = read_money(typed, payment.currency, "charge") if typed else None
    return return_cheque(payment.id, form.reason.data or "", was_at_bank=form.was_at_bank.data == "bank", charge=charge)
