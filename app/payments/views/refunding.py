"""A refund of a payment, asked for on a page of its own; who may approve it does so with the same click."""

from __future__ import annotations

from typing import Any

from flask import flash, redirect, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _

from app.core.amounts import read_money
from app.core.errors import AppError, Invalid
from app.core.formatting import money
from app.core.ids import is_id, new_id
from app.core.principal import may
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.payments.forms import RefundForm
from app.payments.models import Payment, Refund, RefundStatus
from app.payments.queries import get_payment
from app.payments.services import approve_refund, may_decide, request_refund


class RefundingView(ActionView):
    """Give a payment back, or a part of it; also by another instrument, when the one that paid takes nothing back."""

    class_permission_name = "payment"
    route_base = "/refunds"

    @expose("/of/<id:payment_id>", methods=["GET", "POST"])
    def refund(self, payment_id: str) -> Any:
        self.require("request-refund")
        payment, problem = get_payment(payment_id), ""
        form = RefundForm(amount=str(payment.refundable.major), key=new_id())
        if form.validate_on_submit():
            try:
                with unit_of_work():
                    said = _give_back(get_payment(payment_id), form)
                flash(said, "success")
                return redirect(url_for("PaymentView.show", pk=payment_id))
            except AppError as error:
                words = " ".join(str(text) for text in (error.fields or {}).values())
                problem = words if isinstance(error, Invalid) and words else str(error.message)
        approves = may("payment", "refund") and may("refund", "approve")
        page = self.render(
            "payments/refund.html", payment=get_payment(payment_id), form=form, problem=problem, approves=approves
        )
        return (page, 422) if problem or form.errors else page


def _give_back(payment: Payment, form: RefundForm) -> str:
    """Ask, and approve where the same person may. Raises Invalid, RefundTooLarge."""
    amount = read_money(form.amount.data, payment.currency)
    if not is_id(form.key.data or ""):
        raise Invalid(fields={"key": _("Load the page again.")})
    refund = request_refund(
        payment, amount, form.reason.data or "", destination=form.destination.data, refund_id=form.key.data
    )
    if refund.status == RefundStatus.REQUESTED and may("payment", "refund") and may_decide(refund):
        refund = approve_refund(refund)
    return _said(refund)


def _said(refund: Refund) -> str:
    amount = money(refund.amount)
    if refund.status == RefundStatus.REQUESTED:
        return _("Asked for %(amount)s: somebody else approves it.", amount=amount)
    if refund.status == RefundStatus.SETTLED:
        return _("Pay out %(amount)s now.", amount=amount)
    return _("%(amount)s is on its way to the gateway.", amount=amount)
