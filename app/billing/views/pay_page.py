"""The public page of a pay link: what is due to whom, and the way to the hosted checkout (SPEC BIL-9)."""

from __future__ import annotations

from typing import Any

from flask import redirect, render_template, request
from flask_appbuilder import BaseView, expose

from app.billing.models import PayLink
from app.billing.services import LinkOver, begin_invoice_payment
from app.billing.services.pay_links import amount_of_link, pay_link_of_token
from app.core import clock
from app.core.errors import AppError, Conflict, Invalid
from app.core.public_links import opened_by_link
from app.core.transaction import unit_of_work
from app.payments.services import checkout_url, providers_for
from app.tenancy.queries import clinic_in_scope


class PayPageView(BaseView):
    """Nobody logs in here: the token is the right to see this summary and to pay, and to nothing else."""

    route_base = "/pay"
    default_view = "summary"

    @expose("/<token>", methods=["GET"])
    def summary(self, token: str) -> Any:
        with opened_by_link("pay", token), unit_of_work():
            try:
                link = pay_link_of_token(token)
            except LinkOver as over:
                return _closed(over)
            return render_template("billing/pay/summary.html", **_shown(link))

    @expose("/<token>", methods=["POST"])
    def pay(self, token: str) -> Any:
        with opened_by_link("pay", token):
            try:
                with unit_of_work():
                    link = pay_link_of_token(token)
                    part = amount_of_link(link) if link.instalment is not None else None
                    provider = request.form.get("provider") or None
                    payment_id = begin_invoice_payment(link.invoice, provider=provider, part=part).id
                    link.used_at = clock.now()
                    address = checkout_url(payment_id)
            except (LinkOver, Conflict, Invalid) as refusal:
                with unit_of_work():
                    return _closed(refusal)
            return redirect(address, 303)


def _shown(link: PayLink) -> dict[str, Any]:
    """What is asked for, and the clinic's gateways that can take it, its primary first."""
    amount = amount_of_link(link)
    return {
        "clinic": clinic_in_scope(),
        "invoice": link.invoice,
        "instalment": link.instalment,
        "amount": amount,
        "providers": providers_for(amount),
    }


def _closed(refusal: AppError) -> Any:
    """Paid meanwhile, called off, expired: in words."""
    clinic = clinic_in_scope()
    return render_template("billing/pay/closed.html", refusal=refusal, clinic=clinic), refusal.status
