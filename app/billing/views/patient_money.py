"""A patient's account on one page: what they owe, what they have with the clinic, and everything one can do with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import flash, redirect, request, url_for
from flask_appbuilder import expose
from flask_babel import gettext as _
from sqlalchemy import select

from app.billing.forms import CreditRefundForm, DepositForm
from app.billing.models import OWED, Invoice
from app.billing.queries import visible_invoices
from app.billing.services import (
    apply_credit,
    collect_for_invoices,
    credit_balance,
    refund_credit,
    take_deposit,
)
from app.billing.services.patient_credit import free_payments
from app.billing.views.cash_forms import form_key
from app.core.amounts import read_money
from app.core.errors import AppError, NotFound
from app.core.formatting import money
from app.core.ids import new_id
from app.core.money import Money
from app.core.principal import own_patient_id, require
from app.core.tenant import db
from app.core.transaction import unit_of_work
from app.core.views import ActionView
from app.people.models import Patient
from app.people.queries import find_patient
from app.tenancy.queries import settings_in_scope

CHOSEN, PART = "invoice", "part_"
MOST_INVOICES = 50


class PatientMoneyView(ActionView):
    """Credit, deposits, several invoices at once."""

    class_permission_name = "patient_credit"
    route_base = "/billing/account"

    @expose("/<id:patient_id>", methods=["GET"])
    def account(self, patient_id: str) -> Any:
        self.require()
        return self._page(_patient(patient_id))

    @expose("/<id:patient_id>/collect", methods=["POST"])
    def collect(self, patient_id: str) -> Any:
        """One payment over the chosen invoices; what is above them becomes credit."""
        require("invoice", "mark-paid")

        def take() -> str:
            parts = _parts()
            typed = request.form.get("amount", "").strip()
            amount = read_money(typed, settings_in_scope().currency, "amount") if typed else None
            tender, reference = request.form.get("tender", ""), request.form.get("reference", "")[:80]
            payment, receipt = collect_for_invoices(patient_id, tender, parts, amount, reference, payment_id=form_key())
            flash(_("Received. Receipt %(number)s", number=receipt.number), "success")
            return url_for("PrintoutView.receipt", payment_id=payment.id)

        return self._do(patient_id, take)

    @expose("/<id:patient_id>/apply", methods=["POST"])
    def apply(self, patient_id: str) -> Any:
        """Use credit for the chosen invoices, or for the oldest."""
        self.require("apply")

        def use() -> str:
            chosen = request.form.getlist(CHOSEN)[:MOST_INVOICES]
            applied = apply_credit(patient_id, chosen or None)
            used = Money.total((item.amount for item in applied), settings_in_scope().currency)
            flash(_("%(amount)s of the credit are used.", amount=money(used)), "success")
            return url_for(".account", patient_id=patient_id)

        return self._do(patient_id, use)

    @expose("/<id:patient_id>/deposit", methods=["POST"])
    def deposit(self, patient_id: str) -> Any:
        """Money in advance."""
        self.require("create")

        def take() -> str:
            form = DepositForm()
            amount = read_money(form.amount.data or "", settings_in_scope().currency, "amount")
            reference = form.reference.data or ""
            payment, receipt = take_deposit(patient_id, form.tender.data, amount, reference, payment_id=form_key())
            flash(_("Received. Receipt %(number)s", number=receipt.number), "success")
            return url_for("PrintoutView.receipt", payment_id=payment.id)

        return self._do(patient_id, take)

    @expose("/<id:patient_id>/refund", methods=["POST"])
    def refund(self, patient_id: str) -> Any:
        """Ask for credit to go back."""
        self.require("refund")

        def ask() -> str:
            form = CreditRefundForm()
            amount = read_money(form.amount.data or "", settings_in_scope().currency, "amount")
            refund_credit(patient_id, amount, form.reason.data or _("Credit"), refund_id=form_key())
            flash(_("The refund is asked for."), "success")
            return url_for(".account", patient_id=patient_id)

        return self._do(patient_id, ask)

    def _do(self, patient_id: str, deed: Callable[[], str]) -> Any:
        """The deed in one unit of work; its refusal stands on the page."""
        patient = _patient(patient_id)
        try:
            with unit_of_work():
                target = deed()
            return redirect(target)
        except AppError as error:
            words = " ".join(str(text) for text in (error.fields or {}).values()) or str(error.message)
            return self._page(patient, words), 422

    def _page(self, patient: Patient, problem: str = "") -> str:
        owed = _owed(patient.id)
        return self.render(
            "billing/account.html",
            patient=patient,
            invoices=owed,
            total_due=Money.total((invoice.amount_due for invoice in owed), settings_in_scope().currency),
            balance=credit_balance(patient.id),
            free=free_payments(patient.id),
            deposit=DepositForm(formdata=None),
            refund=CreditRefundForm(formdata=None),
            typed=request.form,
            key=new_id,
            problem=problem,
        )


def _patient(patient_id: str) -> Patient:
    """Raises NotFound, also for a PATIENT who asks for another."""
    patient, own = find_patient(patient_id), own_patient_id()
    if patient is None or own not in (None, patient_id):
        raise NotFound
    return patient


def _owed(patient_id: str) -> list[Invoice]:
    """The one that was due first in front."""
    wanted = select(Invoice).where(Invoice.patient_id == patient_id, Invoice.status.in_(OWED))
    ordered = visible_invoices(wanted).order_by(Invoice.due_on, Invoice.opened_at, Invoice.id)
    return list(db.session.scalars(ordered.limit(MOST_INVOICES)))


def _parts() -> dict[str, Money | None]:
    """The chosen invoices, in their order on the page; an empty amount is all that is due."""
    currency = settings_in_scope().currency
    parts: dict[str, Money | None] = {}
    for invoice_id in request.form.getlist(CHOSEN)[:MOST_INVOICES]:
        typed = request.form.get(f"{PART}{invoice_id}", "").strip()
        parts[invoice_id] = read_money(typed, currency, "amount") if typed else None
    return parts
